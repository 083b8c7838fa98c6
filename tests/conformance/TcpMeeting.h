// What tests of ranks that meet over TCP have in common. The ranks are threads.
#pragma once

#include "runtime/core/TcpBootstrap.h"
#include "tests/conformance/ExpectStatus.h"
#include "tests/conformance/FreePort.h"

#include <chrono>
#include <functional>

namespace faro::test {

class TcpMeeting : public ::testing::Test {
protected:
  CommunicatorOptions optionsOf(uint32_t rank, uint32_t worldSize,
                                Nanoseconds timeout = std::chrono::seconds(20)) const;

  using Body = std::function<void(TcpBootstrap &self, uint32_t rank)>;
  /// All ranks meet and run `body`, each in a thread.
  void meet(uint32_t ranks, const Body &body) const;
  /// What each of these gets for an answer.
  static std::vector<Status> come(const std::vector<CommunicatorOptions> &all);

  const uint16_t port = freePort();
};

/// Waits until it is so, ten seconds at most; whether it is.
bool eventually(const std::function<bool()> &so);

/// Until the rank hears that something is wrong, or for five seconds.
Status hear(Bootstrap &self);

} // namespace faro::test
