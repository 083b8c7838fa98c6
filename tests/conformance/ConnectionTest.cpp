// Opening, connecting, closing, and what is refused.
#include "tests/conformance/Suite.h"

#include <csignal>
#include <unistd.h>

namespace faro::test {
namespace {

TEST_P(Conformance, TableSaysWhatItIs) {
  const Candidate &candidate = GetParam();
  const std::string seen = inChild([&] {
    const faro_transport *table = loadTable(candidate);
    if (!table)
      return std::string("none");
    return std::string(table->name) + " " + std::to_string(table->version) + " " +
           std::to_string(table->struct_size >= sizeof(faro_transport)) + (table->last_error() ? " text" : " null");
  });
  EXPECT_EQ(seen, std::string(candidate.transport) + " " + std::to_string(FARO_TRANSPORT_VERSION) + " 1 text");
}

TEST_P(Conformance, OpensConnectsAndClosesAloneAndTogether) {
  for (uint32_t ranks : {1u, 2u, 5u})
    run(ranks, [](Rank &rank) { rank.barrier(); });
}

TEST_P(Conformance, EightRanksAreAllConnected) {
  run(8, [](Rank &rank) {
    if (rank->capabilities & FARO_CAN_MESSAGE)
      for (uint32_t peer = 0; peer < rank.size; ++peer)
        if (peer != rank.rank)
          EXPECT_FARO_OK(rank, rank->send(rank.context, peer, rank.rank, "hello", 5));
    const size_t expected = rank->capabilities & FARO_CAN_MESSAGE ? rank.size - 1 : 0;
    EXPECT_TRUE(rank.until([&] { return rank.inbox.size() == expected; })) << rank.inbox.size() << " of " << expected;
    rank.barrier();
  });
}

TEST_P(Conformance, OpenRefusesABadConfiguration) {
  run(1, [](Rank &rank) {
    faro_transport_context *context = nullptr;
    faro_transport_config config{};
    config.struct_size = sizeof config;
    config.rank = 3;
    config.world_size = 3;
    config.job = "bad";
    EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, rank->open(&config, &context));
    config.rank = 0;
    config.struct_size = 8;
    EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, rank->open(&config, &context));
    config.struct_size = sizeof config;
    config.job = nullptr;
    EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, rank->open(&config, &context));
    EXPECT_EQ(context, nullptr);
  });
}

TEST_P(Conformance, ConnectRefusesWhatIsNoAddressOfThatRank) {
  run(
      3,
      [](Rank &rank) {
        const void *mine = nullptr;
        size_t size = 0;
        EXPECT_FARO_OK(rank, rank->address(rank.context, &mine, &size));
        const auto all = rank.board.exchange(rank.rank, std::string(static_cast<const char *>(mine), size));
        const uint32_t peer = (rank.rank + 1) % 3, other = (rank.rank + 2) % 3;
        ASSERT_EQ(all.size(), 3u);
        std::string torn = all[peer].substr(0, all[peer].size() - 1);
        std::string changed = all[peer];
        changed[0] = char(changed[0] ^ 1);
        const auto connect = [&](uint32_t to, const std::string &bytes) {
          return rank->connect(rank.context, to, bytes.data(), bytes.size());
        };
        EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, connect(peer, torn));
        EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, connect(peer, changed));
        EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, connect(peer, ""));
        EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, connect(peer, all[other]));
        EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, connect(rank.rank, all[rank.rank]));
        EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, connect(3, all[peer]));
        // And after all this the right one still works.
        EXPECT_FARO_OK(rank, connect(peer, all[peer]));
        rank.barrier();
      },
      false);
}

TEST_P(Conformance, PeersThatAreNotConnectedAreRefused) {
  run(
      2,
      [](Rank &rank) {
        faro_remote *remote = nullptr;
        if (rank->capabilities & FARO_CAN_MESSAGE)
          EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, rank->send(rank.context, 1 - rank.rank, 0, "x", 1));
        if (rank->capabilities & (FARO_CAN_MAP | FARO_CAN_PUT))
          EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, rank->map(rank.context, 1 - rank.rank, "x", 1, &remote));
        rank.barrier();
      },
      false);
}

TEST_P(Detection, StateOfARankThatDoesNotExistIsRefused) {
  run(2, [](Rank &rank) {
    EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, rank->peer_state(rank.context, 2));
    EXPECT_FARO_OK(rank, rank->peer_state(rank.context, 1 - rank.rank));
    rank.barrier();
  });
}

TEST_P(Detection, ARankThatClosesIsNoticedByTheOthers) {
  run(4, [](Rank &rank) {
    rank.greet();
    if (rank.rank == 3) {
      rank.close();
    } else {
      EXPECT_TRUE(rank.until([&] { return rank->peer_state(rank.context, 3) == FARO_PEER_FAILED; }));
      EXPECT_NE(std::string(rank->last_error()).find("rank 3"), std::string::npos) << rank->last_error();
      if (rank->capabilities & FARO_CAN_MESSAGE)
        EXPECT_FARO_REFUSED(rank, FARO_PEER_FAILED, rank->send(rank.context, 3, 0, "x", 1));
      // The others are as well as ever.
      EXPECT_FARO_OK(rank, rank->peer_state(rank.context, (rank.rank + 1) % 3));
    }
    EXPECT_TRUE(rank.board.barrier(4));
  });
}

TEST_P(Detection, ARankThatIsKilledIsNoticedByTheOthers) {
  if (GetParam().kind == RankKind::Threads)
    GTEST_SKIP() << "a thread cannot be killed";
  run(4,
      [](Rank &rank) {
        rank.greet();
        if (rank.rank == 1)
          raise(SIGKILL);
        const auto start = std::chrono::steady_clock::now();
        EXPECT_TRUE(rank.until([&] { return rank->peer_state(rank.context, 1) == FARO_PEER_FAILED; }));
        EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
        if (rank->capabilities & FARO_CAN_PUT)
          EXPECT_FARO_OK(rank, rank->flush(rank.context, Second)); // nothing was put to it
        EXPECT_TRUE(rank.board.barrier(3));
      },
      true, {1});
}

FARO_CONFORMANCE(Conformance);
FARO_CONFORMANCE(Detection);

} // namespace
} // namespace faro::test
