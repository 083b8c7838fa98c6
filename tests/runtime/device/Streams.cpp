// What sessions ask of a driver beside kernels: places in a stream, slots that kernels reach, and to be left alone by
// captures.
#include "runtime/device/cuda/DeviceSlots.h"
#include "runtime/device/cuda/PinnedSlots.h"
#include "runtime/device/cuda/StreamMarks.h"
#include "tests/runtime/device/FakeCuda.h"

#include <cstring>
#include <gtest/gtest.h>
#include <thread>

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

const RingShape Ring{"tx", 4096, 128, 3000, 3, false, FlowEnd::Sender};

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
  EXPECT_EQ(fake->registered, SlotMemory::Lead + 3 * 4096);
  const Slot slot = (*slots)->slot(2);
  ASSERT_TRUE((*stream)->toDevice(slot.rowsAt(64), "slice", 6));
  ASSERT_TRUE((*stream)->wait());
  EXPECT_STREQ(reinterpret_cast<const char *>(slot.bytes + 64), "slice");
}

TEST_F(CudaStreams, SlotsThatCannotBePinnedAreAnErrorThatNamesTheRing) {
  fake->registerResult = 2;
  const auto slots = SlotMemory::create(Ring, pinSlotsFor(device));
  EXPECT_EQ(slots.status().code(), FARO_OUT_OF_MEMORY);
  for (const char *words : {"3 slots of 4096 bytes for ring tx", "cuMemHostRegister of 12352 bytes for Fake GPU",
                            "out of memory", "fewer or smaller slots"})
    EXPECT_NE(slots.status().message().find(words), std::string::npos) << slots.status().message();
}

TEST_F(CudaStreams, SlotsOfADeviceHaveTheirRowsThereAndOnlyHeadsOnTheHost) {
  const auto ranks = Communicator::createLocal(1, std::chrono::seconds(5));
  ASSERT_TRUE(ranks);
  EXPECT_EQ(*reachOf(ranks->front(), device), FARO_DEVICE_DIRECT);
  const size_t before = fake->allocated;
  {
    const auto slots = SlotMemory::create(Ring, slotsOnDevice(ranks->front(), device));
    ASSERT_TRUE(slots) << slots.status().message();
    EXPECT_EQ(fake->registered, 0u);
    EXPECT_EQ(fake->allocated - before, 3 * 3072u) << "rows of a slot, up to a multiple of 256 bytes";
    const Slot first = (*slots)->slot(0), last = (*slots)->slot(2);
    EXPECT_EQ(last.bytes - first.bytes, 2 * 128);
    EXPECT_EQ(last.rowsAt(64) - first.rowsAt(128), 2 * 3072u) << "rows begin at the same place behind any head";
    // The transport knows where they are: it takes no others.
    const auto &transport = ranks->front()->transport();
    const faro_device_memory again{reinterpret_cast<void *>(uintptr_t(last.rowsAt(0))), 1,
                                   [](void *, void *, const void *, size_t) { return FARO_OK; }, nullptr};
    EXPECT_EQ(transport.attach(ranks->front()->transportContext(), &again), FARO_INVALID_ARGUMENT);
  }
  EXPECT_EQ(fake->allocated, before);
}

TEST_F(CudaStreams, SlotsThatTheDeviceHasNoRoomForAreAnErrorThatNamesTheRing) {
  const auto ranks = Communicator::createLocal(1, std::chrono::seconds(5));
  ASSERT_TRUE(ranks);
  fake->memory = 0;
  const auto slots = SlotMemory::create(Ring, slotsOnDevice(ranks->front(), device));
  EXPECT_EQ(slots.status().code(), FARO_OUT_OF_MEMORY);
  for (const char *words :
       {"3 slots of 4096 bytes for ring tx", "cuMemAlloc of 9216 bytes on Fake GPU", "out of memory"})
    EXPECT_NE(slots.status().message().find(words), std::string::npos) << slots.status().message();
  EXPECT_EQ(reachOf(ranks->front(), device).status().code(), FARO_OUT_OF_MEMORY);
}

TEST_F(CudaStreams, WritesOfANetworkAreFlushedWhereTheDeviceDoesNotOrderThem) {
  EXPECT_TRUE(device->flushRemoteWrites());
  EXPECT_EQ(fake->flushes, 1);
  for (const auto &[flushes, ordering] : {std::pair(1, 100), {1, 200}, {0, 0}}) {
    fake->remoteWritesFlushes = flushes;
    fake->remoteWritesOrdering = ordering;
    const auto other = *Device::open(*Driver::load(FAKE_CUDA), 1);
    EXPECT_TRUE(other->makeCurrent() && other->flushRemoteWrites());
    EXPECT_EQ(fake->flushes, 1) << flushes << " " << ordering;
  }
}

/// A framework's capture, in the mode that it has unless told otherwise, forbids other threads what might disturb it.
TEST_F(CudaStreams, CapturesOfOtherThreadsForbidTheLibraryNothing) {
  auto captured = Stream::create(device);
  auto event = Event::create(device);
  ASSERT_TRUE(captured && event);
  const Driver &cuda = device->driver();
  constexpr int Global = 0;
  ASSERT_EQ(cuda.streamBeginCapture((*captured)->handle(), Global), api::Success);
  std::thread([&] {
    EXPECT_TRUE(device->makeCurrent());
    EXPECT_FALSE((*event)->test());
    {
      const InContext current(*device);
      EXPECT_TRUE(current.status()) << current.status().message();
      EXPECT_TRUE((*event)->test());
      EXPECT_TRUE(Memory::allocate(device, 64));
    }
    EXPECT_FALSE((*event)->test()) << "the thread has its own mode again";
  }).join();
  api::Graph graph = nullptr;
  ASSERT_EQ(cuda.streamEndCapture((*captured)->handle(), &graph), api::Success);
  EXPECT_EQ(cuda.graphDestroy(graph), api::Success);
}

TEST_F(CudaStreams, TimeIsOfEventsThatTakeIt) {
  auto stream = Stream::create(device);
  auto begin = Event::create(device), end = Event::create(device, Event::Timed);
  ASSERT_TRUE(stream && begin && end);
  ASSERT_TRUE((*begin)->record(**stream));
  ASSERT_TRUE((*end)->record(**stream));
  EXPECT_FALSE((*end)->since(**begin));
}
