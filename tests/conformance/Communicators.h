// What the tests of communicators over threads and over processes have in common.
#pragma once

#include "faro/communicator.h"
#include "tests/conformance/ExpectStatus.h"
#include "tests/conformance/Ranks.h"

#include <gtest/gtest.h>

namespace faro::test {

using Clock = std::chrono::steady_clock;

/// Until the rank hears that something is wrong, or for ten seconds.
Status hear(Communicator &self);

/// What a process on this machine, rank `rank` of so many, needs to meet the others.
CommunicatorOptions optionsOf(uint32_t rank, uint32_t worldSize, uint16_t port);

/// Runs `body` on all ranks of a job: threads over `local`, or processes over `ucx`. nodes: of each rank;
/// Topology::blocks for threads.
void runJob(RankKind kind, const std::vector<uint32_t> &nodes, const std::function<void(Communicator &)> &body,
            const std::vector<uint32_t> &toBeKilled = {});

/// Gathers, stores into the memory of all ranks of the node, and finds their stores.
void expectConnected(Communicator &self);

} // namespace faro::test
