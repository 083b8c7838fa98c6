// The simulator itself, on schedules whose faults are known.
#include "Simulator.h"
#include "tests/support/Some.h"

#include <gtest/gtest.h>

using namespace faro::test;

namespace {

const std::string Dispatch = R"(xfer.program @dispatch_across dispatch(!e, !r) path(hierarchical) {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(1) bytes(4096) : !xfer.ring
  %rx = xfer.ring "rx" slots(1) bytes(4096) : !xfer.ring
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %hand = xfer.hand %plan after(%in) on(core) kernel(@push)
  %give = xfer.notify "handed" after(%hand) on(link)
  %have = xfer.await "handed" after(%give) on(link)
  %full = xfer.gather %plan after(%have) into(%tx) acquires(%tx) on(core) by(copy) kernel(@push)
  %there = xfer.wire after(%full) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
  %out = xfer.fan_out %plan after(%there, %in) from(%rx) releases(%rx) on(core) kernel(@push)
  %push = xfer.push %plan after(%in) on(core) kernel(@push)
  %sent = xfer.notify "done" after(%push, %out) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}
)";

const SimulatedJob Job{.flows = {{0, 2, 3}, {0, 3, 2}, {1, 3, 3}, {2, 0, 3}, {3, 1, 2}}};

std::string harmOf(const std::string &from, const std::string &to) {
  std::string text = Dispatch;
  const size_t at = text.find(from);
  if (at == std::string::npos)
    return "no '" + from + "'";
  text.replace(at, from.size(), to);
  return simulate(readSchedules(text).front(), Job).harm.value_or("");
}

TEST(Simulator, ACorrectScheduleDoesNoHarm) {
  const Simulation simulation = simulate(readSchedules(Dispatch).front(), Job);
  EXPECT_EQ(simulation.harm, std::nullopt);
  EXPECT_GT(simulation.orders, 5u); // two flows of rank 0 take turns at one slot
}

TEST(Simulator, WithMoreSlotsAsWell) {
  if (Sanitized)
    GTEST_SKIP() << LongWithSanitizers;
  std::string text = Dispatch;
  for (size_t at = text.find("slots(1)"); at != std::string::npos; at = text.find("slots(1)"))
    text.replace(at, 8, "slots(2)");
  const Simulation simulation = simulate(readSchedules(text).front(), Job);
  EXPECT_EQ(simulation.harm, std::nullopt);
  EXPECT_GT(simulation.orders, 20u);
}

TEST(Simulator, FindsAForwarderThatDoesNotWaitForItsOwnNode) {
  // The sender's node is open, which says nothing about the receiver's.
  EXPECT_NE(harmOf("after(%there, %in)", "after(%there)").find("touch the same memory at the same time: the window of"),
            std::string::npos);
}

TEST(Simulator, FindsASlotThatIsGivenBackTooEarly) {
  std::string text = Dispatch;
  text.replace(text.find("releases(%tx) "), 14, "");
  text.replace(text.find("acquires(%tx) "), 14, "acquires(%tx) releases(%tx) ");
  EXPECT_NE(simulate(readSchedules(text).front(), Job).harm.value_or("").find("same memory"), std::string::npos);
}

TEST(Simulator, FindsRowsThatAreTakenBeforeTheyWereHanded) {
  EXPECT_NE(harmOf("after(%have)", "after(%in)").find("the transit window"), std::string::npos);
}

TEST(Simulator, FindsADeadlock) {
  // Nothing is fanned out before everything was gathered, for which there are not enough slots.
  std::string text = Dispatch;
  text.replace(text.find("  %out ="), 0,
               "  %a = xfer.notify \"all\" after(%full) on(link)\n  %b = xfer.await \"all\" after(%a) on(link)\n");
  text.replace(text.find("after(%there, %in)"), 18, "after(%there, %in, %b)");
  EXPECT_NE(simulate(readSchedules(text).front(), Job).harm.value_or("").find("never happens"), std::string::npos);
}

TEST(Simulator, FindsAnEndThatComesBeforeTheRows) {
  EXPECT_NE(harmOf("after(%push, %out)", "after(%push)").find("the window of rank"), std::string::npos);
}

TEST(Simulator, FindsSlotsThatAreNotGivenBack) {
  EXPECT_EQ(harmOf("releases(%rx) ", ""), "a slice takes 1 slots of ring %rx and gives 0 back");
}

TEST(Simulator, ATextIsPrintedAsItWasRead) { EXPECT_EQ(readSchedules(Dispatch).front().print(), Dispatch); }

} // namespace
