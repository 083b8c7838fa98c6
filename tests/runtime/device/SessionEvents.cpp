// A session on a device runs behind events of streams that it knows nothing of. The stand-in for the driver does what a
// stream holds when somebody waits for it, not before: a call that did not wait for the event would find zeros.
#include "faro/session.h"
#include "runtime/device/cuda/Device.h"

#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <thread>

using namespace faro;

namespace {

constexpr uint64_t Tokens = 9, Topk = 4, RowBytes = 192; // of planned/aligned.mlir

class SessionEvents : public ::testing::Test {
protected:
  SessionEvents() {
    ::setenv("FARO_CUDA_DRIVER", FAKE_CUDA, /*overwrite=*/1);
    ::setenv("FAKE_CUDA_LAG", "20", /*overwrite=*/1); // asked so often, a stream goes on by itself
    module = *Module::load(PLANNED_MODULES "/aligned.so");
    communicator = Communicator::createLocal(1, std::chrono::seconds(20))->front();
    for (uint64_t t = 0; t < Tokens; ++t)
      for (uint64_t k = 0; k < Topk; ++k)
        topkIdx.push_back(int64_t((t + 5 * k) % 16));
  }

  std::unique_ptr<Session> session(int cudaDevice) {
    auto made = Session::create(communicator, module, {.cudaDevice = cudaDevice});
    EXPECT_TRUE(made) << made.status().message();
    return made ? std::move(*made) : nullptr;
  }

  std::shared_ptr<const Module> module;
  std::shared_ptr<Communicator> communicator;
  std::vector<int64_t> topkIdx;
};

} // namespace

TEST_F(SessionEvents, ADispatchReadsWhatTheEventIsBehind) {
  const auto mine = session(0);
  ASSERT_TRUE(mine);
  const auto device = *cuda::Device::open(0);
  ASSERT_TRUE(device->makeCurrent());
  std::vector<std::byte> tokens(Tokens * RowBytes);
  for (size_t i = 0; i < tokens.size(); ++i)
    tokens[i] = std::byte(i % 251);
  auto given = cuda::Memory::allocate(device, tokens.size()), x = cuda::Memory::allocate(device, tokens.size());
  auto uploads = cuda::Stream::create(device), other = cuda::Stream::create(device);
  ASSERT_TRUE(given && x && uploads && other);
  ASSERT_TRUE((*uploads)->toDevice(given->address(), tokens.data(), tokens.size()) &&
              (*uploads)->zero(x->address(), x->size()) && (*uploads)->wait());

  cuda::api::Event event = nullptr;
  const cuda::Driver &driver = device->driver();
  ASSERT_TRUE(driver.check(driver.eventCreate(&event, 0), "cuEventCreate"));
  ASSERT_TRUE((*other)->copy(x->address(), given->address(), tokens.size()));
  ASSERT_TRUE(driver.check(driver.eventRecord(event, (*other)->handle()), "cuEventRecord"));
  ASSERT_TRUE(mine->after(event));

  const auto plan = mine->prepare(**module->only(FARO_ABI_DISPATCH), {topkIdx.data(), int64_t(Tokens)});
  ASSERT_TRUE(plan) << plan.status().message();
  const auto received =
      mine->dispatch(*plan, {reinterpret_cast<const void *>(uintptr_t(x->address())), int64_t(Tokens), RowBytes});
  ASSERT_TRUE(received) << received.status().message();
  const auto sources = mine->sources(*plan);
  ASSERT_TRUE(sources) << sources.status().message();
  for (int64_t row = 0; row < received->rows.rows; ++row) {
    std::vector<std::byte> got(RowBytes);
    const auto at = reinterpret_cast<uintptr_t>(received->rows.data) + uint64_t(row * received->rows.stride);
    ASSERT_TRUE((*uploads)->toHost(got.data(), at, RowBytes) && (*uploads)->wait());
    const int64_t token = (*sources)[size_t(row)].token;
    const std::vector<std::byte> zeros(RowBytes);
    EXPECT_EQ(std::memcmp(got.data(), token < 0 ? zeros.data() : &tokens[uint64_t(token) * RowBytes], RowBytes), 0)
        << "row " << row << " of token " << token;
  }
  EXPECT_TRUE(driver.check(driver.eventDestroy(event), "cuEventDestroy"));
}

TEST_F(SessionEvents, NoEventAndNoDeviceAreErrorsThatEndNothing) {
  const auto onDevice = session(0);
  ASSERT_TRUE(onDevice);
  Status wrong = onDevice->after(nullptr);
  EXPECT_EQ(wrong.code(), FARO_INVALID_ARGUMENT);
  EXPECT_NE(wrong.message().find("null"), std::string::npos) << wrong.message();
  EXPECT_TRUE(onDevice->prepare(**module->only(FARO_ABI_DISPATCH), {topkIdx.data(), int64_t(Tokens)}));

  const auto onHost = session(-1);
  ASSERT_TRUE(onHost);
  int nothing = 0;
  wrong = onHost->after(&nothing);
  EXPECT_EQ(wrong.code(), FARO_INVALID_ARGUMENT);
  EXPECT_NE(wrong.message().find("host memory"), std::string::npos) << wrong.message();
  EXPECT_TRUE(onHost->prepare(**module->only(FARO_ABI_DISPATCH), {topkIdx.data(), int64_t(Tokens)}));
}

/// Rank 1 sums what rank 0's experts leave in a stream of their own. Rank 0 has no tokens, so nothing that it launches
/// itself makes that stream go on.
TEST_F(SessionEvents, PeersReadAndWriteRowsBehindTheEventToo) {
  const auto ranks = Communicator::createLocal(2, std::chrono::seconds(20));
  ASSERT_TRUE(ranks);
  std::vector<std::string> wrong(2);
  const auto run = [&](uint32_t rank) -> Status {
    auto made = Session::create((*ranks)[rank], module, {.cudaDevice = 0});
    FARO_RETURN_IF_ERROR(made.status());
    Session &mine = **made;
    const int64_t tokens = rank == 0 ? 0 : int64_t(Tokens);
    const auto device = *cuda::Device::open(0);
    FARO_RETURN_IF_ERROR(device->makeCurrent());
    const auto x = cuda::Memory::allocate(device, Tokens * RowBytes), out = cuda::Memory::allocate(device, x->size());
    const auto experts = cuda::Stream::create(device), copies = cuda::Stream::create(device);
    const auto plan = mine.prepare(**module->only(FARO_ABI_DISPATCH), {topkIdx.data(), tokens});
    FARO_RETURN_IF_ERROR(plan.status());
    FARO_RETURN_IF_ERROR(
        mine.dispatch(*plan, {reinterpret_cast<const void *>(uintptr_t(x->address())), tokens, RowBytes}).status());
    const auto rows = mine.expertRows(*plan);
    FARO_RETURN_IF_ERROR(rows.status());

    // The experts: rows of ones, not before somebody waits for their stream.
    const size_t bytes = size_t(rows->rows * rows->stride);
    const auto ones = cuda::Memory::allocate(device, bytes);
    const std::vector<uint16_t> one(bytes / 2, 0x3f80);
    FARO_RETURN_IF_ERROR((*copies)->toDevice(ones->address(), one.data(), bytes));
    FARO_RETURN_IF_ERROR((*copies)->wait());
    FARO_RETURN_IF_ERROR((*experts)->copy(reinterpret_cast<uintptr_t>(rows->data), ones->address(), bytes));
    cuda::api::Event event = nullptr;
    const cuda::Driver &driver = device->driver();
    FARO_RETURN_IF_ERROR(driver.check(driver.eventCreate(&event, 0), "cuEventCreate"));
    FARO_RETURN_IF_ERROR(driver.check(driver.eventRecord(event, (*experts)->handle()), "cuEventRecord"));
    FARO_RETURN_IF_ERROR(mine.after(event));

    const std::vector<float> weights(Tokens * Topk, 0.5f);
    FARO_RETURN_IF_ERROR(
        mine.combine(**module->only(FARO_ABI_COMBINE), *plan, {rows->data, rows->rows, rows->stride}, weights.data(),
                     {reinterpret_cast<void *>(uintptr_t(out->address())), tokens, int64_t(RowBytes)}));
    FARO_RETURN_IF_ERROR((*experts)->wait());
    std::vector<uint16_t> sums(Tokens * RowBytes / 2);
    FARO_RETURN_IF_ERROR((*copies)->toHost(sums.data(), out->address(), Tokens * RowBytes));
    FARO_RETURN_IF_ERROR((*copies)->wait());
    for (size_t i = 0; i < size_t(tokens) * RowBytes / 2; ++i)
      if (sums[i] != 0x4000) // 4 x 0.5
        return Status(FARO_INTERNAL, "element " + std::to_string(i) + " is " + std::to_string(sums[i]));
    return driver.check(driver.eventDestroy(event), "cuEventDestroy");
  };
  std::vector<std::thread> threads;
  for (uint32_t rank = 0; rank < 2; ++rank)
    threads.emplace_back([&, rank] { wrong[rank] = run(rank).message(); });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, std::vector<std::string>(2));
}

TEST_F(SessionEvents, NotWhileACallIsUnderWay) {
  const auto mine = session(0);
  ASSERT_TRUE(mine);
  const auto device = *cuda::Device::open(0);
  ASSERT_TRUE(device->makeCurrent());
  const auto x = cuda::Memory::allocate(device, Tokens * RowBytes);
  const auto plan = mine->prepare(**module->only(FARO_ABI_DISPATCH), {topkIdx.data(), int64_t(Tokens)});
  ASSERT_TRUE(x && plan);
  ASSERT_TRUE(
      mine->postDispatch(*plan, {reinterpret_cast<const void *>(uintptr_t(x->address())), int64_t(Tokens), RowBytes}));
  int nothing = 0;
  const Status early = mine->after(&nothing);
  EXPECT_EQ(early.code(), FARO_INVALID_ARGUMENT);
  EXPECT_NE(early.message().find("under way"), std::string::npos) << early.message();
  EXPECT_TRUE(mine->wait());
}
