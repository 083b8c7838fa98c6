#include "tests/bench/device/planned_ranks.h"

#include "tests/bench/device/graph.h"
#include "tests/bench/memory.h"
#include "tests/bench/require.h"

#include <algorithm>

namespace faro::bench {

static Pointer address(const void *data) { return reinterpret_cast<uintptr_t>(data); }

/// Rows of the fullest rank: all windows are of one size.
static int64_t mostRows(const std::vector<Problem> &problems) {
  size_t most = 0;
  for (const Problem &problem : problems)
    most = std::max(most, problem.received.size());
  return int64_t(most);
}

PlannedRanks::PlannedRanks(const DeviceBench &b, bool inPlace) : bench(b), ranks(b.ranks), threads(b.ranks) {
  auto communicators =
      require(Communicator::createLocal(uint32_t(b.ranks), std::chrono::seconds(60)), "connecting the ranks");
  threads.run([&](size_t r) {
    const Gpu &gpu = bench.gpu;
    const Problem &problem = bench.problems[r];
    PlannedRank &rank = ranks[r];
    rank.rank = r;
    rank.communicator = std::move(communicators[r]);
    DeviceShuffleOptions options;
    options.dispatch = gpu.dispatch;
    options.combine = gpu.combine;
    options.cudaDevice = gpu.device->number();
    options.cudaMultiprocessors = gpu.multiprocessors;
    options.mostTokens = int64_t(bench.tokens);
    options.mostRows = mostRows(bench.problems);
    options.inPlace = inPlace;
    rank.shuffle = require(DeviceShuffle::create(rank.communicator, gpu.module, options), "a shuffle on the device");
    require(gpu.device->makeCurrent(), "a context for the rank's thread");
    rank.stream = require(cuda::Stream::create(gpu.device), "a stream");
    for (auto *event : {&rank.flushed, &rank.begin, &rank.end})
      *event = require(cuda::Event::create(gpu.device, cuda::Event::Timed), "an event");
    const std::vector<int64_t> choices(problem.topk.begin(), problem.topk.end());
    const auto upload = [&](cuda::Memory &to, const void *from, size_t bytes) {
      to = require(cuda::Memory::allocate(gpu.device, bytes), "no room for the routing");
      require(rank.stream->toDevice(to.address(), from, bytes), "putting the routing onto the device");
    };
    upload(rank.topkIdx, choices.data(), choices.size() * sizeof(int64_t));
    upload(rank.weights, problem.weights.data(), problem.weights.size() * sizeof(float));
    require(rank.stream->wait(), "putting the routing onto the device");
  });
}

PlannedRanks::~PlannedRanks() {
  threads.run([this](size_t r) { ranks[r].shuffle.reset(); });
}

void PlannedRanks::run(const PlannedWork &work) {
  threads.run([&](size_t r) {
    require(work(ranks[r]), "a shuffle on the device");
    require(ranks[r].shuffle->status(ranks[r].stream->handle()), "a shuffle on the device");
  });
}

double PlannedRanks::timed(const PlannedWork &timedWork, const PlannedWork &then, bool cold) {
  run([&](PlannedRank &rank) -> Status {
    if (rank.rank == 0) {
      bench.leadIn(*rank.stream);
      FARO_RETURN_IF_ERROR(rank.flushed->record(*rank.stream));
    }
    threads.meet();
    if (rank.rank != 0)
      FARO_RETURN_IF_ERROR(rank.stream->follow(*ranks[0].flushed));
    if (!cold) {
      FARO_RETURN_IF_ERROR(timedWork(rank));
      if (then)
        FARO_RETURN_IF_ERROR(then(rank));
    }
    FARO_RETURN_IF_ERROR(rank.begin->record(*rank.stream));
    FARO_RETURN_IF_ERROR(timedWork(rank));
    FARO_RETURN_IF_ERROR(rank.end->record(*rank.stream));
    return then ? then(rank) : Status::ok();
  });
  double longest = 0;
  for (const PlannedRank &first : ranks)
    for (const PlannedRank &last : ranks)
      longest = std::max(longest, require(last.end->since(*first.begin), "taking the time"));
  return longest;
}

PlannedWork PlannedRanks::asGraphs(const PlannedWork &work) {
  std::vector<std::shared_ptr<const Graph>> graphs(ranks.size());
  threads.run([&](size_t r) {
    graphs[r] = require(Graph::capture(*ranks[r].stream, [&] { return work(ranks[r]); }), "capturing a shuffle");
  });
  return [graphs](PlannedRank &rank) { return graphs[rank.rank]->launch(*rank.stream); };
}

Rows PlannedRanks::received(size_t r) const {
  const DeviceShuffle &shuffle = *ranks[r].shuffle;
  const Rows room = shuffle.received();
  int64_t rows = 0;
  bench.get(&rows, address(shuffle.expertOffsets() + shuffle.localExperts()), sizeof rows);
  return {room.data, std::clamp<int64_t>(rows, 0, room.rows), room.stride};
}

void PlannedRanks::wipeReceived() {
  for (const PlannedRank &rank : ranks) {
    const Rows rows = rank.shuffle->received();
    bench.fill(address(rows.data), size_t(rows.rows * rows.stride), WipeByte);
  }
}

void addPlanned(DeviceBench &bench, const std::shared_ptr<PlannedRanks> &ranks, const std::string &what,
                const PlannedWork &work, const PlannedMethod::CheckFn &check, Methods &methods) {
  methods.push_back(std::make_unique<PlannedMethod>(bench, ranks, what, work, nullptr, check));
  methods.push_back(
      std::make_unique<PlannedMethod>(bench, ranks, what + ", as a graph", ranks->asGraphs(work), nullptr, check));
}

} // namespace faro::bench
