// What comes from another node is checked before it is used: a session that is sent nonsense says what it was, and by
// whom.
#include "runtime/engine/Slice.h"
#include "runtime/engine/SliceExchange.h"
#include "tests/conformance/ExpectStatus.h"
#include "tests/runtime/engine/HandMade.h"
#include "tests/runtime/engine/Shuffle.h"

#include <atomic>
#include <gtest/gtest.h>
#include <thread>

using namespace faro;
using namespace faro::test;

namespace {

constexpr uint16_t MostChannels = 16;

/// On whatever channel the exchange has: the last that was opened.
Status onTheChannel(const std::function<Status(uint16_t channel)> &send) {
  Status status;
  for (uint16_t channel = MostChannels; channel-- > 0;)
    if (status = send(channel); status)
      break;
  return status;
}

/// Whether `done` comes to be in time.
bool within(std::chrono::seconds limit, const std::function<bool()> &done) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!done() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return done();
}

/// Rank 1, on another node, does `send`; rank 0 has to say `words`.
void expectNoticed(const std::function<Status(Communicator &, uint16_t channel)> &send,
                   const std::vector<std::string> &words) {
  auto module = makeModule({});
  ASSERT_TRUE(module) << module.status().message();
  std::atomic<bool> listens = false; // rank 0: making an exchange is collective, and what comes then would end it
  onRanks(communicators({0, 1}, std::chrono::seconds(10)),
          [&](uint32_t rank, const std::shared_ptr<Communicator> &communicator) {
            auto exchange = SliceExchange::create(communicator, *module);
            ASSERT_TRUE(exchange) << exchange.status().message();
            if (rank == 1) {
              ASSERT_TRUE(within(std::chrono::seconds(5), [&] { return listens.load(); }));
              const Status sent = onTheChannel([&](uint16_t channel) { return send(*communicator, channel); });
              EXPECT_TRUE(sent) << sent.message();
            } else {
              listens = true;
              const Status &failure = (*exchange)->failure();
              within(std::chrono::seconds(5), [&] {
                communicator->progress();
                return !failure;
              });
              expectStatus(failure, FARO_DATA_LOSS, words);
            }
            (void)communicator->barrier(); // a slice without a place is the communicator's failure, too
          });
}

void expectMessageNoticed(uint32_t tag, const std::vector<uint64_t> &numbers, size_t bytes,
                          const std::vector<std::string> &words) {
  expectNoticed(
      [&](Communicator &communicator, uint16_t channel) {
        return communicator.send(channel, 0, tag, std::as_bytes(std::span(numbers)).subspan(0, bytes));
      },
      words);
}

// Tags of messages are kind << 8 | program; kind 1 gives slots back.
constexpr uint32_t Credits = 1 << 8;

TEST(DamagedMessages, ofAnUnknownKind) { expectMessageNoticed(9 << 8, {}, 0, {"rank 1", "unknown kind 9"}); }

TEST(DamagedMessages, forAProgramThatIsNotThere) {
  expectMessageNoticed(Credits | 200, {0, 1}, 16, {"rank 1", "program 200"});
}

TEST(DamagedMessages, slotsGivenBackThatNobodyGot) {
  expectMessageNoticed(Credits, {0, 5}, 16, {"rank 1", "gives back 5 slots", "got 0"});
}

TEST(DamagedMessages, tornOnes) { expectMessageNoticed(Credits, {0, 5}, 7, {"rank 1", "gives back slots"}); }

TEST(DamagedMessages, slicesWithoutASlot) {
  const std::string text(200, 'x');
  const faro_iov piece{text.data(), text.size()};
  const faro_iov shortPiece{text.data(), 3};
  expectNoticed([&](Communicator &c, uint16_t channel) { return c.deliver(channel, 0, 100, {&piece, 1}, 0); },
                {"rank 1 sent slice 100 of 200 bytes", "4 slots of 1024 bytes", "slices 0 to 3"});
  expectNoticed([&](Communicator &c, uint16_t channel) { return c.deliver(channel, 0, 0, {&shortPiece, 1}, 0); },
                {"rank 1 sent slice 0 of 3 bytes"});
}

/// Rank 1, on another node, has planned the batch that rank 0 dispatches, and sends `slice` as the first of its slices.
/// Rank 0's run has to end with `words`.
void expectRunEnds(const std::vector<std::byte> &slice, faro_status code, const std::vector<std::string> &words) {
  auto module = makeModule({});
  ASSERT_TRUE(module) << module.status().message();
  const std::vector<Input> inputs{makeInput(0, 40, 1), makeInput(1, 40, 1)};
  std::atomic<bool> runs = false;
  onStore = [&] { runs = true; };
  onRanks(communicators({0, 1}, std::chrono::seconds(10)), [&](uint32_t rank,
                                                               const std::shared_ptr<Communicator> &communicator) {
    auto session = Session::create(communicator, *module);
    ASSERT_TRUE(session) << session.status().message();
    auto plan = (*session)->prepare(**(*module)->only(FARO_ABI_DISPATCH), inputs[rank].routing());
    ASSERT_TRUE(plan) << plan.status().message();
    if (rank == 1) {
      EXPECT_TRUE(within(std::chrono::seconds(5), [&] { return runs.load(); }));
      const faro_iov piece{slice.data(), slice.size()};
      const Status sent = onTheChannel([&](uint16_t c) { return communicator->deliver(c, 0, 0, {&piece, 1}, 0); });
      EXPECT_TRUE(sent) << sent.message();
      (void)communicator->barrier();
      return;
    }
    auto rows = (*session)->dispatch(*plan, inputs[rank].rows());
    ASSERT_FALSE(rows);
    expectStatus(rows.status(), code, words);
  });
  onStore = nullptr;
}

TEST(DamagedSlices, endTheRunThatIsUnderWay) {
  expectRunEnds(std::vector<std::byte>(1024), FARO_DATA_LOSS,
                {"stage out of dispatch", "slice 0 of ", "rank 1", "first number is 0"});
  expectRunEnds(std::vector<std::byte>(20), FARO_DATA_LOSS,
                {"rank 1 sent slice 0 of 20 bytes", "4 slots of 1024 bytes"});
  std::vector<std::byte> foreign(1024); // of a batch that nobody here has
  SliceWriter writer(foreign.data(), 1);
  writer.add(0, 0);
  writer.endRow();
  writer.finish(/*activity=*/0, /*call=*/7, /*sequence=*/0, RowStride, /*plan=*/1234);
  expectRunEnds(foreign, FARO_INVALID_ARGUMENT, {"stage out of dispatch", "slice 0 of ", "rank 1", "expected"});
  reinterpret_cast<SliceHeader *>(foreign.data())->givenBack = 9;
  expectRunEnds(foreign, FARO_DATA_LOSS, {"rank 1 gives back 9 slots of ring 1"});
}

} // namespace
