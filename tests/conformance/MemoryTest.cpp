// Regions: what they are made of, how peers reach them.
#include "tests/conformance/Suite.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <unistd.h>

namespace faro::test {
namespace {

TEST_P(Conformance, MemoryIsZeroedAlignedAndOnesOwn) {
  run(2, [](Rank &rank) {
    std::vector<faro_region *> regions;
    for (size_t size : {size_t(1), size_t(4095), size_t(4096), size_t(1) << 20, (size_t(9) << 20) + 3}) {
      faro_region *region = nullptr;
      ASSERT_FARO_OK(rank, rank->alloc(rank.context, size, &region));
      auto *bytes = static_cast<unsigned char *>(rank->base(region));
      EXPECT_EQ(reinterpret_cast<uintptr_t>(bytes) % 4096, 0u);
      EXPECT_TRUE(std::all_of(bytes, bytes + size, [](unsigned char b) { return b == 0; })) << size << " bytes";
      std::memset(bytes, int(0x40 + rank.rank), size);
      regions.push_back(region);
    }
    rank.barrier();
    for (faro_region *region : regions) {
      EXPECT_EQ(*static_cast<unsigned char *>(rank->base(region)), 0x40 + rank.rank);
      rank->release(region);
    }
    // Memory that has been used before is zeroed again.
    faro_region *again = nullptr;
    ASSERT_FARO_OK(rank, rank->alloc(rank.context, 1 << 20, &again));
    auto *bytes = static_cast<unsigned char *>(rank->base(again));
    EXPECT_TRUE(std::all_of(bytes, bytes + (1 << 20), [](unsigned char b) { return b == 0; }));
    rank->release(again);
  });
}

TEST_P(Conformance, MemoryThatCannotBeHadIsRefused) {
  run(1, [](Rank &rank) {
    faro_region *region = nullptr;
    EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, rank->alloc(rank.context, 0, &region));
    EXPECT_FARO_REFUSED(rank, FARO_OUT_OF_MEMORY, rank->alloc(rank.context, size_t(1) << 60, &region));
    EXPECT_EQ(region, nullptr);
    EXPECT_FARO_OK(rank, rank->alloc(rank.context, 4096, &region)); // and the transport is still good
    rank->release(region);
  });
}

TEST_P(Mapping, KeysThatAreNoneAreRefused) {
  run(2, [](Rank &rank) {
    faro_region *region = nullptr;
    ASSERT_FARO_OK(rank, rank->alloc(rank.context, 4096, &region));
    const auto keys = rank.keys(region);
    ASSERT_EQ(keys.size(), 2u);
    const uint32_t peer = 1 - rank.rank;
    faro_remote *remote = nullptr;
    const auto map = [&](uint32_t from, const std::string &key) {
      return rank->map(rank.context, from, key.data(), key.size(), &remote);
    };
    std::string changed = keys[peer];
    changed[0] = char(changed[0] ^ 1);
    EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, map(peer, ""));
    EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, map(peer, keys[peer].substr(1)));
    EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, map(peer, changed));
    EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, map(peer, keys[rank.rank]));
    EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, map(rank.rank, keys[rank.rank]));
    EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, map(7, keys[peer]));
    EXPECT_EQ(remote, nullptr);
    rank.barrier();
    rank->release(region);
  });
}

/// Where a transport maps memory, both sides see each other's stores; where it answers null, put has to do.
TEST_P(Mapping, PointersWriteThroughBothWays) {
  constexpr size_t Bytes = 3 << 20;
  run(4, [](Rank &rank) {
    faro_region *region = nullptr;
    ASSERT_FARO_OK(rank, rank->alloc(rank.context, Bytes, &region));
    auto *mine = static_cast<uint32_t *>(rank->base(region));
    const auto keys = rank.keys(region);
    ASSERT_EQ(keys.size(), rank.size);
    std::vector<faro_remote *> remotes(rank.size);
    for (uint32_t peer = 0; peer < rank.size; ++peer)
      if (peer != rank.rank)
        ASSERT_FARO_OK(rank, rank->map(rank.context, peer, keys[peer].data(), keys[peer].size(), &remotes[peer]));

    // Word p of my region is written by me, word 64 + p by rank p.
    mine[rank.rank] = 100 + rank.rank;
    for (uint32_t peer = 0; peer < rank.size; ++peer)
      if (remotes[peer] && rank->pointer(remotes[peer]))
        static_cast<uint32_t *>(rank->pointer(remotes[peer]))[64 + rank.rank] = 1000 * peer + rank.rank;
    rank.barrier();
    for (uint32_t peer = 0; peer < rank.size; ++peer) {
      if (!remotes[peer])
        continue;
      const auto *theirs = static_cast<const uint32_t *>(rank->pointer(remotes[peer]));
      if (GetParam().maps) {
        EXPECT_NE(theirs, nullptr) << "rank " << rank.rank << " cannot map rank " << peer;
      }
      if (!theirs)
        continue;
      EXPECT_EQ(theirs[peer], 100 + peer);
      EXPECT_EQ(mine[64 + peer], 1000 * rank.rank + peer);
    }
    rank.barrier();
    for (faro_remote *remote : remotes)
      if (remote)
        rank->unmap(remote);
    rank.barrier();
    rank->release(region);
  });
}

TEST_P(Mapping, MappedMemoryOutlivesItsOwnersRelease) {
  run(2, [](Rank &rank) {
    faro_region *region = nullptr;
    ASSERT_FARO_OK(rank, rank->alloc(rank.context, 1 << 16, &region));
    std::memset(rank->base(region), int(1 + rank.rank), 1 << 16);
    const auto keys = rank.keys(region);
    ASSERT_EQ(keys.size(), 2u);
    const uint32_t peer = 1 - rank.rank;
    faro_remote *remote = nullptr;
    ASSERT_FARO_OK(rank, rank->map(rank.context, peer, keys[peer].data(), keys[peer].size(), &remote));
    rank.barrier();
    rank->release(region);
    rank.barrier();
    if (const auto *theirs = static_cast<const unsigned char *>(rank->pointer(remote))) {
      EXPECT_EQ(theirs[(1 << 16) - 1], 1 + peer);
    }
    rank->unmap(remote);
    rank.barrier();
  });
}

TEST_P(Putting, PiecesLandOneAfterTheOtherAtTheOffset) {
  constexpr size_t Bytes = 1 << 20;
  run(3, [](Rank &rank) {
    faro_region *region = nullptr;
    ASSERT_FARO_OK(rank, rank->alloc(rank.context, Bytes, &region));
    const auto keys = rank.keys(region);
    ASSERT_EQ(keys.size(), rank.size);
    // Each rank owns a third of everybody's region, and writes it in pieces of all sizes.
    const size_t share = Bytes / 3;
    std::vector<unsigned char> source(share);
    for (size_t i = 0; i < share; ++i)
      source[i] = (unsigned char)(i * 31 + rank.rank * 7 + 1);
    std::vector<faro_iov> pieces;
    for (size_t at = 0, size = 0; at < share; at += pieces.back().size, size = size * 3 + 1)
      pieces.push_back({source.data() + at, std::min(size, share - at)});
    ASSERT_GT(pieces.size(), 5u);

    std::vector<faro_remote *> remotes;
    for (uint32_t peer = 0; peer < rank.size; ++peer) {
      if (peer == rank.rank)
        continue;
      faro_remote *remote = nullptr;
      ASSERT_FARO_OK(rank, rank->map(rank.context, peer, keys[peer].data(), keys[peer].size(), &remote));
      remotes.push_back(remote);
      EXPECT_FARO_OK(rank, rank->put(remote, rank.rank * share, pieces.data(), pieces.size()));
    }
    EXPECT_FARO_OK(rank, rank->flush(rank.context, 20 * Second));
    rank.barrier();
    const auto *mine = static_cast<const unsigned char *>(rank->base(region));
    for (uint32_t peer = 0; peer < rank.size; ++peer) {
      size_t wrong = 0;
      for (size_t i = 0; i < share; ++i)
        wrong += mine[peer * share + i] != (peer == rank.rank ? 0 : (unsigned char)(i * 31 + peer * 7 + 1));
      EXPECT_EQ(wrong, 0u) << "bytes from rank " << peer << " at rank " << rank.rank;
    }
    rank.barrier();
    for (faro_remote *remote : remotes)
      rank->unmap(remote);
    rank.barrier();
    rank->release(region);
  });
}

TEST_P(Putting, PutsOutsideOfTheRegionAreRefused) {
  run(2, [](Rank &rank) {
    faro_region *region = nullptr;
    ASSERT_FARO_OK(rank, rank->alloc(rank.context, 1000, &region));
    const auto keys = rank.keys(region);
    ASSERT_EQ(keys.size(), 2u);
    const uint32_t peer = 1 - rank.rank;
    faro_remote *remote = nullptr;
    ASSERT_FARO_OK(rank, rank->map(rank.context, peer, keys[peer].data(), keys[peer].size(), &remote));
    const char bytes[1000] = {};
    const faro_iov whole{bytes, 1000}, one{bytes, 1}, huge{bytes, SIZE_MAX}, two[2] = {{bytes, 600}, {bytes, 600}};
    EXPECT_FARO_OK(rank, rank->put(remote, 0, &whole, 1));
    EXPECT_FARO_OK(rank, rank->put(remote, 1000, nullptr, 0));
    EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, rank->put(remote, 1, &whole, 1));
    EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, rank->put(remote, 1000, &one, 1));
    EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, rank->put(remote, 500, &huge, 1));
    EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, rank->put(remote, UINT64_MAX, &one, 1));
    EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, rank->put(remote, 0, two, 2));
    EXPECT_FARO_OK(rank, rank->flush(rank.context, 20 * Second));
    rank.barrier();
    rank->unmap(remote);
    rank.barrier();
    rank->release(region);
  });
}

/// Even where the nodes are one machine and the memory could be had.
TEST_P(Nodes, MemoryIsMappedWithinTheNodeAndNeverAcross) {
  run(5, [](Rank &rank) {
    faro_region *region = nullptr;
    ASSERT_FARO_OK(rank, rank->alloc(rank.context, 10000, &region));
    std::memset(rank->base(region), int('a' + rank.rank), 10000);
    const auto keys = rank.keys(region);
    ASSERT_EQ(keys.size(), rank.size);
    for (uint32_t peer = 0; peer < rank.size; ++peer) {
      if (peer == rank.rank)
        continue;
      faro_remote *remote = nullptr;
      const faro_status code = rank->map(rank.context, peer, keys[peer].data(), keys[peer].size(), &remote);
      if (nodeOf(peer) == nodeOf(rank.rank)) {
        ASSERT_EQ(code, FARO_OK) << rank->last_error();
        const auto *bytes = static_cast<const char *>(rank->pointer(remote));
        ASSERT_NE(bytes, nullptr) << "rank " << rank.rank << " to " << peer;
        EXPECT_EQ(bytes[9999], char('a' + peer));
      } else if (code == FARO_OK) {
        EXPECT_EQ(rank->pointer(remote), nullptr) << "rank " << rank.rank << " to " << peer;
      } else {
        EXPECT_EQ(code, FARO_UNAVAILABLE) << rank->last_error();
        EXPECT_NE(std::string(rank->last_error()).find("another node"), std::string::npos) << rank->last_error();
      }
      if (code == FARO_OK)
        rank->unmap(remote);
    }
    rank.barrier();
    rank->release(region);
    rank.barrier();
  });
}

FARO_CONFORMANCE_OF(Mapping, candidatesOfOneNode());
FARO_CONFORMANCE_OF(Putting, candidatesOfOneNode());
FARO_CONFORMANCE_OF(Nodes, candidatesOfSeveralNodes());

} // namespace
} // namespace faro::test
