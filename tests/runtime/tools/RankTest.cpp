#include "runtime/tools/faro-run/Rank.h"
#include "runtime/tools/faro-run/Setup.h"

#include <gtest/gtest.h>

namespace faro::run {
namespace {

TEST(Rank, WhoWaitsForTheOthersWhenTheShuffleIsMadeDoesNotSayThatItReadsInput) {
  Options options;
  options.program = HAND_MADE_MODULE;
  options.tokens = 3;
  run::Setup setup(options, Deadline(10));
  const Status loaded = setup.load(Topology::blocks(2, 2));
  ASSERT_TRUE(loaded.isOk()) << loaded.message();
  auto communicators = Communicator::createLocal(2, std::chrono::milliseconds(20), 2);
  ASSERT_TRUE(communicators) << communicators.status().message();
  ProgressSlot progress;
  // The other rank does not come.
  const auto result = runRank({options, setup.job, *setup.inputs, (*communicators)[0], -1, "", progress});
  EXPECT_EQ(result.status().code(), FARO_DEADLINE_EXCEEDED) << result.status().message();
  EXPECT_STREQ(phaseName(Phase(progress.phase.load())), "setting up the shuffle");
}

} // namespace
} // namespace faro::run
