// What sessions across nodes ask of a driver: places in a stream, and slots that kernels reach.
#include "runtime/device/cuda/PinnedSlots.h"
#include "runtime/device/cuda/StreamMarks.h"
#include "tests/runtime/device/FakeCuda.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace faro;
using namespace faro::cuda;

namespace {

class CudaStreams : public ::testing::Test {
protected:
  CudaStreams() : library(*SharedLibrary::open(FAKE_CUDA)) {
    fake = reinterpret_cast<test::FakeCuda *(*)()>(library->find("fakeCuda"))();
    *fake = {};
    device = *Device::open(*Driver::load(FAKE_CUDA), 0);
    EXPECT_TRUE(device->makeCurrent());
  }
  ~CudaStreams() override {
    device.reset();
    EXPECT_EQ(fake->allocated, 0u);
    EXPECT_EQ(fake->registered, 0u);
    EXPECT_EQ(fake->events, 0);
    EXPECT_EQ(fake->streams, 0);
  }

  std::shared_ptr<SharedLibrary> library;
  test::FakeCuda *fake;
  std::shared_ptr<Device> device;
};

const RingShape Ring{"tx", 4096, 3, false, FlowEnd::Sender};

} // namespace

TEST_F(CudaStreams, ALaterMarkSpeaksForTheEarlier) {
  auto stream = Stream::create(device);
  ASSERT_TRUE(stream);
  StreamMarks marks(device);
  const auto first = marks.set(**stream), second = marks.set(**stream);
  ASSERT_TRUE(first && second);
  EXPECT_LT(0u, *first);
  EXPECT_LT(*first, *second);
  fake->waitResult = 600; // not ready
  auto passed = marks.passed(*first);
  EXPECT_TRUE(passed && !*passed);
  fake->waitResult = 0;
  passed = marks.passed(*second);
  EXPECT_TRUE(passed && *passed);
  fake->waitResult = 700; // nobody asks the driver again
  passed = marks.passed(*first);
  EXPECT_TRUE(passed && *passed);
  const auto third = marks.set(**stream);
  ASSERT_TRUE(third);
  EXPECT_EQ(marks.passed(*third).status().code(), FARO_INTERNAL);
}

TEST_F(CudaStreams, EventsAreUsedAgain) {
  auto stream = Stream::create(device);
  ASSERT_TRUE(stream);
  StreamMarks marks(device);
  for (int round = 0; round < 10; ++round) {
    const auto first = marks.set(**stream), second = marks.set(**stream);
    ASSERT_TRUE(first && second);
    if (round % 2)
      marks.passedAll();
    auto passed = marks.passed(*second);
    EXPECT_TRUE(passed && *passed);
  }
  EXPECT_EQ(fake->events, 2);
}

TEST_F(CudaStreams, KernelsReachTheSlotsThatTheHostReads) {
  auto stream = Stream::create(device);
  auto slots = SlotMemory::create(Ring, pinSlotsFor(device));
  ASSERT_TRUE(stream && slots) << slots.status().message();
  EXPECT_EQ(fake->registered, 3 * 4096u);
  const Slot slot = (*slots)->slot(2);
  EXPECT_EQ(slot.forKernelsAt(slot.bytes + 64), slot.forKernels + 64);
  ASSERT_TRUE((*stream)->toDevice(slot.forKernelsAt(slot.bytes + 64), "slice", 6));
  ASSERT_TRUE((*stream)->wait());
  EXPECT_STREQ(reinterpret_cast<const char *>(slot.bytes + 64), "slice");
}

TEST_F(CudaStreams, SlotsThatCannotBePinnedAreAnErrorThatNamesTheRing) {
  fake->registerResult = 2;
  const auto slots = SlotMemory::create(Ring, pinSlotsFor(device));
  EXPECT_EQ(slots.status().code(), FARO_OUT_OF_MEMORY);
  for (const char *words : {"3 slots of 4096 bytes for ring tx", "cuMemHostRegister of 12288 bytes for Fake GPU",
                            "out of memory", "fewer or smaller slots"})
    EXPECT_NE(slots.status().message().find(words), std::string::npos) << slots.status().message();
}
