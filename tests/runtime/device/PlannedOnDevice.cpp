// Shuffles that are planned by kernels: ranks are threads that share a device, and every batch is compared with the
// reference. Behind a driver over host memory that runs the kernels' PTX; or, with FARO_TEST_GPU=1, on
// device 0.
#include "tests/runtime/device/PlannedRanks.h"

#include <barrier>
#include <gtest/gtest.h>
#include <thread>

using namespace faro;
using namespace faro::test;
using namespace std::chrono_literals;

namespace {

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
        b % 3 == 1 ? rank.planAndPush(rows, byWord) : rank.dispatch(rows, byWord);
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
    must(driver.streamBeginCapture(rank.stream->handle(), cuda::api::CaptureThreadLocal), "cuStreamBeginCapture");
    rank.dispatch(Most, /*byWord=*/true);
    rank.combine(Most);
    must(driver.streamEndCapture(rank.stream->handle(), &graph), "cuStreamEndCapture");
    must(driver.graphInstantiate(&replay, graph, 0), "cuGraphInstantiate");
    rank.add(rank.communicator->barrier()); // which may allocate, while nobody's kernels wait
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

TEST(PlannedContexts, CallsLeaveTheCallersContext) {
  const auto module = load("aligned");
  const faro_abi_program &abi = *module->find("dispatch");
  const Batch batch = makeBatch(reference::fromAbi(abi), 2, 20, 3);
  asRanks(2, module, sized(abi, 2, 20), 60s, [&](Rank &rank, uint32_t r) {
    rank.give(batch);
    const cuda::Driver &driver = rank.device->driver();
    cuda::api::Context mine = nullptr, found = nullptr;
    (void)driver.ctxGetCurrent(&mine);
    const auto expectNone = [&](const char *after) {
      if (driver.ctxGetCurrent(&found) != 0 || found)
        rank.add({FARO_INTERNAL, std::string("a context is left after ") + after});
    };
    (void)driver.ctxSetCurrent(nullptr);
    rank.dispatch(int64_t(batch.routing[r].tokens), false);
    expectNone("dispatch");
    rank.combine(int64_t(batch.routing[r].tokens));
    expectNone("combine");
    rank.add(rank.shuffle->status(rank.handle()));
    expectNone("status");
    rank.shuffle.reset();
    expectNone("the end of the shuffle");
    (void)driver.ctxSetCurrent(mine);
  });
}

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
  asRanks(3, module, sized(abi, 3, 20), 4s, [&](Rank &rank, uint32_t r) {
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
    rank.add(driver.check(driver.streamBeginCapture(rank.stream->handle(), cuda::api::CaptureThreadLocal),
                          "cuStreamBeginCapture"));
    rank.dispatch(20, false);
    expectError(rank, rank.shuffle->status(rank.handle()), FARO_INTERNAL, {"900"});
    cuda::api::Graph graph = nullptr;
    if (driver.streamEndCapture(rank.stream->handle(), &graph) != 901)
      rank.add({FARO_INTERNAL, "the capture is valid"});
  });
}

TEST(PlannedFaults, HalvesOfADispatchOutOfOrderAreSaid) {
  const auto module = load("aligned");
  const faro_abi_program &abi = *module->find("dispatch");
  const Batch batch = makeBatch(reference::fromAbi(abi), 2, 20, 3);
  asRanks(2, module, sized(abi, 2, 20), 60s, [&](Rank &rank, uint32_t) {
    rank.give(batch);
    const auto *idx = Rank::in<int64_t>(rank.idx);
    const ConstRows x{Rank::in<void>(rank.x), 20, rank.rowBytes()};
    const auto refused = [&](const Status &status, const char *words) {
      expectError(rank, status, FARO_INVALID_ARGUMENT, {words});
    };
    refused(rank.shuffle->enqueuePush(rank.handle(), x), "expected a plan before it (enqueuePlan)");
    rank.add(rank.shuffle->enqueuePlan(rank.handle(), idx, 20));
    refused(rank.shuffle->enqueuePlan(rank.handle(), idx, 20), "expected the push of the one before");
    refused(rank.shuffle->enqueueDispatch(rank.handle(), idx, x), "expected the push of the one before");
    refused(rank.shuffle->enqueueCombine(rank.handle(), Rank::in<float>(rank.weights),
                                         {Rank::in<void>(rank.out), 20, rank.rowBytes()}),
            "planned and not pushed");
    refused(rank.shuffle->enqueuePush(rank.handle(), {x.data, 19, x.stride}), "the 20 of the plan before");
    rank.add(rank.shuffle->enqueuePush(rank.handle(), x));
    rank.add(rank.shuffle->status(rank.handle()));
    rank.checkReceived(batch);
  });
}

TEST(PlannedFaults, RanksOfAProcessDoNotShareTheLegacyStream) {
  const auto module = load("aligned");
  const faro_abi_program &abi = *module->find("dispatch");
  asRanks(2, module, sized(abi, 2, 20), 60s, [&](Rank &rank, uint32_t) {
    for (void *stream : {static_cast<void *>(nullptr), reinterpret_cast<void *>(1)})
      expectError(rank,
                  rank.shuffle->enqueueDispatch(stream, Rank::in<int64_t>(rank.idx),
                                                {Rank::in<void>(rank.x), 20, rank.rowBytes()}),
                  FARO_INVALID_ARGUMENT, {"legacy default stream", "a stream of its own"});
  });
  // One rank may.
  const Batch batch = makeBatch(reference::fromAbi(abi), 1, 20, 3);
  asRanks(1, module, sized(abi, 1, 20), 60s, [&](Rank &rank, uint32_t) {
    rank.give(batch);
    rank.add(rank.stream->wait());
    rank.add(rank.shuffle->enqueueDispatch(nullptr, Rank::in<int64_t>(rank.idx),
                                           {Rank::in<void>(rank.x), 20, rank.rowBytes()}));
    rank.add(rank.shuffle->status(nullptr));
    rank.checkReceived(batch);
  });
}

TEST(PlannedFaults, NobodysKernelsWaitForARankThatStillAllocates) {
  const auto module = load("aligned");
  const faro_abi_program &abi = *module->find("dispatch");
  // The second rank is long about its memory, and an allocation waits until no kernel runs.
  const int64_t tokens[] = {0, 1 << 20};
  auto all = *Communicator::createLocal(2, 60s);
  std::barrier over(2);
  std::vector<std::thread> threads;
  for (uint32_t r = 0; r < 2; ++r)
    threads.emplace_back([&, r] {
      DeviceShuffleOptions options = sized(abi, 2, 20);
      options.dispatch = &abi;
      options.mostTokens = tokens[r];
      auto made = DeviceShuffle::create(all[r], module, options);
      ASSERT_TRUE(made) << made.status().message();
      const auto device = *cuda::Device::open(0);
      EXPECT_TRUE(device->makeCurrent());
      const auto stream = std::move(*cuda::Stream::create(device));
      Status status = (*made)->enqueueDispatch(stream->handle(), nullptr, {});
      EXPECT_TRUE(status) << status.message();
      status = (*made)->status(stream->handle());
      EXPECT_TRUE(status) << status.message();
      over.arrive_and_wait();
    });
  for (std::thread &thread : threads)
    thread.join();
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
  refuse("plain", nothing, 1,
         {"dispatch has no kernels that plan on a device", "--target=cpu,cuda:sm_", "CompileTargets::planning"});
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
