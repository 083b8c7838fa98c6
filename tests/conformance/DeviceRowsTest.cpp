// Slices with rows in the memory of devices: addresses that the host cannot read, where the transport has no need to.
#include "tests/conformance/Pattern.h"
#include "tests/conformance/Suite.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <utility>

namespace faro::test {
namespace {

/// Host memory in a device's clothes. UCX would look through them: it gets plain addresses.
class Device {
public:
  Device(bool disguised, size_t size) : bytes(size, '?'), tag(disguised ? uintptr_t(1) << 62 : 0) {}
  void *at(size_t offset) { return reinterpret_cast<void *>(reinterpret_cast<uintptr_t>(bytes.data() + offset) | tag); }
  faro_device_memory memory() { return {at(0), bytes.size(), copy, this}; }

  std::string bytes;

private:
  static faro_status copy(void *self, void *to, const void *from, size_t size) {
    const auto plain = [&](const void *address) {
      return reinterpret_cast<void *>(reinterpret_cast<uintptr_t>(address) & ~static_cast<Device *>(self)->tag);
    };
    std::memcpy(plain(to), plain(from), size);
    return FARO_OK;
  }
  const uintptr_t tag;
};

/// A rank's device: rows that leave in the first half, rows that land in the second.
struct RankDevice {
  RankDevice(Rank &rank, size_t half)
      : rank(rank), half(half), device(kind() == RankKind::Threads, 2 * half), landsAt(half) {
    reach = rank->device_reach(rank.context);
    if (kind() == RankKind::Threads)
      EXPECT_EQ(reach, FARO_DEVICE_DIRECT);
    else if (Conformance::GetParam().environment.contains("FAKE_UCX_DEVICE"))
      EXPECT_EQ(reach, FARO_DEVICE_STAGED) << "over tcp UCX copies";
    const faro_device_memory memory = device.memory();
    if (reach == FARO_DEVICE_NEVER) {
      EXPECT_FARO_REFUSED(rank, FARO_UNAVAILABLE, rank->attach(rank.context, &memory));
      return;
    }
    EXPECT_FARO_OK(rank, rank->attach(rank.context, &memory));
    rank.placeRows = [this](size_t bytes) { return device.at(std::exchange(landsAt, landsAt + bytes)); };
  }
  /// No slice may be on its way.
  ~RankDevice() {
    if (reach != FARO_DEVICE_NEVER)
      rank->detach(rank.context, device.at(0));
  }
  static RankKind kind() { return Conformance::GetParam().kind; }

  faro_status deliver(uint32_t to, uint64_t tag, const std::string &head, size_t offset, size_t rowBytes) {
    const faro_iov piece{head.data(), head.size()}, rows{device.at(offset), rowBytes};
    return rank->deliver(rank.context, to, tag, &piece, 1, &rows, tag);
  }
  size_t arrived() const { return size_t(std::ranges::count(rank.landings, Landing::Arrived, &Landing::state)); }

  Rank &rank;
  const size_t half;
  Device device;
  size_t landsAt;
  faro_device_reach reach;
};

/// Ranks of other nodes, or all where there is one.
std::vector<uint32_t> othersOf(const Rank &rank) {
  std::vector<uint32_t> others;
  for (uint32_t peer = 0; peer < rank.size; ++peer)
    if (peer != rank.rank && (!Conformance::GetParam().severalNodes || nodeOf(peer) != nodeOf(rank.rank)))
      others.push_back(peer);
  return others;
}

const std::vector<size_t> HeadSizes = {1, 64, 5000, 300'001};
const std::vector<size_t> RowSizes = {1, 14'336, 262'144, 262'145, 1 << 20};

TEST_P(DeviceRows, LandInAttachedMemoryAsOneSliceWithTheirHeads) {
  run(4, [](Rank &rank) {
    constexpr size_t Half = 20 << 20;
    RankDevice device(rank, Half);
    std::deque<std::string> heads;
    size_t offset = 0, delivered = 0;
    for (const uint32_t peer : device.reach == FARO_DEVICE_NEVER ? std::vector<uint32_t>() : othersOf(rank))
      for (uint32_t n = 0; n < HeadSizes.size() * RowSizes.size(); ++n) {
        const size_t rowBytes = RowSizes[n / HeadSizes.size()];
        heads.push_back(pattern(rank.rank, peer, n, HeadSizes[n % HeadSizes.size()]));
        device.device.bytes.replace(offset, rowBytes, pattern(peer, rank.rank, n, rowBytes));
        ASSERT_FARO_OK(rank, device.deliver(peer, n, heads.back(), offset, rowBytes));
        offset += rowBytes;
        ++delivered;
      }
    ASSERT_LE(offset, Half);
    EXPECT_TRUE(rank.until([&] { return rank.sent.size() == delivered && device.arrived() == delivered; }, 40))
        << rank.sent.size() << " sent and " << device.arrived() << " arrived of " << delivered;
    size_t at = Half; // places are given in the order of landings
    for (const Landing &landing : rank.landings) {
      EXPECT_TRUE(landing.bytes == pattern(landing.rank, rank.rank, uint32_t(landing.tag), landing.bytes.size()));
      EXPECT_EQ(landing.rowBytes, RowSizes[landing.tag / HeadSizes.size()]);
      EXPECT_TRUE(device.device.bytes.substr(at, landing.rowBytes) ==
                  pattern(rank.rank, landing.rank, uint32_t(landing.tag), landing.rowBytes))
          << "rows of slice " << landing.tag << " of rank " << landing.rank;
      at += landing.rowBytes;
    }
    rank.barrier();
  });
}

TEST_P(DeviceRows, OutsideOfAttachedMemoryAreRefused) {
  run(2, [](Rank &rank) {
    RankDevice device(rank, 4096);
    Device other(RankDevice::kind() == RankKind::Threads, 4096);
    const faro_device_memory again{device.device.at(8191), 1, other.memory().copy, &other};
    const faro_device_memory none{};
    EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, rank->attach(rank.context, &none));
    if (device.reach != FARO_DEVICE_NEVER && rank->attach(rank.context, &again) != FARO_INVALID_ARGUMENT)
      ADD_FAILURE() << "memory was attached twice";
    const uint32_t peer = 1 - rank.rank;
    EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, device.deliver(peer, 1, "head", 8190, 3));
    const faro_iov piece{"head", 4}, strange{other.at(0), 16};
    EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, rank->deliver(rank.context, peer, 2, &piece, 1, &strange, 2));
    for (int i = 0; i < 10; ++i)
      rank->progress(rank.context);
    EXPECT_TRUE(rank.sent.empty()) << "a slice that was refused is not sent";
    rank.barrier();
  });
}

TEST_P(DeviceRows, WithoutAPlaceOnTheDeviceMakeTheSenderAFailedPeer) {
  run(2, [](Rank &rank) {
    RankDevice device(rank, 300'000);
    rank.greet(); // rows may come before it ends
    if (device.reach == FARO_DEVICE_NEVER)
      return;
    rank.placeRows = [](size_t) -> void * { return nullptr; };
    if (rank.rank == 1) {
      EXPECT_FARO_OK(rank, device.deliver(0, 7, "head", 0, 290'000));
      EXPECT_TRUE(rank.until([&] { return rank.sent.size() == 1; })) << "the rows are the sender's again";
    } else {
      EXPECT_TRUE(rank.until([&] { return rank->peer_state(rank.context, 1) == FARO_PEER_FAILED; }));
      EXPECT_NE(std::string(rank->last_error()).find("no place"), std::string::npos) << rank->last_error();
    }
    rank.barrier();
  });
}

TEST_P(DeviceRows, OfAndToARankThatIsKilledComeToAnEnd) {
  if (GetParam().kind == RankKind::Threads)
    GTEST_SKIP() << "a thread cannot be killed";
  run(2,
      [](Rank &rank) {
        RankDevice device(rank, 32 << 20);
        rank.greet(); // rows may come before it ends
        const std::string head(3000, 'h');
        size_t delivered = 0;
        for (uint32_t n = 0; n < 30 && device.reach != FARO_DEVICE_NEVER; ++n)
          delivered += device.deliver(1 - rank.rank, n, head, n << 20, 700'001) == FARO_OK;
        if (rank.rank == 1) {
          if (device.reach != FARO_DEVICE_NEVER)
            rank.until([&] { return rank.landings.size() >= 3; }, 5);
          raise(SIGKILL);
        }
        EXPECT_TRUE(rank.until([&] { return rank->peer_state(rank.context, 1) == FARO_PEER_FAILED; }));
        const auto open = [&] { return std::ranges::count(rank.landings, Landing::Placed, &Landing::state); };
        EXPECT_TRUE(rank.until([&] { return open() == 0 && rank.sent.size() == delivered; }, 5))
            << open() << " places are still taken; " << rank.sent.size() << " of " << delivered << " are done with";
        EXPECT_TRUE(rank.board.barrier(1));
      },
      true, {1});
}

FARO_CONFORMANCE(DeviceRows);

} // namespace
} // namespace faro::test
