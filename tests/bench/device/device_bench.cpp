#include "tests/bench/device/device_bench.h"

#include "tests/bench/memory.h"
#include "tests/bench/require.h"

#include <fmt/format.h>
#include <numeric>

namespace faro::bench {

//===-------------------------------------------------------------- rows ---===//

RankRows::RankRows(const Gpu &gpu, const std::vector<size_t> &rowsOfRank, size_t between, const char *what)
    : stride(between) {
  size_t bytes = 0;
  for (const size_t rows : rowsOfRank) {
    begins.push_back(bytes);
    bytes += (rows * stride + 255) / 256 * 256; // as the driver aligns what it allocates
  }
  memory = require(cuda::Memory::allocate(gpu.device, bytes),
                   fmt::format("no room for {}; try fewer --tokens or --ranks", what).c_str());
}

static std::vector<size_t> receivedRows(const std::vector<Problem> &problems) {
  std::vector<size_t> rows;
  for (const Problem &problem : problems)
    rows.push_back(problem.received.size());
  return rows;
}

DeviceBench::DeviceBench(const Gpu &g, const std::vector<Problem> &p)
    : gpu(g), problems(p), ranks(p.size()), tokens(p.front().tokens()), topk(p.front().topkSize()),
      bytes(g.dispatch->row.bytes), stride(g.dispatch->row.stride), places(p),
      window(g, receivedRows(p), stride, "the rows of the experts"),
      user(g, std::vector(ranks, tokens), bytes, "the tokens"),
      wire(g, std::vector(ranks, tokens * topk), stride, "the peers' staging"),
      arrived(g, places.arrivedRows, stride, "the peers' staging"),
      scratch(require(cuda::Memory::allocate(g.device, 2 * g.cacheBytes), "no room to flush the cache with")),
      begin(require(cuda::Event::create(g.device, cuda::Event::Timed), "an event")),
      end(require(cuda::Event::create(g.device, cuda::Event::Timed), "an event")) {
  wipe();
}

Rows DeviceBench::packed(const RankRows &rows, size_t rank) const {
  return {reinterpret_cast<void *>(uintptr_t(rows.row(rank, 0))), int64_t(tokens), int64_t(bytes)};
}

ConstRows DeviceBench::userRows(size_t rank) const {
  const Rows rows = packed(user, rank);
  return {rows.data, rows.rows, rows.stride};
}

//===------------------------------------------------------------- steps ---===//

template <typename T> std::shared_ptr<cuda::Memory> DeviceBench::upload(const std::vector<T> &values) const {
  auto memory = require(cuda::Memory::allocate(gpu.device, values.size() * sizeof(T)), "no room for a list");
  put(memory.address(), values.data(), memory.size());
  return std::make_shared<cuda::Memory>(std::move(memory));
}

Step DeviceBench::push(Pointer source, size_t sourceStride, const std::vector<uint32_t> &offsets,
                       const std::vector<uint64_t> &destinations) const {
  const int64_t count = int64_t(offsets.size()) - 1;
  const auto grid = gpu.gridFor(count, bytes);
  return [=, &kernels = *gpu.kernels, kernel = gpu.push->kernel, offsetList = upload(offsets),
          list = upload(destinations)](cuda::Stream &stream) {
    return kernels.push(kernel, stream, grid, source, int64_t(sourceStride), offsetList->address(), list->address(), 0,
                        count);
  };
}

Step DeviceBench::pull(Pointer out, size_t outStride, const std::vector<uint32_t> &offsets, std::vector<uint64_t> rows,
                       const std::vector<float> &weights) const {
  const int64_t count = int64_t(offsets.size()) - 1;
  const auto grid = gpu.gridFor(count, bytes);
  rows.insert(rows.end(), FARO_ABI_MAX_TOPK, rows.empty() ? 0 : rows.back()); // a kernel may ask ahead
  return [=, &kernels = *gpu.kernels, kernel = gpu.pull->kernel, offsetList = upload(offsets), list = upload(rows),
          factors = upload(weights)](cuda::Stream &stream) {
    return kernels.pull(kernel, stream, grid, out, int64_t(outStride), offsetList->address(), list->address(),
                        factors->address(), 0, count);
  };
}

Step DeviceBench::copy(Pointer to, Pointer from, size_t size) {
  return [=](cuda::Stream &stream) { return stream.copy(to, from, size); };
}

Step DeviceBench::zero(Pointer to, size_t size) {
  return [=](cuda::Stream &stream) { return stream.zero(to, size); };
}

Steps DeviceBench::zeroPadding() const {
  Steps steps;
  for (size_t rank = 0; rank < ranks; ++rank)
    for (const PaddingRun &run : paddingOf(problems[rank]))
      steps.push_back(zero(window.row(rank, run.first), run.rows * stride));
  return steps;
}

std::vector<uint32_t> offsetsOf(size_t count, size_t each) {
  std::vector<uint32_t> offsets(count + 1);
  for (size_t i = 0; i <= count; ++i)
    offsets[i] = uint32_t(i * each);
  return offsets;
}

Steps operator+(Steps first, const Steps &then) {
  first.insert(first.end(), then.begin(), then.end());
  return first;
}

//===------------------------------------------------------------- doing ---===//

double DeviceBench::timed(const Steps &steps) const {
  const auto doAll = [&] {
    for (const Step &step : steps)
      require(step(*gpu.stream), "work on the device");
  };
  // Nothing is waited for before: while the device flushes its cache again and again the host gets ahead, and no launch
  // is seen in the time.
  leadIn(*gpu.stream);
  if (!problems.front().options.coldCaches)
    doAll();
  require(begin->record(*gpu.stream), "taking the time");
  doAll();
  require(end->record(*gpu.stream), "taking the time");
  require(end->wait(), "work on the device");
  return require(end->since(*begin), "taking the time");
}

void DeviceBench::put(Pointer to, const void *from, size_t size) const {
  require(gpu.stream->toDevice(to, from, size), "putting data onto the device");
  settle();
}

void DeviceBench::get(void *to, Pointer from, size_t size) const {
  require(gpu.stream->toHost(to, from, size), "getting data from the device");
  settle();
}

void DeviceBench::fillIn(cuda::Stream &stream, Pointer to, size_t size, int value) const {
  const cuda::Driver &cuda = gpu.device->driver();
  if (size)
    require(cuda.check(cuda.memsetD8Async(to, uint8_t(value), size, stream.handle()), "cuMemsetD8Async"),
            "filling memory of the device");
}

void DeviceBench::settle() const { require(gpu.stream->wait(), "work on the device"); }

void DeviceBench::wipe() {
  fill(wire.all(), wire.size(), WipeByte);
  fill(arrived.all(), arrived.size(), WipeByte);
}

void DeviceBench::flushIn(cuda::Stream &stream) const { fillIn(stream, scratch.address(), scratch.size(), 0); }

void DeviceBench::leadIn(cuda::Stream &stream) const {
  // Each takes an H200 some 40 us, and a host a few to launch: together about a millisecond.
  constexpr int Times = 24;
  for (int time = 0; time < Times; ++time)
    flushIn(stream);
}

void DeviceBench::flush() { flushIn(*gpu.stream); }

} // namespace faro::bench
