// What tests of protocols share. Each protocol has a modelOf.
#pragma once

#include "ModelChecker.h"

#include <algorithm>
#include <fmt/format.h>
#include <gtest/gtest.h>

namespace faro::test {

/// Protocols as they are. Says how many states were looked at.
class Faultless : public testing::Test {
protected:
  template <typename Protocol> void expectNoFault(const Protocol &protocol) {
    const Outcome outcome = check(modelOf(protocol));
    EXPECT_EQ(outcome.fault, "");
    states += outcome.states;
    most = std::max(most, outcome.states);
  }
  void TearDown() override {
    RecordProperty("states", std::to_string(states));
    fmt::print("{} states, {} of the largest model\n", states, most);
  }

private:
  size_t states = 0, most = 0;
};

/// What happens at the end of the shortest counterexample, or "" where there is none.
template <typename Protocol> std::string faultOf(const Protocol &mutant) {
  const std::string fault = check(modelOf(mutant)).fault;
  return fault.substr(0, fault.find('\n'));
}
inline bool isRace(const std::string &fault) { return fault.find(", expects ") != std::string::npos; }

} // namespace faro::test
