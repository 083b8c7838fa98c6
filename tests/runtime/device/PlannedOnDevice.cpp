// Shuffles that are planned by kernels: ranks are threads that share a device, and every batch is compared with the
// reference. Behind a driver over host memory that runs the CPU's twins of the kernels; or, with FARO_TEST_GPU=1, on
// device 0.
#include "compiler/Interpreter/Reference.h"
#include "faro/device_shuffle.h"
#include "runtime/device/cuda/Device.h"

#include <algorithm>
#include <barrier>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <thread>

using namespace faro;
using namespace std::chrono_literals;

namespace {

std::shared_ptr<const Module> load(const std::string &name) {
  // Before anybody asks for the driver.
  if (!std::getenv("FARO_TEST_GPU"))
    ::setenv("FARO_CUDA_DRIVER", FAKE_CUDA, /*overwrite=*/1);
  auto module = Module::load(std::string(PLANNED_MODULES) + "/" + name + ".so");
  EXPECT_TRUE(module) << module.status().message();
  return *module;
}

/// What all ranks put into a run.
struct Batch {
  std::vector<reference::Routing> routing;
  std::vector<std::vector<std::byte>> x;
  std::vector<std::vector<float>> weights;
};

Batch makeBatch(const reference::Program &program, uint32_t ranks, int64_t mostTokens, uint32_t seed) {
  std::mt19937 random(seed);
  const int64_t experts = program.placement.experts();
  Batch batch;
  for (uint32_t r = 0; r < ranks; ++r) {
    reference::Routing routing;
    routing.tokens = uint64_t(seed % 3 == 0 ? mostTokens : int64_t(random() % uint64_t(mostTokens + 1)));
    const int64_t popular = int64_t(random() % uint64_t(experts));
    for (uint64_t i = 0; i < routing.tokens * program.topk; ++i) {
      const uint32_t kind = random() % 8;
      routing.topkIdx.push_back(kind == 0 ? -1 : kind < 3 ? popular : int64_t(random() % uint64_t(experts)));
    }
    std::vector<std::byte> x(routing.tokens * program.rowBytes());
    for (size_t at = 0; at < x.size(); at += bytesOf(program.element))
      reference::fromFloat(program.element, std::normal_distribution<float>()(random), &x[at]);
    std::vector<float> weights;
    for (size_t i = 0; i < routing.topkIdx.size(); ++i)
      weights.push_back(std::uniform_real_distribution<float>(-1, 1)(random));
    batch.routing.push_back(std::move(routing));
    batch.x.push_back(std::move(x));
    batch.weights.push_back(std::move(weights));
  }
  return batch;
}

/// The experts of this test.
void triple(reference::Element element, const std::byte *from, std::byte *to, size_t bytes) {
  for (size_t at = 0; at < bytes; at += bytesOf(element))
    reference::fromFloat(element, 3 * reference::toFloat(element, from + at), to + at);
}

/// One rank: the memory of its inputs and outputs, which is the host's too behind this driver.
class Rank {
public:
  Rank(std::shared_ptr<Communicator> mine, const std::shared_ptr<const Module> &module, DeviceShuffleOptions options)
      : communicator(std::move(mine)), abi(*module->find("dispatch")), program(reference::fromAbi(abi)),
        most(options.mostTokens), inPlace(options.inPlace) {
    options.combine = module->find("combine");
    auto made = DeviceShuffle::create(communicator, module, options);
    if (!made) {
      wrong = made.status().message();
      return;
    }
    shuffle = std::move(*made);
    device = *cuda::Device::open(*cuda::Driver::get(), 0);
    stream = std::move(*cuda::Stream::create(device));
    const size_t items = size_t(most) * program.topk, bytes = size_t(most) * program.rowBytes();
    for (auto [memory, size] : {std::pair(&idx, items * sizeof(int64_t)),
                                {&x, bytes},
                                {&weights, items * sizeof(float)},
                                {&out, bytes},
                                {&word, sizeof(int64_t)}})
      *memory = std::move(*cuda::Memory::allocate(device, size));
  }

  template <typename T> static T *in(const cuda::Memory &memory) {
    return reinterpret_cast<T *>(uintptr_t(memory.address()));
  }
  template <typename T> void write(T *to, const std::vector<T> &values) {
    add(stream->toDevice(reinterpret_cast<uintptr_t>(to), values.data(), values.size() * sizeof(T)));
  }
  /// When the stream has come to it.
  template <typename T> std::vector<T> read(const T *from, size_t count) {
    std::vector<T> values(count);
    add(stream->toHost(values.data(), reinterpret_cast<uintptr_t>(from), count * sizeof(T)));
    add(stream->wait());
    return values;
  }
  std::vector<int64_t> offsets() { return read(shuffle->expertOffsets(), size_t(shuffle->localExperts()) + 1); }
  std::vector<std::byte> rowsOf(const Rows &rows, int64_t count) {
    return read(static_cast<const std::byte *>(rows.data), size_t(count * rows.stride));
  }
  void *handle() const { return stream->handle(); }
  int64_t rowBytes() const { return int64_t(program.rowBytes()); }

  /// The batch's inputs, and garbage behind them and where outputs go.
  void give(const Batch &batch) {
    const uint32_t r = communicator->rank();
    std::vector<int64_t> choices = batch.routing[r].topkIdx;
    choices.resize(size_t(most) * program.topk, int64_t(1) << 40);
    write(in<int64_t>(idx), choices);
    write(in<std::byte>(out), std::vector<std::byte>(out.size(), std::byte(0xa5)));
    write(in<std::byte>(x), batch.x[r]);
    write(in<float>(weights), batch.weights[r]);
    write(in<int64_t>(word), std::vector<int64_t>{int64_t(batch.routing[r].tokens)});
  }
  void add(const Status &status) {
    if (wrong.empty() && !status)
      wrong = status.message();
  }
  /// `rows`: of the launch; with fewer tokens among them, as the word says.
  void dispatch(int64_t rows, bool byWord) {
    add(shuffle->enqueueDispatch(handle(), in<int64_t>(idx), {in<void>(x), rows, rowBytes()},
                                 byWord ? in<int64_t>(word) : nullptr));
  }
  void combine(int64_t rows) {
    add(shuffle->enqueueCombine(handle(), in<float>(weights), {in<void>(out), rows, rowBytes()}));
  }
  void compute() {
    const int64_t stride = shuffle->received().stride;
    std::vector<std::byte> rows = rowsOf(shuffle->received(), offsets().back());
    for (size_t at = 0; at < rows.size(); at += size_t(stride))
      triple(program.element, &rows[at], &rows[at], program.rowBytes());
    write(static_cast<std::byte *>(shuffle->expertRows().data), rows);
  }

  void checkReceived(const Batch &batch) {
    const reference::Dispatched expected = reference::dispatch(program, communicator->rank(), batch.routing);
    if (offsets() != expected.expertOffsets)
      return add({FARO_INTERNAL, "expertOffsets differ"});
    if (read(shuffle->expertCounts(), expected.expertCounts.size()) != expected.expertCounts)
      return add({FARO_INTERNAL, "expertCounts differ"});
    const size_t stride = size_t(shuffle->received().stride), bytes = program.rowBytes();
    const std::vector<std::byte> received = rowsOf(shuffle->received(), int64_t(expected.rows.rows.size()));
    std::vector<std::byte> row(stride);
    for (size_t i = 0; i < expected.rows.rows.size(); ++i) {
      std::fill(row.begin(), row.end(), std::byte(0));
      if (const auto &item = expected.rows.rows[i])
        std::memcpy(row.data(), &batch.x[item->source][size_t(item->token) * bytes], bytes);
      if (std::memcmp(row.data(), &received[i * stride], stride) != 0)
        return add({FARO_INTERNAL, "received row " + std::to_string(i) + " differs"});
    }
  }
  void checkOut(const Batch &batch, int64_t rows) {
    const uint32_t r = communicator->rank();
    const size_t bytes = program.rowBytes();
    std::vector<std::byte> y(bytes), sum(bytes);
    const std::vector<std::byte> summed = read(in<const std::byte>(out), size_t(rows) * bytes);
    for (int64_t t = 0; t < rows; ++t) {
      std::vector<const std::byte *> of(program.topk, nullptr);
      std::vector<float> none(program.topk);
      const float *factors = none.data();
      if (t < int64_t(batch.routing[r].tokens)) {
        const std::byte *token = &batch.x[r][size_t(t) * bytes];
        inPlace ? void(std::memcpy(y.data(), token, bytes)) : triple(program.element, token, y.data(), bytes);
        for (uint32_t k = 0; k < program.topk; ++k)
          of[k] = batch.routing[r].topkIdx[size_t(t) * program.topk + k] < 0 ? nullptr : y.data();
        factors = &batch.weights[r][size_t(t) * program.topk];
      }
      combineRow(program, of, factors, sum.data());
      if (std::memcmp(sum.data(), &summed[size_t(t) * bytes], bytes) != 0)
        return add({FARO_INTERNAL, "token " + std::to_string(t) + " differs"});
    }
  }

  std::shared_ptr<Communicator> communicator;
  const faro_abi_program &abi;
  reference::Program program;
  const int64_t most;
  const bool inPlace;
  std::shared_ptr<cuda::Device> device;
  std::unique_ptr<cuda::Stream> stream;
  cuda::Memory idx, x, weights, out, word;
  std::unique_ptr<DeviceShuffle> shuffle;
  std::string wrong; ///< the first thing
};

/// `body` as each rank, which leaves when all are over.
void asRanks(uint32_t ranks, const std::shared_ptr<const Module> &module, const DeviceShuffleOptions &options,
             Nanoseconds timeout, const std::function<void(Rank &, uint32_t)> &body) {
  auto all = Communicator::createLocal(ranks, timeout);
  ASSERT_TRUE(all) << all.status().message();
  std::vector<std::string> wrong(ranks);
  std::barrier over(ranks);
  std::vector<std::thread> threads;
  for (uint32_t r = 0; r < ranks; ++r)
    threads.emplace_back([&, r] {
      Rank rank((*all)[r], module, options);
      if (rank.wrong.empty())
        body(rank, r);
      wrong[r] = rank.wrong;
      over.arrive_and_wait(); // windows are written by others
    });
  for (std::thread &thread : threads)
    thread.join();
  for (uint32_t r = 0; r < ranks; ++r)
    EXPECT_EQ(wrong[r], "") << "rank " << r;
}

DeviceShuffleOptions sized(const faro_abi_program &program, uint32_t ranks, int64_t tokens, bool inPlace = false) {
  DeviceShuffleOptions options;
  options.mostTokens = tokens;
  options.mostRows = int64_t(ranks) * tokens * program.routes.topk +
                     int64_t(program.routes.experts) * (int64_t(program.layout.align) - 1);
  options.inPlace = inPlace;
  return options;
}

class PlannedOnDevice : public ::testing::TestWithParam<const char *> {};

} // namespace

TEST_P(PlannedOnDevice, BatchAfterBatchIsTheReferences) {
  const auto module = load(GetParam());
  const faro_abi_program &abi = *module->find("dispatch");
  const reference::Program program = reference::fromAbi(abi);
  constexpr int64_t Most = 75;
  for (uint32_t ranks : {1u, 2u, 5u})
    asRanks(ranks, module, sized(abi, ranks, Most), 60s, [&](Rank &rank, uint32_t r) {
      for (uint32_t b = 0; b < 6; ++b) {
        const Batch batch = makeBatch(program, ranks, Most, 100 * ranks + b);
        const bool byWord = b % 2;
        const int64_t rows = byWord ? Most : int64_t(batch.routing[r].tokens);
        rank.give(batch);
        rank.dispatch(rows, byWord);
        rank.add(rank.shuffle->status(rank.handle()));
        rank.checkReceived(batch);
        rank.compute();
        for (int again = 0; again < 2; ++again) {
          rank.combine(rows);
          rank.add(rank.shuffle->status(rank.handle()));
          rank.checkOut(batch, rows);
        }
      }
    });
}

TEST_P(PlannedOnDevice, WhatWasCapturedOnceShufflesWhatItsInputsHoldAtEachReplay) {
  const auto module = load(GetParam());
  const faro_abi_program &abi = *module->find("dispatch");
  const reference::Program program = reference::fromAbi(abi);
  constexpr int64_t Most = 60;
  constexpr uint32_t Ranks = 3;
  asRanks(Ranks, module, sized(abi, Ranks, Most, /*inPlace=*/true), 60s, [&](Rank &rank, uint32_t) {
    const cuda::Driver &driver = rank.device->driver();
    cuda::api::Graph graph = nullptr;
    cuda::api::GraphExec replay = nullptr;
    const auto must = [&](cuda::api::Result result, const char *what) { rank.add(driver.check(result, what)); };
    must(driver.streamBeginCapture(rank.stream->handle(), /*global=*/0), "cuStreamBeginCapture");
    rank.dispatch(Most, /*byWord=*/true);
    rank.combine(Most);
    must(driver.streamEndCapture(rank.stream->handle(), &graph), "cuStreamEndCapture");
    must(driver.graphInstantiate(&replay, graph, 0), "cuGraphInstantiate");
    for (uint32_t b = 0; b < 7 && rank.wrong.empty(); ++b) {
      const Batch batch = makeBatch(program, Ranks, Most, 1000 + b);
      rank.give(batch);
      must(driver.graphLaunch(replay, rank.stream->handle()), "cuGraphLaunch");
      rank.add(rank.shuffle->status(rank.handle()));
      rank.checkReceived(batch);
      rank.checkOut(batch, Most);
      // The peers' next replay may write this rank's rows as soon as it begins one itself.
    }
    must(driver.graphExecDestroy(replay), "cuGraphExecDestroy");
    must(driver.graphDestroy(graph), "cuGraphDestroy");
  });
}

INSTANTIATE_TEST_SUITE_P(Modules, PlannedOnDevice, ::testing::Values("aligned", "round_robin", "table"),
                         [](const auto &info) { return std::string(info.param); });

namespace {

void expectError(Rank &rank, const Status &status, StatusCode code, std::initializer_list<const char *> words) {
  if (status.code() != code)
    rank.add({FARO_INTERNAL, "expected another error than: " + status.message()});
  for (const char *word : words)
    if (status.message().find(word) == std::string::npos)
      rank.add({FARO_INTERNAL, std::string(word) + " is missing: " + status.message()});
}

} // namespace

TEST(PlannedFaults, ARankThatDoesNotComeEndsInATimeOutThatNamesIt) {
  const auto module = load("aligned");
  const faro_abi_program &abi = *module->find("dispatch");
  const Batch batch = makeBatch(reference::fromAbi(abi), 3, 20, 3);
  asRanks(3, module, sized(abi, 3, 20), 2s, [&](Rank &rank, uint32_t r) {
    if (r == 1)
      return;
    rank.give(batch);
    rank.dispatch(20, false);
    expectError(rank, rank.shuffle->status(rank.handle()), FARO_DEADLINE_EXCEEDED,
                {"in vain for rank 1 (counts of a dispatch);"});
    if (rank.offsets().back() != 0)
      rank.add({FARO_INTERNAL, "there are rows"});
    // Nobody waits any more.
    rank.combine(20);
    expectError(rank, rank.shuffle->status(rank.handle()), FARO_DEADLINE_EXCEEDED, {"make the shuffle anew"});
  });
}

TEST(PlannedFaults, MoreRowsThanThereIsRoomForAreNamedAndTheNextBatchIsRight) {
  const auto module = load("aligned");
  const faro_abi_program &abi = *module->find("dispatch");
  const reference::Program program = reference::fromAbi(abi);
  Batch full = makeBatch(program, 2, 20, 3);
  for (reference::Routing &routing : full.routing)
    std::fill(routing.topkIdx.begin(), routing.topkIdx.end(), 9); // of the second rank's
  const Batch small = makeBatch(program, 2, 1, 4);
  DeviceShuffleOptions options = sized(abi, 2, 20);
  options.mostRows = 120;
  asRanks(2, module, options, 60s, [&](Rank &rank, uint32_t r) {
    rank.give(full);
    rank.dispatch(20, false);
    expectError(rank, rank.shuffle->status(rank.handle()), FARO_INVALID_ARGUMENT,
                {"rank 1 would receive 160 rows", "the 120", "mostRows", "nothing was moved"});
    rank.give(small);
    rank.dispatch(int64_t(small.routing[r].tokens), false);
    rank.add(rank.shuffle->status(rank.handle()));
    rank.checkReceived(small);
  });
}

TEST(PlannedFaults, AnExpertOutOfRangeIsNamedAndDropped) {
  const auto module = load("aligned");
  const faro_abi_program &abi = *module->find("dispatch");
  const reference::Program program = reference::fromAbi(abi);
  Batch batch = makeBatch(program, 2, 20, 3), meant = batch;
  batch.routing[1].topkIdx[4 * 7 + 2] = 16;
  meant.routing[1].topkIdx[4 * 7 + 2] = -1;
  asRanks(2, module, sized(abi, 2, 20), 60s, [&](Rank &rank, uint32_t r) {
    rank.give(batch);
    rank.dispatch(20, false);
    const Status status = rank.shuffle->status(rank.handle());
    if (r == 1)
      expectError(rank, status, FARO_INVALID_ARGUMENT, {"rank 1, token 7, choice 2", "0 to 15"});
    else
      rank.add(status);
    rank.checkReceived(meant);
    rank.add(rank.shuffle->status(rank.handle())); // said once
  });
}

TEST(PlannedFaults, AStreamThatIsCapturedIsNotWaitedFor) {
  const auto module = load("aligned");
  const faro_abi_program &abi = *module->find("dispatch");
  asRanks(1, module, sized(abi, 1, 20), 60s, [&](Rank &rank, uint32_t) {
    const cuda::Driver &driver = rank.device->driver();
    rank.add(driver.check(driver.streamBeginCapture(rank.stream->handle(), 0), "cuStreamBeginCapture"));
    rank.dispatch(20, false);
    expectError(rank, rank.shuffle->status(rank.handle()), FARO_INTERNAL, {"900"});
    cuda::api::Graph graph = nullptr;
    if (driver.streamEndCapture(rank.stream->handle(), &graph) != 901)
      rank.add({FARO_INTERNAL, "the capture is valid"});
  });
}

TEST(PlannedFaults, WhatCannotBePlannedIsSaid) {
  const auto refuse = [](const std::string &name, const std::function<void(DeviceShuffleOptions &)> &change,
                         uint32_t nodes, std::initializer_list<const char *> words) {
    const auto module = load(name);
    DeviceShuffleOptions options = sized(*module->find("dispatch"), 2, 4);
    options.dispatch = module->find("dispatch");
    options.combine = module->find("combine");
    change(options);
    auto all = *Communicator::createLocal(2, 60s, nodes);
    std::vector<std::thread> threads;
    for (uint32_t r = 0; r < 2; ++r)
      threads.emplace_back([&, mine = std::move(all[r])]() mutable {
        auto made = DeviceShuffle::create(std::move(mine), module, options);
        EXPECT_FALSE(made);
        for (const char *word : words)
          EXPECT_NE(made.status().message().find(word), std::string::npos) << word << ": " << made.status().message();
      });
    for (std::thread &thread : threads)
      thread.join();
  };
  const auto nothing = [](DeviceShuffleOptions &) {};
  refuse("plain", nothing, 1, {"dispatch has no kernels that plan on a device", "--target=cpu,cuda:sm_"});
  refuse("aligned", nothing, 2, {"within one node", "use a Session"});
  refuse("aligned", [](DeviceShuffleOptions &options) { options.combine = options.dispatch; }, 1, {"does not combine"});
  refuse("aligned", [](DeviceShuffleOptions &options) { options.mostTokens = int64_t(1) << 31; }, 1, {"mostTokens"});
  refuse("aligned", [](DeviceShuffleOptions &options) { options.cudaDevice = 77; }, 1, {"device 77"});
  refuse("aligned", [](DeviceShuffleOptions &options) { options.dispatch = options.combine; }, 1,
         {"combine has no kernels that plan"});
  const auto other = load("table");
  refuse("aligned", [&](DeviceShuffleOptions &options) { options.dispatch = other->find("dispatch"); }, 1,
         {"no program of"});
}
