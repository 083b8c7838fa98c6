// Slices: any pieces, landing as one where the receiver says, in any order.
#include "tests/conformance/Pattern.h"
#include "tests/conformance/Suite.h"

#include <algorithm>
#include <csignal>
#include <set>
#include <unistd.h>

namespace faro::test {
namespace {

/// Memory in pieces: what a gather by reference hands to the transport.
struct Pieces {
  /// `text` in `count` pieces of uneven sizes, some of them empty, each in memory of its own.
  Pieces(const std::string &text, size_t count) {
    size_t at = 0;
    for (size_t i = 0; i < count; ++i) {
      const size_t left = text.size() - at;
      const size_t even = left / (count - i);
      const size_t size = i + 1 == count ? left : i % 7 == 3 ? 0 : std::min(left, even + i % 5);
      memory.push_back(text.substr(at, size));
      at += size;
    }
    for (const std::string &piece : memory)
      iov.push_back({piece.data(), piece.size()});
  }
  void scribble() {
    for (std::string &piece : memory)
      std::fill(piece.begin(), piece.end(), '!');
  }

  std::deque<std::string> memory;
  std::vector<faro_iov> iov;
};

/// Nothing, one byte, primes, whole rows, a megabyte; every count of pieces from 1 to 200 comes up somewhere.
const std::vector<size_t> Sizes = {0,     1,     2,     3,      7,      31,     127,    1023,   8191,
                                   14336, 28672, 65537, 131071, 131072, 262147, 524287, 1 << 20};
size_t piecesOf(uint32_t n) { return n % 3 == 0 ? 1 : 1 + n * 37 % 200; }

faro_status deliver(Rank &rank, uint32_t to, uint64_t tag, const Pieces &pieces, uint64_t token) {
  std::vector<faro_iov> array = pieces.iov; // gone when this returns
  return rank->deliver(rank.context, to, tag, array.data(), array.size(), nullptr, token);
}

/// The same pieces as slices 0 to count - 1. How many were taken.
size_t deliverMany(Rank &rank, uint32_t to, const Pieces &pieces, uint32_t count) {
  size_t delivered = 0;
  for (uint32_t n = 0; n < count; ++n)
    delivered += deliver(rank, to, n, pieces, n) == FARO_OK;
  return delivered;
}

size_t arrivedOn(const Rank &rank) {
  return size_t(std::ranges::count(rank.landings, Landing::Arrived, &Landing::state));
}

TEST_P(Slices, OfAllSizesAndPiecesLandWholeFromSeveralSendersAtOnce) {
  static constexpr uint32_t Rounds = 3;
  run(4, [](Rank &rank) {
    const uint32_t each = Rounds * uint32_t(Sizes.size());
    std::deque<Pieces> sources;
    for (uint32_t n = 0; n < each; ++n)
      for (uint32_t step = 1; step < rank.size; ++step) {
        const uint32_t peer = (rank.rank + step) % rank.size;
        const uint64_t token = sources.size() | uint64_t(1) << 63;
        sources.emplace_back(pattern(rank.rank, peer, n, Sizes[n % Sizes.size()]), piecesOf(n));
        ASSERT_FARO_OK(rank, deliver(rank, peer, uint64_t(n) << 32 | peer, sources.back(), token));
      }
    // Once a slice has left, its sender may write over it: the receiver must not see that.
    size_t overwritten = 0;
    EXPECT_TRUE(rank.until([&] {
      for (; overwritten < rank.sent.size(); ++overwritten)
        sources.at(rank.sent[overwritten] & 0xffffffff).scribble();
      return rank.sent.size() == sources.size() && arrivedOn(rank) == sources.size();
    })) << rank.sent.size()
        << " sent and " << arrivedOn(rank) << " arrived of " << sources.size();
    EXPECT_EQ(std::set<uint64_t>(rank.sent.begin(), rank.sent.end()).size(), sources.size()) << "a token came twice";
    for (const Landing &landing : rank.landings) {
      const auto n = uint32_t(landing.tag >> 32);
      EXPECT_EQ(uint32_t(landing.tag), rank.rank);
      ASSERT_LT(n, each);
      EXPECT_TRUE(landing.bytes == pattern(landing.rank, rank.rank, n, Sizes[n % Sizes.size()]))
          << "slice " << n << " from rank " << landing.rank << ", " << landing.bytes.size() << " bytes";
    }
    rank.barrier();
  });
}

TEST_P(Slices, ManyInFlightBothWaysWithMessagesBetween) {
  static constexpr uint32_t Count = 400;
  run(2, [](Rank &rank) {
    const std::string text = pattern(rank.rank, 1 - rank.rank, 0, 100'003);
    const Pieces pieces(text, 8);
    for (uint32_t n = 0; n < Count; ++n) {
      ASSERT_FARO_OK(rank, deliver(rank, 1 - rank.rank, n, pieces, n));
      ASSERT_FARO_OK(rank, rank->send(rank.context, 1 - rank.rank, n, &n, sizeof n));
    }
    EXPECT_TRUE(rank.until(
        [&] { return arrivedOn(rank) == Count && rank.inbox.size() == Count && rank.sent.size() == Count; }, 40))
        << arrivedOn(rank) << " slices, " << rank.inbox.size() << " messages, " << rank.sent.size() << " sent";
    for (uint32_t n = 0; n < rank.inbox.size(); ++n)
      EXPECT_EQ(rank.inbox[n].tag, n) << "messages keep their order";
    std::set<uint64_t> tags;
    for (const Landing &landing : rank.landings) {
      tags.insert(landing.tag);
      EXPECT_TRUE(landing.bytes == pattern(1 - rank.rank, rank.rank, 0, text.size())) << "slice " << landing.tag;
    }
    EXPECT_EQ(tags.size(), Count);
    rank.barrier();
  });
}

/// Who asks, and for which, is the transport's affair.
TEST_P(Slices, MayBeReadWhereTheyCame) {
  static constexpr uint32_t Count = 100;
  // local asks for every other one, ucx for those that fit into a piece of tcp's.
  const std::string label = GetParam().label;
  const bool asks = label.starts_with("local") || label == "ucx_nodes";
  run(2, [asks](Rank &rank) {
    rank.readsWhole = true;
    std::deque<Pieces> sources;
    for (uint32_t n = 0; n < Count; ++n) {
      sources.emplace_back(pattern(rank.rank, 1 - rank.rank, n, Sizes[n % Sizes.size()]), piecesOf(n));
      ASSERT_FARO_OK(rank, deliver(rank, 1 - rank.rank, n, sources.back(), n));
    }
    EXPECT_TRUE(rank.until([&] { return arrivedOn(rank) == Count && rank.sent.size() == Count; }, 40))
        << arrivedOn(rank) << " slices, " << rank.sent.size() << " sent";
    EXPECT_EQ(rank.landings.size(), Count) << "a slice that was read is not asked for again";
    std::set<uint64_t> tags;
    for (const Landing &landing : rank.landings) {
      tags.insert(landing.tag);
      const auto n = uint32_t(landing.tag);
      EXPECT_TRUE(landing.bytes == pattern(1 - rank.rank, rank.rank, n, Sizes[n % Sizes.size()])) << "slice " << n;
    }
    EXPECT_EQ(tags.size(), Count);
    if (asks)
      EXPECT_GT(rank.wholes, Count / 8);
    rank.barrier();
  });
}

TEST_P(Slices, WakeASleeper) {
  run(2, [](Rank &rank) {
    rank.greet();
    const Pieces pieces("up", 1);
    if (rank.rank == 0) {
      usleep(200'000);
      EXPECT_FARO_OK(rank, deliver(rank, 1, 5, pieces, 1));
      EXPECT_TRUE(rank.until([&] { return rank.sent.size() == 1; }));
    } else {
      const auto start = std::chrono::steady_clock::now();
      while (!arrivedOn(rank) && std::chrono::steady_clock::now() - start < std::chrono::seconds(20)) {
        EXPECT_FARO_OK(rank, rank->sleep(rank.context, 10 * Second));
        rank->progress(rank.context);
      }
      EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5)) << "the slice did not end the sleep";
      EXPECT_EQ(arrivedOn(rank), 1u);
    }
    rank.barrier();
  });
}

TEST_P(Slices, OfUnknownOrUnconnectedRanksAndToOneselfAreRefused) {
  for (const bool connected : {true, false})
    run(
        2,
        [connected](Rank &rank) {
          const Pieces pieces("x", 1);
          EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, deliver(rank, 2, 0, pieces, 1));
          EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, deliver(rank, rank.rank, 0, pieces, 1));
          if (!connected)
            EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, deliver(rank, 1 - rank.rank, 0, pieces, 1));
          for (int i = 0; i < 10; ++i)
            rank->progress(rank.context);
          EXPECT_TRUE(rank.sent.empty()) << "a slice that was refused is not sent";
          rank.barrier();
        },
        connected);
}

TEST_P(Slices, WithoutAPlaceMakeTheSenderAFailedPeer) {
  for (const size_t size : {size_t(10), size_t(300'000)})
    run(3, [size](Rank &rank) {
      rank.refuses = rank.rank == 0; // before the greeting's barrier, during which the slice may come
      rank.greet();
      const Pieces pieces(std::string(size, 'x'), 3);
      if (rank.rank == 1) {
        EXPECT_FARO_OK(rank, deliver(rank, 0, 77, pieces, 4));
        EXPECT_TRUE(rank.until([&] { return rank.sent.size() == 1; })) << "the pieces are the sender's again";
      } else if (rank.rank == 0) {
        EXPECT_TRUE(rank.until([&] { return rank->peer_state(rank.context, 1) == FARO_PEER_FAILED; }));
        for (const char *word : {"rank 1", "no place"})
          EXPECT_NE(std::string(rank->last_error()).find(word), std::string::npos) << rank->last_error();
        EXPECT_FARO_REFUSED(rank, FARO_PEER_FAILED, deliver(rank, 1, 0, pieces, 5));
        EXPECT_FARO_OK(rank, rank->peer_state(rank.context, 2));
        EXPECT_TRUE(rank.landings.empty());
      }
      rank.barrier();
    });
}

/// Goes on until the peer is known to be gone, and then until nothing is open any more.
void expectNothingLeftOpen(Rank &rank, uint32_t gone, size_t delivered) {
  EXPECT_TRUE(rank.until([&] { return rank->peer_state(rank.context, gone) == FARO_PEER_FAILED; }));
  const auto open = [&] { return std::ranges::count(rank.landings, Landing::Placed, &Landing::state); };
  EXPECT_TRUE(rank.until([&] { return open() == 0 && rank.sent.size() == delivered; }, 5))
      << open() << " places are still taken; " << rank.sent.size() << " of " << delivered << " slices are done with";
}

TEST_P(Slices, OfAndToARankThatIsKilledComeToAnEnd) {
  if (GetParam().kind == RankKind::Threads)
    GTEST_SKIP() << "a thread cannot be killed";
  run(3,
      [](Rank &rank) {
        rank.greet();
        const std::string text = pattern(rank.rank, 0, 0, 700'001);
        const Pieces pieces(text, 50);
        const uint32_t peer = rank.rank == 1 ? 0 : 1; // rank 1 sends to rank 0; 0 and 2 send to rank 1
        const size_t delivered = deliverMany(rank, peer, pieces, 30);
        if (rank.rank == 1) {
          rank.until([&] { return rank.landings.size() >= 3; }, 5);
          raise(SIGKILL);
        }
        expectNothingLeftOpen(rank, 1, delivered);
        for (const Landing &landing : rank.landings)
          if (landing.state == Landing::Arrived) {
            EXPECT_TRUE(landing.bytes == pattern(landing.rank, 0, 0, text.size()))
                << "half a slice was said to be whole";
          }
        // The others are as well as ever.
        const uint32_t other = 2 - rank.rank;
        EXPECT_FARO_OK(rank, deliver(rank, other, 1000, pieces, 1000));
        EXPECT_TRUE(rank.until([&] {
          return std::ranges::any_of(rank.landings, [](const Landing &landing) {
            return landing.tag == 1000 && landing.state == Landing::Arrived;
          });
        }));
        EXPECT_TRUE(rank.until([&] { return rank.sent.size() == delivered + 1; }));
        EXPECT_TRUE(rank.board.barrier(2));
      },
      true, {1});
}

TEST_P(Slices, OfAndToARankThatClosesComeToAnEnd) {
  run(2, [](Rank &rank) {
    rank.greet();
    auto pieces = std::make_unique<Pieces>(std::string(200'000, 'x'), 20);
    const size_t delivered = deliverMany(rank, 1 - rank.rank, *pieces, 20);
    EXPECT_EQ(delivered, 20u);
    EXPECT_TRUE(rank.board.barrier(2));
    if (rank.rank == 1) {
      rank.close();
      pieces.reset(); // nobody may read it now
    } else {
      expectNothingLeftOpen(rank, 1, delivered);
    }
    EXPECT_TRUE(rank.board.barrier(2));
  });
}

/// Rank 1 is stuck in the middle of slices; rank 0 leaves, and its memory goes while it is still there.
TEST_P(Slices, OfAndToARankThatLeavesTouchItsMemoryNoMore) {
  run(2, [](Rank &rank) {
    rank.greet();
    auto pieces = std::make_unique<Pieces>(std::string(2'000'000, 'x'), 20);
    const size_t delivered = deliverMany(rank, 1 - rank.rank, *pieces, 10);
    EXPECT_EQ(delivered, 10u);
    EXPECT_TRUE(rank.board.barrier(2));
    if (rank.rank == 0) {
      rank->leave(rank.context, Second / 5);
      pieces->scribble(); // before it is freed: what is read too late shows
      EXPECT_TRUE(rank.board.barrier(2));
      EXPECT_TRUE(rank.board.barrier(2));
      pieces.reset();
      rank.close();
      EXPECT_TRUE(rank.board.barrier(2));
    } else {
      EXPECT_TRUE(rank.board.barrier(2));
      const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
      rank.until([&] { return std::chrono::steady_clock::now() > end; });
      EXPECT_TRUE(rank.board.barrier(2));
      expectNothingLeftOpen(rank, 0, delivered);
      for (const Landing &landing : rank.landings)
        if (landing.state == Landing::Arrived)
          EXPECT_EQ(landing.bytes.find_first_not_of('x'), std::string::npos) << "read when it was the rank's again";
      EXPECT_TRUE(rank.board.barrier(2));
    }
  });
}

FARO_CONFORMANCE(Slices);

} // namespace
} // namespace faro::test
