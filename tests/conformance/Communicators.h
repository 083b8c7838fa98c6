// What the tests of communicators over threads and over processes have in common.
#pragma once

#include "faro/communicator.h"

#include <gtest/gtest.h>

namespace faro::test {

using Clock = std::chrono::steady_clock;

/// Until the rank hears that something is wrong, or for ten seconds.
Status hear(Communicator &self);

void expectStatus(const Status &status, faro_status code, const std::vector<std::string> &words);

/// Gathers, stores into everybody's memory, and finds everybody's stores.
void expectConnected(Communicator &self);

} // namespace faro::test
