// Slots that are free again: the news rides on slices that go the other way, or travels by itself when none does.
#include "runtime/engine/Slice.h"
#include "runtime/engine/SliceExchange.h"
#include "tests/runtime/engine/HandMade.h"
#include "tests/runtime/engine/Shuffle.h"

#include <chrono>
#include <gtest/gtest.h>

using namespace faro;
using namespace faro::test;

namespace {

using News = SliceExchange::News;

/// One rank of two, on nodes of their own, that send slices to each other by hand.
class Side {
public:
  Side(const std::shared_ptr<Communicator> &c, const std::shared_ptr<const Module> &module)
      : communicator(c), peer(1 - c->rank()) {
    auto made = SliceExchange::create(c, module);
    EXPECT_TRUE(made) << made.status().message();
    exchange = std::move(*made);
    rings = exchange->ringsOf(*scheduleOf(**module->only(FARO_ABI_DISPATCH), FARO_ABI_HIERARCHICAL));
    arrivals = rings->arrivalRing();
    EXPECT_TRUE(exchange->grant(*rings, rings->in(peer)));
    await([&] { return rings->out(peer).granted; });
  }

  void send() {
    OutFlow &flow = rings->out(peer);
    const uint32_t sends = rings->schedule.stages[rings->shape.wire].from;
    rings->take(flow.tokens, 1u << sends | 1u << arrivals);
    const uint32_t slot = rings->sharedSlot(flow.tokens, sends, next);
    auto memory = rings->sharedMemory(sends, slot);
    ASSERT_TRUE(memory) << memory.status().message();
    SliceWriter writer(memory->bytes, 1);
    writer.add(0, 0);
    writer.endRow();
    writer.finish(/*activity=*/0, /*call=*/0, next, RowStride);
    rings->fill(slot, *memory, writer.headBytes(), RowStride);
    const Status sent = exchange->deliver(*rings, flow, next++, rings->content(slot));
    EXPECT_TRUE(sent) << sent.message();
  }

  void awaitSlices(uint64_t count) {
    await([&] { return rings->in(peer).arrived == count; });
  }
  void read(News news) {
    const Status told = exchange->giveBack(*rings, rings->in(peer), 1u << arrivals, news);
    EXPECT_TRUE(told) << told.message();
  }
  /// How many of its slots this side knows to be free again.
  uint64_t freed() const { return rings->out(peer).tokens.returned[arrivals]; }
  void awaitFreed(uint64_t count) {
    await([&] { return freed() == count; });
  }
  /// Both sides have come here, and what was sent before has arrived.
  void meet() { EXPECT_TRUE(communicator->barrier()); }

private:
  template <typename DoneFn> void await(DoneFn done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done() && std::chrono::steady_clock::now() < deadline)
      communicator->progress();
    EXPECT_TRUE(done());
    EXPECT_TRUE(exchange->failure()) << exchange->failure().message();
  }

  std::shared_ptr<Communicator> communicator;
  const uint32_t peer;
  std::unique_ptr<SliceExchange> exchange;
  SliceRings *rings = nullptr;
  uint32_t arrivals = 0;
  uint64_t next = 0;
};

void onSides(const std::function<void(uint32_t rank, Side &side)> &work) {
  auto module = makeModule({});
  ASSERT_TRUE(module) << module.status().message();
  onRanks(communicators({0, 1}, std::chrono::seconds(10)),
          [&](uint32_t rank, const std::shared_ptr<Communicator> &communicator) {
            Side side(communicator, *module);
            side.meet();
            work(rank, side);
            side.meet();
          });
}

TEST(CreditsOnSlices, ride) {
  onSides([](uint32_t rank, Side &side) {
    if (rank == 0) {
      side.send();
      side.send();
      side.meet();
      EXPECT_EQ(side.freed(), 0u) << "one of four slots is free and nothing has come that could say so";
      side.meet();
      side.awaitSlices(1);
      EXPECT_EQ(side.freed(), 1u);
    } else {
      side.awaitSlices(2);
      side.read(News::MayRide);
      side.meet();
      side.meet();
      side.send();
    }
  });
}

/// Of slices that come and are read, with nothing to ride on, the sender hears.
void expectTold(const std::vector<News> &reads) {
  onSides([&](uint32_t rank, Side &side) {
    if (rank == 0) {
      for (size_t i = 0; i < reads.size(); ++i)
        side.send();
      side.awaitFreed(reads.size());
      return;
    }
    side.awaitSlices(reads.size());
    for (const News news : reads)
      side.read(news);
  });
}

TEST(CreditsOnSlices, travelWhenHalfOfTheSlotsAreFree) { expectTold({News::MayRide, News::MayRide}); }

TEST(CreditsOnSlices, travelWhereNoSliceGoes) { expectTold({News::Travels}); }

TEST(CreditsOnSlices, travelAfterTheLastSlice) { expectTold({News::IsLast}); }

TEST(CreditsOnSlices, countOnceHoweverOftenTheyAreTold) {
  onSides([](uint32_t rank, Side &side) {
    if (rank == 0) {
      side.send();
      side.send();
      side.awaitSlices(2);
      EXPECT_EQ(side.freed(), 1u);
      side.meet();
      side.awaitFreed(2);
    } else {
      side.awaitSlices(2);
      side.read(News::IsLast); // as a message, and then on both slices
      side.send();
      side.send();
      side.meet();
      side.read(News::IsLast);
    }
  });
}

} // namespace
