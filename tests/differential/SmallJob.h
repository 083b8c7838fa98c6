// A small program on four ranks, and batches that send rows between all of them: for tests of what sessions refuse, and
// of ranks that leave. Everything is over soon, whatever goes wrong.
#pragma once

#include "tests/differential/Threads.h"

#include <gtest/gtest.h>

namespace faro::differential {

/// The parameter: on how many nodes.
class SmallJob : public testing::TestWithParam<uint32_t> {
protected:
  static constexpr uint32_t Ranks = 4, Tokens = 6, Topk = 2, Columns = 8;
  static Shape shape() {
    return {.ranks = Ranks, .nodes = GetParam(), .topk = Topk, .experts = 8, .columns = Columns, .element = "f32"};
  }
  void SetUp() override;

  using Work = std::function<Status(uint32_t rank, Session &, const std::shared_ptr<Communicator> &mine)>;
  /// Each rank in a thread, which it leaves with. What `work` returns is what the rank ended with; nobody may need as
  /// long as the time-out.
  std::vector<Status> run(const Work &work, Nanoseconds timeout = std::chrono::seconds(60)) const;

  using Plans = std::vector<std::shared_ptr<const Plan>>;
  using PlannedWork = std::function<Status(uint32_t rank, Session &, const Plans &)>;
  /// The same, with plans of the batches 0 .. `batches` - 1.
  std::vector<Status> runPlanned(uint32_t batches, const PlannedWork &work,
                                 Nanoseconds timeout = std::chrono::seconds(60)) const;

  /// Batch `number`: other experts for each token.
  Expected<std::shared_ptr<const Plan>> prepare(Session &session, uint32_t rank, uint32_t number) const;
  ConstRows x() const { return {tokens.data(), Tokens, Columns * sizeof(float)}; }

  std::shared_ptr<const Module> module;
  const faro_abi_program *dispatch = nullptr, *combine = nullptr;
  const std::vector<float> tokens = std::vector<float>(Tokens * Columns, 1.0f);
  const std::vector<float> weights = std::vector<float>(Tokens * Topk, 1.0f);
};

/// "1nodes", for INSTANTIATE_TEST_SUITE_P.
inline std::string nodesName(const testing::TestParamInfo<uint32_t> &info) {
  return std::to_string(info.param) + "nodes";
}

void expectAllOk(const std::vector<Status> &ended);
/// All ended with errors that say `text`.
void expectAll(const std::vector<Status> &ended, const std::string &text);

} // namespace faro::differential
