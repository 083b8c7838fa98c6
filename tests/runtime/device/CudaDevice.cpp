// Devices, memory and kernels behind a driver that a test controls.
#include "runtime/device/cuda/Device.h"
#include "runtime/device/cuda/DeviceWindow.h"
#include "tests/runtime/HandMadeTables.h"
#include "tests/runtime/device/FakeCuda.h"

#include <cstring>
#include <functional>
#include <gtest/gtest.h>
#include <numeric>
#include <thread>

using namespace faro;
using namespace faro::cuda;
using faro::test::FakeCuda;

namespace {

void expectError(const Status &status, StatusCode code, std::initializer_list<const char *> words) {
  EXPECT_EQ(status.code(), code) << status.message();
  for (const char *word : words)
    EXPECT_NE(status.message().find(word), std::string::npos) << word << ": '" << status.message() << "'";
}

/// Four columns of f32, packed.
constexpr int64_t Columns = 4;

void push(const void *source, int64_t stride, const uint32_t *offsets, const uint64_t *destinations, int64_t begin,
          int64_t end) {
  for (int64_t t = begin; t < end; ++t)
    for (uint32_t i = offsets[t]; i < offsets[t + 1]; ++i)
      std::memcpy(reinterpret_cast<void *>(uintptr_t(destinations[i])), static_cast<const char *>(source) + t * stride,
                  Columns * sizeof(float));
}

void pull(void *out, int64_t stride, const uint32_t *offsets, const uint64_t *rows, const float *weights, int64_t begin,
          int64_t end) {
  for (int64_t t = begin; t < end; ++t)
    for (int64_t c = 0; c < Columns; ++c) {
      float sum = 0;
      for (uint32_t i = offsets[t]; i < offsets[t + 1]; ++i)
        sum += weights[i] * reinterpret_cast<const float *>(uintptr_t(rows[i]))[c];
      reinterpret_cast<float *>(static_cast<char *>(out) + t * stride)[c] = sum;
    }
}

const uint8_t Code[] = "machine code", Text[] = "// PTX\n.version 7.1\n.target sm_80\n.address_size 64\n"
                                                ".visible .entry dispatch_push()\n{\n\tret;\n}\n"
                                                ".visible .entry combine_pull()\n{\n\tret;\n}\n";

/// A module with a push and a pull kernel and images for two architectures.
struct Tables : test::DirectDispatch {
  faro_abi_kernel kernels[2] = {{"dispatch_push", reinterpret_cast<void (*)()>(push)},
                                {"combine_pull", reinterpret_cast<void (*)()>(pull)}};
  faro_abi_kernel_set set{"plain C++", FARO_ABI_CPU_X86_64, 2, kernels};
  faro_abi_image images[3] = {{"cuda:sm_80", FARO_ABI_CUBIN, 80, Code, sizeof Code},
                              {"cuda:sm_80", FARO_ABI_PTX, 80, Text, sizeof Text - 1},
                              {"cuda:sm_90", FARO_ABI_CUBIN, 90, Code + 1, sizeof Code - 1}};
  faro_abi_module module = test::moduleHead("test", "spec");

  Tables() {
    module.program_count = module.kernel_set_count = 1;
    module.programs = &program;
    module.kernel_sets = &set;
    module.image_count = 3;
    module.images = images;
  }
};

class CudaDevice : public ::testing::Test {
protected:
  CudaDevice() : library(*SharedLibrary::open(FAKE_CUDA)) {
    fake = reinterpret_cast<FakeCuda *(*)()>(library->find("fakeCuda"))();
    *fake = {};
    fake->push = push;
    fake->pull = pull;
  }
  ~CudaDevice() override {
    EXPECT_EQ(fake->allocated, 0u);
    EXPECT_EQ(fake->contexts, 0);
    EXPECT_EQ(fake->streams, 0);
    EXPECT_EQ(fake->events, 0);
    EXPECT_EQ(fake->modules, 0);
  }

  std::shared_ptr<Device> open() {
    auto driver = Driver::load(FAKE_CUDA);
    EXPECT_TRUE(driver) << driver.status().message();
    auto device = Device::open(*driver, 0);
    EXPECT_TRUE(device) << device.status().message();
    EXPECT_TRUE((*device)->makeCurrent());
    return *device;
  }
  std::shared_ptr<const Module> module() {
    auto made = Module::adopt(&tables.module, nullptr, "m.so");
    EXPECT_TRUE(made) << made.status().message();
    return *made;
  }

  std::shared_ptr<SharedLibrary> library;
  FakeCuda *fake;
  Tables tables;
};

/// All that was put into the stream so far.
Expected<bool> isDone(const std::shared_ptr<Device> &device, Stream &stream) {
  auto event = Event::create(device);
  EXPECT_TRUE(event && (*event)->record(stream));
  return (*event)->test();
}

template <typename T> Memory put(const std::shared_ptr<Device> &device, Stream &stream, const std::vector<T> &values) {
  auto memory = Memory::allocate(device, values.size() * sizeof(T));
  EXPECT_TRUE(memory) << memory.status().message();
  EXPECT_TRUE(stream.toDevice(memory->address(), values.data(), values.size() * sizeof(T)));
  return std::move(*memory);
}

} // namespace

TEST_F(CudaDevice, AMachineWithoutADriverIsToldSo) {
  expectError(Driver::load("libno-such-driver.so").status(), FARO_UNAVAILABLE,
              {"no CUDA driver", "libno-such-driver.so", "install NVIDIA's driver"});
  expectError(Driver::load("libm.so.6").status(), FARO_UNAVAILABLE, {"libm.so.6 has no function cuInit", "12.6"});
}

TEST_F(CudaDevice, AnOldDriverOrOneWithoutDevicesIsRefused) {
  fake->version = 11040;
  expectError(Driver::load(FAKE_CUDA).status(), FARO_UNAVAILABLE, {"is for CUDA 11.4", "expected one for CUDA 12.6"});
  fake->version = 13000;
  fake->initResult = 100;
  expectError(Driver::load(FAKE_CUDA).status(), FARO_UNAVAILABLE, {"does not start", "CUDA_VISIBLE_DEVICES"});
  fake->initResult = 0;
  fake->devices = 0;
  expectError(Driver::load(FAKE_CUDA).status(), FARO_UNAVAILABLE, {"finds no device"});
}

TEST_F(CudaDevice, DevicesAreNumbered) {
  const auto device = open();
  EXPECT_EQ(device->name(), "Fake GPU");
  EXPECT_EQ(device->architecture(), 90u);
  EXPECT_EQ(device->multiprocessors(), 132u);
  const auto driver = Driver::load(FAKE_CUDA);
  for (const int number : {-1, 2})
    expectError(Device::open(*driver, number).status(), FARO_INVALID_ARGUMENT, {"no CUDA device", "may use 2"});
}

TEST_F(CudaDevice, MemoryThatIsNotThereIsAnErrorWithItsSize) {
  const auto device = open();
  fake->memory = 1 << 20;
  auto first = Memory::allocate(device, 1 << 20);
  ASSERT_TRUE(first);
  expectError(Memory::allocate(device, 4096).status(), FARO_OUT_OF_MEMORY,
              {"cuMemAlloc of 4096 bytes on Fake GPU", "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"});
  *first = Memory();
  EXPECT_TRUE(Memory::allocate(device, 4096));
  auto none = Memory::allocate(device, 0);
  ASSERT_TRUE(none);
  EXPECT_EQ(none->address(), 0u);
}

TEST_F(CudaDevice, KernelsGetWhatTheyAreGiven) {
  const auto device = open();
  auto kernels = Kernels::load(device, module());
  ASSERT_TRUE(kernels) << kernels.status().message();
  EXPECT_EQ(fake->image, Code + 1); // of sm_90
  auto stream = Stream::create(device);
  ASSERT_TRUE(stream);

  constexpr int64_t Tokens = 5;
  std::vector<float> x(Tokens * Columns);
  std::iota(x.begin(), x.end(), 1.0f);
  const std::vector<uint32_t> offsets = {0, 2, 2, 3, 5, 6};
  const Memory source = put(device, **stream, x), counts = put(device, **stream, offsets);
  auto window = Memory::allocate(device, 6 * Columns * sizeof(float));
  ASSERT_TRUE(window);
  ASSERT_TRUE((*stream)->zero(window->address(), window->size()));
  std::vector<uint64_t> rows;
  for (const uint64_t row : {5, 0, 3, 1, 4, 2})
    rows.push_back(window->address() + row * Columns * sizeof(float));
  const Memory list = put(device, **stream, rows), weights = put(device, **stream, std::vector<float>(6, 0.5f));
  const Grid grid = Grid::of(Tokens, Columns * sizeof(float), device->multiprocessors(), device->multiprocessors());
  ASSERT_TRUE((*kernels)->push(0, **stream, grid, source.address(), Columns * sizeof(float), counts.address(),
                               list.address(), 0, Tokens));
  EXPECT_EQ(std::pair(fake->blocks, fake->threads), std::pair(5u, 32u));
  // No more blocks than a multiprocessor has registers for: 3 of 512 threads with 40 each.
  Grid wide = Grid::of(1 << 20, 16 * 512, device->multiprocessors(), device->multiprocessors());
  EXPECT_EQ(std::pair(wide.blocks, wide.threads), std::pair(4 * 132u, 512u));
  ASSERT_TRUE((*kernels)->push(0, **stream, wide, source.address(), Columns * sizeof(float), counts.address(),
                               list.address(), 0, Tokens));
  EXPECT_EQ(fake->blocks, 3 * 132u);
  // Nor more threads than a block of it has registers for.
  fake->registers = 96;
  wide.threads = 1000;
  ASSERT_TRUE((*kernels)->push(0, **stream, wide, source.address(), Columns * sizeof(float), counts.address(),
                               list.address(), 0, Tokens));
  EXPECT_EQ(std::pair(fake->blocks, fake->threads), std::pair(132u, 480u));
  // One block where it may not fill the device, which spreads blocks over all of its multiprocessors.
  ASSERT_TRUE((*kernels)->push(0, **stream, Grid::of(1 << 20, 16 * 512, 16, 132), source.address(),
                               Columns * sizeof(float), counts.address(), list.address(), 0, Tokens));
  EXPECT_EQ(fake->blocks, 16u);
  auto out = Memory::allocate(device, x.size() * sizeof(float));
  ASSERT_TRUE(out);
  ASSERT_TRUE((*kernels)->pull(1, **stream, grid, out->address(), Columns * sizeof(float), counts.address(),
                               list.address(), weights.address(), 0, Tokens));
  std::vector<float> sums(x.size());
  ASSERT_TRUE((*stream)->toHost(sums.data(), out->address(), out->size()));
  ASSERT_TRUE((*stream)->wait());
  auto over = isDone(device, **stream);
  ASSERT_TRUE(over && *over);
  for (int64_t t = 0; t < Tokens; ++t)
    for (int64_t c = 0; c < Columns; ++c)
      EXPECT_EQ(sums[size_t(t * Columns + c)],
                0.5f * float(offsets[size_t(t) + 1] - offsets[size_t(t)]) * x[size_t(t * Columns + c)]);
}

TEST_F(CudaDevice, NothingIsLaunchedForNoTokens) {
  const auto device = open();
  auto kernels = Kernels::load(device, module());
  ASSERT_TRUE(kernels);
  auto stream = Stream::create(device);
  EXPECT_TRUE((*kernels)->push(0, **stream, {}, 0, 0, 0, 0, 3, 3));
  EXPECT_TRUE((*kernels)->pull(1, **stream, {}, 0, 0, 0, 0, 0, 0, 0));
  EXPECT_EQ(fake->blocks, 0u);
}

TEST_F(CudaDevice, ImagesThatDoNotLoadAreNamed) {
  const auto device = open();
  fake->loadResult = 218;
  fake->loadLog = "ptxas application ptx input, line 7; fatal";
  expectError(Kernels::load(device, module()).status(), FARO_DATA_LOSS,
              {"m.so: image cuda:sm_90 on Fake GPU (sm_90)", "cuModuleLoadDataEx", "line 7; fatal"});
  fake->loadResult = 200;
  expectError(Kernels::load(device, module()).status(), FARO_DATA_LOSS, {"cuda:sm_90", "FARO_PTXAS=none"});
  fake->loadResult = 0;
  fake->missingKernel = "combine_pull";
  expectError(Kernels::load(device, module()).status(), FARO_DATA_LOSS, {"m.so", "has no kernel combine_pull"});
  tables.module.image_count = 0;
  expectError(Kernels::load(device, module()).status(), FARO_UNAVAILABLE, {"m.so", "kernels for the CPU only"});
}

/// A driver older than the CUDA that made the machine code.
TEST_F(CudaDevice, TextIsLoadedWhereMachineCodeIsNotRead) {
  const auto device = open();
  fake->loadResult = 200;
  fake->refused = tables.images[2].data;
  auto kernels = Kernels::load(device, module());
  ASSERT_TRUE(kernels) << kernels.status().message();
  EXPECT_EQ(fake->image, tables.images[1].data);
  fake->refused = nullptr;
}

TEST_F(CudaDevice, InContextLeavesWhatTheThreadHadCurrent) {
  const auto device = open();
  const Driver &cuda = device->driver();
  int somebodys = 0;
  api::Context found = nullptr;
  for (void *before : {static_cast<void *>(nullptr), static_cast<void *>(&somebodys)}) {
    ASSERT_EQ(cuda.ctxSetCurrent(static_cast<api::Context>(before)), 0);
    {
      const InContext current(*device);
      EXPECT_TRUE(current.status());
      EXPECT_EQ(cuda.ctxGetCurrent(&found), 0);
      EXPECT_NE(found, before);
      {
        const InContext again(*device);
      }
      EXPECT_TRUE(Memory::allocate(device, 64));
    }
    EXPECT_EQ(cuda.ctxGetCurrent(&found), 0);
    EXPECT_EQ(found, before);
  }
}

TEST_F(CudaDevice, FailuresOfKernelsAreErrorsWhereTheyAreSeen) {
  const auto device = open();
  auto kernels = Kernels::load(device, module());
  auto stream = Stream::create(device);
  ASSERT_TRUE(kernels && stream);
  fake->launchResult = 701;
  expectError((*kernels)->push(0, **stream, {7, 64}, 0, 0, 0, 0, 0, 1), FARO_INTERNAL,
              {"launch of dispatch_push with 7 blocks of 64 threads on Fake GPU"});
  fake->waitResult = 700;
  expectError(
      (*stream)->wait(), FARO_INTERNAL,
      {"work on Fake GPU failed", "CUDA_ERROR_ILLEGAL_ADDRESS (700)", "launched last: dispatch_push", "start another"});
  expectError(isDone(device, **stream).status(), FARO_INTERNAL, {"CUDA_ERROR_ILLEGAL_ADDRESS"});
  fake->waitResult = 600;
  auto over = isDone(device, **stream);
  ASSERT_TRUE(over) << over.status().message();
  EXPECT_FALSE(*over);
}

TEST_F(CudaDevice, EventsTellTheTimeBetweenThem) {
  const auto device = open();
  auto stream = Stream::create(device);
  auto begin = Event::create(device, Event::Timed), end = Event::create(device, Event::Timed);
  ASSERT_TRUE(stream && begin && end);
  expectError((*end)->since(**begin).status(), FARO_INTERNAL, {"cuEventElapsedTime"}); // neither has a place yet
  ASSERT_TRUE((*begin)->record(**stream));
  const auto from = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  const std::chrono::duration<double, std::milli> least = std::chrono::steady_clock::now() - from;
  ASSERT_TRUE((*end)->record(**stream));
  ASSERT_TRUE((*end)->wait());
  const auto taken = (*end)->since(**begin);
  ASSERT_TRUE(taken) << taken.status().message();
  EXPECT_GE(*taken, least.count() * 0.999); // the driver's is a float
  fake->waitResult = 700;
  expectError((*end)->wait(), FARO_INTERNAL, {"work on Fake GPU failed", "CUDA_ERROR_ILLEGAL_ADDRESS"});
}

TEST_F(CudaDevice, BytesAreCopiedWithinTheDevice) {
  const auto device = open();
  auto stream = Stream::create(device);
  ASSERT_TRUE(stream);
  std::vector<int> values(1000), copied(values.size());
  std::iota(values.begin(), values.end(), 0);
  const Memory from = put(device, **stream, values);
  auto to = Memory::allocate(device, from.size());
  ASSERT_TRUE(to);
  ASSERT_TRUE((*stream)->copy(to->address(), from.address(), from.size()));
  ASSERT_TRUE((*stream)->copy(0, 0, 0));
  ASSERT_TRUE((*stream)->toHost(copied.data(), to->address(), to->size()));
  ASSERT_TRUE((*stream)->wait());
  EXPECT_EQ(copied, values);
}

/// Two ranks as threads, each with a window on a device.
static std::vector<Status> makeWindows(const std::vector<std::shared_ptr<Device>> &devices,
                                       const std::function<void(uint32_t rank, NodeMemory &)> &use) {
  auto communicators = Communicator::createLocal(2, std::chrono::seconds(20));
  EXPECT_TRUE(communicators) << communicators.status().message();
  std::vector<Status> results(2);
  std::vector<std::thread> threads;
  for (uint32_t rank = 0; rank < 2; ++rank)
    threads.emplace_back([&, rank] {
      std::shared_ptr<Communicator> communicator = std::move((*communicators)[rank]);
      auto window = DeviceWindow::create(*communicator, devices[rank], {100, (2 << 20) + 1},
                                         gatherOverJob(communicator), "window");
      results[rank] = window.status();
      if (window)
        use(rank, **window);
      EXPECT_TRUE(communicator->barrier());
    });
  for (std::thread &thread : threads)
    thread.join();
  return results;
}

TEST_F(CudaDevice, ThreadsReachEachOthersWindows) {
  const auto device = open();
  std::vector<std::byte *> bases(4);
  const auto results = makeWindows({device, device}, [&](uint32_t rank, NodeMemory &window) {
    for (uint32_t peer = 0; peer < 2; ++peer)
      bases[2 * rank + peer] = window.of(peer);
    EXPECT_EQ(window.sizeOfLocal(0), 2u << 20);
    EXPECT_EQ(window.sizeOfLocal(1), 4u << 20);
  });
  EXPECT_TRUE(results[0] && results[1]) << results[0].message() << results[1].message();
  EXPECT_NE(bases[0], bases[1]);
  EXPECT_EQ(bases[0], bases[2]);
  EXPECT_EQ(bases[1], bases[3]);
}

TEST_F(CudaDevice, ThreadsOfOneProcessNeedOneDevice) {
  auto other = Device::open(*Driver::load(FAKE_CUDA), 1);
  ASSERT_TRUE(other);
  for (const Status &status : makeWindows({open(), *other}, [](uint32_t, NodeMemory &) {}))
    expectError(status, FARO_UNAVAILABLE, {"on CUDA device", "of the same process", "one device"});
}

TEST_F(CudaDevice, DamagedImageTablesAreRefused) {
  const auto refused = [this](const char *words) {
    auto made = Module::adopt(&tables.module, nullptr, "m.so");
    ASSERT_FALSE(made);
    expectError(made.status(), FARO_DATA_LOSS, {"m.so", words});
  };
  tables.images[1].data = Code; // PTX, with a byte behind it that is no zero
  tables.images[1].size = sizeof "mach";
  refused("device image 1 (cuda:sm_80) is PTX that does not end with a zero");
  tables.images[1].format = 7;
  refused("device image 1 has no target or data, or format 7");
  tables.images[0].size = 0;
  refused("device image 0");
  tables.module.images = nullptr;
  refused("3 device images, but no table of them");
}
