#include "tests/runtime/device/PlannedRanks.h"

#include <algorithm>
#include <barrier>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <thread>

namespace faro::test {

std::shared_ptr<const Module> load(const std::string &name) {
  if (!std::getenv("FARO_TEST_GPU"))
    ::setenv("FARO_CUDA_DRIVER", FAKE_CUDA, /*overwrite=*/1);
  ::setenv("FARO_CHECK", "1", /*overwrite=*/1); // before anybody asks: all plans are compared with the host's
  cuda::letStreamsRunSideBySide();
  const char *folder = std::getenv("FARO_PLANNED_MODULES");
  auto module = Module::load(std::string(folder ? folder : PLANNED_MODULES) + "/" + name + ".so");
  if (module)
    return *module;
  // Nothing can be tried without it.
  std::fprintf(stderr, "%s (FARO_PLANNED_MODULES names the folder)\n", module.status().message().c_str());
  std::exit(1);
}

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

namespace {

/// The experts of this test.
void triple(reference::Element element, const std::byte *from, std::byte *to, size_t bytes) {
  for (size_t at = 0; at < bytes; at += bytesOf(element))
    reference::fromFloat(element, 3 * reference::toFloat(element, from + at), to + at);
}

} // namespace

Rank::Rank(std::shared_ptr<Communicator> mine, const std::shared_ptr<const Module> &module,
           DeviceShuffleOptions options)
    : communicator(std::move(mine)), abi(*module->find("dispatch")), program(reference::fromAbi(abi)),
      most(options.mostTokens), inPlace(options.inPlace) {
  options.combine = module->find("combine");
  auto made = DeviceShuffle::create(communicator, module, options);
  if (!made) {
    wrong = made.status().message();
    return;
  }
  shuffle = std::move(*made);
  device = *cuda::Device::open(0);
  add(device->makeCurrent());
  stream = std::move(*cuda::Stream::create(device));
  const size_t items = size_t(most) * program.topk, bytes = size_t(most) * program.rowBytes();
  for (auto [memory, size] : {std::pair(&idx, items * sizeof(int64_t)),
                              {&x, bytes},
                              {&weights, items * sizeof(float)},
                              {&out, bytes},
                              {&word, sizeof(int64_t)}})
    *memory = std::move(*cuda::Memory::allocate(device, size));
}

void Rank::give(const Batch &batch) {
  const uint32_t r = communicator->rank();
  std::vector<int64_t> choices = batch.routing[r].topkIdx;
  choices.resize(size_t(most) * program.topk, int64_t(1) << 40);
  write(in<int64_t>(idx), choices);
  write(in<std::byte>(out), std::vector<std::byte>(out.size(), std::byte(0xa5)));
  write(in<std::byte>(x), batch.x[r]);
  write(in<float>(weights), batch.weights[r]);
  write(in<int64_t>(word), std::vector<int64_t>{int64_t(batch.routing[r].tokens)});
}

void Rank::dispatch(int64_t rows, bool byWord) {
  add(shuffle->enqueueDispatch(handle(), in<int64_t>(idx), {in<void>(x), rows, rowBytes()},
                               byWord ? in<int64_t>(word) : nullptr));
}

void Rank::planAndPush(int64_t rows, bool byWord) {
  add(shuffle->enqueuePlan(handle(), in<int64_t>(idx), rows, byWord ? in<int64_t>(word) : nullptr));
  add(shuffle->enqueuePush(handle(), {in<void>(x), rows, rowBytes()}));
}

void Rank::combine(int64_t rows) {
  add(shuffle->enqueueCombine(handle(), in<float>(weights), {in<void>(out), rows, rowBytes()}));
}

void Rank::compute() {
  const int64_t stride = shuffle->received().stride;
  std::vector<std::byte> rows = rowsOf(shuffle->received(), offsets().back());
  for (size_t at = 0; at < rows.size(); at += size_t(stride))
    triple(program.element, &rows[at], &rows[at], program.rowBytes());
  write(static_cast<std::byte *>(shuffle->expertRows().data), rows);
}

void Rank::checkReceived(const Batch &batch) {
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

void Rank::checkOut(const Batch &batch, int64_t rows) {
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

void asRanks(uint32_t ranks, const std::shared_ptr<const Module> &module, const DeviceShuffleOptions &options,
             Nanoseconds timeout, const std::function<void(Rank &, uint32_t)> &body) {
  auto all = Communicator::createLocal(ranks, timeout);
  ASSERT_TRUE(all) << all.status().message();
  std::vector<std::string> wrong(ranks);
  std::barrier made(ranks), over(ranks);
  std::vector<std::thread> threads;
  for (uint32_t r = 0; r < ranks; ++r)
    threads.emplace_back([&, r] {
      Rank rank((*all)[r], module, options);
      made.arrive_and_wait(); // nobody allocates while kernels wait for it
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

DeviceShuffleOptions sized(const faro_abi_program &program, uint32_t ranks, int64_t tokens, bool inPlace) {
  DeviceShuffleOptions options;
  options.mostTokens = tokens;
  options.mostRows = int64_t(ranks) * tokens * program.routes.topk +
                     int64_t(program.routes.experts) * (int64_t(program.layout.align) - 1);
  options.inPlace = inPlace;
  return options;
}

} // namespace faro::test
