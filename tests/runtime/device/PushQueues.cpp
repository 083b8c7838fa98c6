// Queues that a kernel takes pushes from, behind a driver whose streams run beside the host; or, with FARO_TEST_GPU=1,
// on device 0.
#include "runtime/device/cuda/PushQueue.h"

#include "runtime/abi/faro_abi.h"
#include "tests/runtime/device/FakeCuda.h"

#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <thread>

using namespace faro;
using namespace faro::cuda;

namespace {

constexpr uint64_t RowBytes = 192, Rows = 4096; // of planned/aligned.mlir; of the window
constexpr Grid SmallGrid{3, 32, 0};

class PushQueues : public ::testing::Test {
protected:
  void SetUp() override {
    if (!onGpu()) {
      ::setenv("FARO_CUDA_DRIVER", FAKE_CUDA, /*overwrite=*/1);
      ::setenv("FAKE_CUDA_BESIDE", "1", /*overwrite=*/1);
    }
    const char *folder = std::getenv("FARO_PLANNED_MODULES");
    auto loaded = Module::load(std::string(folder ? folder : PLANNED_MODULES) + "/aligned.so");
    ASSERT_TRUE(loaded) << loaded.status().message();
    const faro_abi_program &program = (*loaded)->abi().programs[0];
    for (uint32_t s = 0; s < program.schedules[0].stage_count; ++s)
      if (program.schedules[0].stages[s].op == FARO_ABI_STAGE_PUSH)
        kernel = program.schedules[0].stages[s].kernel;
    device = *Device::open(0);
    ASSERT_TRUE(device->makeCurrent());
    auto made = Kernels::load(device, *loaded);
    ASSERT_TRUE(made) << made.status().message();
    kernels = std::move(*made);
    ASSERT_TRUE(kernels->hasResidentPush(kernel));
    source = allocate(Rows * RowBytes);
    window = allocate(Rows * RowBytes);
    for (size_t i = 0; i < given.size(); ++i)
      given[i] = std::byte(i / RowBytes * 7 + i % RowBytes);
    ASSERT_TRUE(stream()->toDevice(source.address(), given.data(), given.size()) &&
                stream()->zero(window.address(), window.size()) && stream()->wait());
  }

  static bool onGpu() { return std::getenv("FARO_TEST_GPU"); }
  std::unique_ptr<PushQueue> queue(std::chrono::nanoseconds timeout = std::chrono::seconds(20)) {
    auto made = PushQueue::create(device, *kernels, kernel, SmallGrid, timeout);
    EXPECT_TRUE(made) << made.status().message();
    return std::move(*made);
  }
  Stream *stream() {
    if (!stream_)
      stream_ = std::move(*Stream::create(device));
    return stream_.get();
  }
  Memory allocate(uint64_t bytes) { return std::move(*Memory::allocate(device, bytes)); }

  uint64_t rowAt(const Memory &memory, uint64_t row) { return memory.address() + row * RowBytes; }
  /// Row `from` of the source to row `to` of the window, by a push of its own. The list's entries count from `first`.
  uint64_t post(PushQueue &to, uint32_t from, uint32_t place, uint32_t first = 0) {
    const uint32_t offsets[] = {first, first + 1};
    const uint64_t row = rowAt(window, place);
    auto posted = to.post(rowAt(source, from), RowBytes, offsets, std::span(&row, 1));
    EXPECT_TRUE(posted) << posted.status().message();
    return posted ? *posted : 0;
  }
  void awaitPassed(PushQueue &of, uint64_t number) {
    while (true) {
      auto over = of.passed(number);
      ASSERT_TRUE(over) << over.status().message();
      if (*over)
        return;
      std::this_thread::yield();
    }
  }
  std::vector<std::byte> stored() {
    std::vector<std::byte> rows(window.size());
    EXPECT_TRUE(stream()->toHost(rows.data(), window.address(), rows.size()));
    return rows;
  }

  std::shared_ptr<Device> device;
  std::unique_ptr<Kernels> kernels;
  uint32_t kernel = 0;
  std::vector<std::byte> given = std::vector<std::byte>(Rows * RowBytes);
  Memory source, window;

private:
  std::unique_ptr<Stream> stream_;
};

} // namespace

TEST_F(PushQueues, DoMorePushesThanTheyHoldAtATime) {
  std::mt19937 random(1);
  std::vector<std::byte> expected(window.size());
  const auto pushes = queue();
  uint64_t last = 0;
  // Of 0 to 7 rows, each to 0 to 3 places that no other push takes.
  for (uint32_t next = 0, n = 0; n < 3 * FARO_ABI_QUEUE_ENTRIES; ++n) {
    const uint32_t rows = uint32_t(random() % 8), first = uint32_t(random() % Rows / 2),
                   before = uint32_t(random() % 100);
    std::vector<uint32_t> offsets{before};
    std::vector<uint64_t> to;
    for (uint32_t row = 0; row < rows; ++row) {
      for (uint32_t k = uint32_t(random() % 4); k > 0 && next < Rows; --k, ++next) {
        to.push_back(rowAt(window, next));
        std::memcpy(&expected[next * RowBytes], &given[(first + row) * RowBytes], RowBytes);
      }
      offsets.push_back(before + uint32_t(to.size()));
    }
    auto posted = pushes->post(rowAt(source, first), RowBytes, offsets, to);
    ASSERT_TRUE(posted) << posted.status().message();
    EXPECT_EQ(*posted, last + 1);
    last = *posted;
  }
  awaitPassed(*pushes, last);
  EXPECT_EQ(stored(), expected);
  EXPECT_LT(pushes->launches(), 100u); // not one a push, however late blocks are
}

TEST_F(PushQueues, HoldListsOfAnySize) {
  const auto pushes = queue();
  std::vector<std::byte> expected(window.size());
  for (const uint32_t rows : {40'000u, 1u, 60'000u, 150'000u, 3u}) {
    // Most rows go nowhere; what is read of them lies in the source, again and again.
    std::vector<uint32_t> offsets{0};
    std::vector<uint64_t> to;
    for (uint32_t row = 0; row < rows; ++row) {
      if (row % 997 == 0) {
        const uint32_t place = row / 997 + rows % Rows;
        to.push_back(rowAt(window, place % Rows));
        std::memcpy(&expected[place % Rows * RowBytes], given.data(), RowBytes);
      }
      offsets.push_back(uint32_t(to.size()));
    }
    auto posted = pushes->post(source.address(), /*stride=*/0, offsets, to);
    ASSERT_TRUE(posted) << posted.status().message();
    awaitPassed(*pushes, post(*pushes, 9, Rows - 1, 17));
    std::memcpy(&expected[(Rows - 1) * RowBytes], &given[9 * RowBytes], RowBytes);
  }
  EXPECT_EQ(stored(), expected);
}

TEST_F(PushQueues, LaunchAgainWhenTheKernelHasLeft) {
  const auto pushes = queue();
  EXPECT_EQ(pushes->launches(), 0u);
  awaitPassed(*pushes, post(*pushes, 0, 0));
  // It leaves by itself, sooner or later.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (pushes->launches() < 2 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    awaitPassed(*pushes, post(*pushes, 1, 1));
  }
  EXPECT_GE(pushes->launches(), 2u);
  // Or when it is told to.
  pushes->drain();
  const uint64_t before = pushes->launches();
  awaitPassed(*pushes, post(*pushes, 2, 2));
  EXPECT_GT(pushes->launches(), before);
  std::vector<std::byte> expected(window.size());
  std::memcpy(expected.data(), given.data(), 3 * RowBytes);
  EXPECT_EQ(stored(), expected);
}

TEST_F(PushQueues, FollowWhatAStreamHolds) {
  const auto pushes = queue(), other = queue();
  awaitPassed(*pushes, post(*pushes, 5, 0)); // a kernel is there, which does not follow
  // The stream holds a kernel that waits in vain, and what makes the rows behind it.
  auto words = PinnedMemory::allocate(device, sizeof(faro_abi_push_queue) + 4096);
  auto late = Stream::create(device);
  ASSERT_TRUE(words && late);
  constexpr uint64_t Linger = 50'000'000;
  ASSERT_TRUE(kernels->residentPush(kernel, **late, {1, 32, 0}, (*words)->there(),
                                    (*words)->there() + sizeof(faro_abi_push_queue), 1, Linger));
  ASSERT_TRUE((*late)->zero(source.address(), source.size()));
  ASSERT_TRUE(pushes->follow(**late));
  awaitPassed(*pushes, post(*pushes, 7, 1));
  std::vector<std::byte> expected(window.size());
  std::memcpy(expected.data(), &given[5 * RowBytes], RowBytes);
  EXPECT_EQ(stored(), expected);
  ASSERT_TRUE((*late)->wait());
}

TEST_F(PushQueues, SayThatAKernelHasFailed) {
  if (onGpu())
    GTEST_SKIP() << "kernels fail where a test wants them to behind the other driver alone";
  const auto library = *SharedLibrary::open(FAKE_CUDA);
  test::FakeCuda *fake = reinterpret_cast<test::FakeCuda *(*)()>(library->find("fakeCuda"))();
  const auto pushes = queue();
  fake->launchResult = 701;
  const uint32_t offsets[] = {0, 1};
  const uint64_t row = window.address();
  const auto refused = pushes->post(source.address(), RowBytes, offsets, std::span(&row, 1));
  fake->launchResult = 0;
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.status().message().find("launch of dispatch_push_resident with 3 blocks of 32 threads"),
            std::string::npos)
      << refused.status().message();
  pushes->drain();
  // The kernel of the second push has not begun when the driver says that it has failed.
  fake->waitResult = 719;
  Expected<bool> over = false;
  for (int n = 0; n < 1000 && over; ++n)
    over = pushes->passed(post(*pushes, 1, 1));
  fake->waitResult = 0;
  ASSERT_FALSE(over);
  EXPECT_NE(over.status().message().find("launched last: dispatch_push_resident"), std::string::npos)
      << over.status().message();
}

TEST_F(PushQueues, WaitNoLongerThanTheTimeOut) {
  // The kernel is behind a stream that takes longer.
  auto words = PinnedMemory::allocate(device, sizeof(faro_abi_push_queue) + 4096);
  auto late = Stream::create(device);
  ASSERT_TRUE(words && late);
  const auto pushes = queue(std::chrono::milliseconds(50));
  ASSERT_TRUE(kernels->residentPush(kernel, **late, {1, 32, 0}, (*words)->there(),
                                    (*words)->there() + sizeof(faro_abi_push_queue), 1, 500'000'000));
  ASSERT_TRUE(pushes->follow(**late));
  Expected<uint64_t> posted = 0;
  for (uint32_t n = 0; posted && n <= FARO_ABI_QUEUE_ENTRIES; ++n) {
    const uint32_t offsets[] = {0, 1};
    const uint64_t row = window.address();
    posted = pushes->post(source.address(), RowBytes, offsets, std::span(&row, 1));
  }
  ASSERT_FALSE(posted);
  EXPECT_EQ(posted.status().code(), FARO_DEADLINE_EXCEEDED);
  EXPECT_NE(posted.status().message().find("has done 0 of 256 pushes"), std::string::npos) << posted.status().message();
}
