// The machine's own bounds: each rank moves the bytes of its dispatch in order, with nobody to wait for. No dispatch
// can avoid reading each token once and writing each item and each padding row once; the best way of doing just that is
// the bound: row by row or in blocks, into private or into shared memory. Private memory has large pages, which one
// processor gains by and another loses by, and so with the order of stores: any of them may be the fastest.
#include "tests/bench/dispatch/dispatch_bench.h"
#include "tests/bench/kernels.h"
#include "tests/bench/limit.h"
#include "tests/bench/shared_rows.h"

#include <algorithm>
#include <cstring>

namespace faro::bench {
namespace {

void copyPlain(DispatchBench &b) { std::memcpy(b.out.data(), b.arrived.data(), b.problem.received.size() * b.bytes); }

void copyPastCache(DispatchBench &b) {
  copyStreaming(b.out.data(), b.arrived.data(), b.problem.received.size() * b.bytes);
  storeFence();
}

/// What an aligned layout adds to what must be written: `align` rows of zeros at most for each expert.
void zeroPaddingRows(DispatchBench &b, size_t stride) {
  for (size_t i = 0; i < b.paddingRows; ++i)
    zeroStreaming(b.padding.data() + i * stride, stride);
}

void writeOncePlain(DispatchBench &b) {
  const size_t k = b.problem.topkSize();
  for (size_t t = 0; t < b.problem.tokens(); ++t)
    replicatePlain(b.sent.data() + t * k * b.bytes, k, b.token(t), b.bytes);
  std::memset(b.padding.data(), 0, b.paddingRows * b.bytes);
}

void writeOnceByRow(DispatchBench &b) {
  const size_t k = b.problem.topkSize();
  for (size_t i = 0; i < b.problem.options.items(); ++i)
    copyStreaming(b.sent.data() + i * b.bytes, b.token(i / k), b.bytes);
  zeroPaddingRows(b, b.bytes);
  storeFence();
}

/// Rows of whole cache lines, as a library lays them out that chooses the stride itself.
void writeOnceByBlock(DispatchBench &b) {
  const size_t k = b.problem.topkSize(), stride = (b.bytes + 63) / 64 * 64;
  char *places[MaxTopk];
  for (size_t t = 0; t < b.problem.tokens(); ++t) {
    for (size_t j = 0; j < k; ++j)
      places[j] = b.sent.data() + (t * k + j) * stride;
    replicateStreaming(places, k, b.token(t), stride);
  }
  zeroPaddingRows(b, stride);
  storeFence();
}

/// The bound's loop, into memory that is shared: a token's rows go to windows of all ranks in turn, in order in each.
class WriteOnceShared : public Method {
public:
  WriteOnceShared(DispatchBench &b, Control &control)
      : Method("write once, 512-byte blocks, into shared memory", Kind::Bound), bench(b),
        stride((b.bytes + 63) / 64 * 64), rowsOfWindow(size_t(control.ranks)), own(control.rank), ranks(control.ranks),
        windows(control, everybody(control), rowsFor(b, control) * stride) {
    rowsPerWriter = rowsFor(b, control) / size_t(ranks);
  }

  void run() override {
    const size_t k = bench.problem.topkSize();
    std::fill(rowsOfWindow.begin(), rowsOfWindow.end(), size_t(own) * rowsPerWriter);
    size_t next = 0;
    char *places[MaxTopk];
    for (size_t t = 0; t < bench.problem.tokens(); ++t) {
      for (size_t j = 0; j < k; ++j, next = (next + 1) % size_t(ranks))
        places[j] = windows.of(int(next)) + rowsOfWindow[next]++ * stride;
      replicateStreaming(places, k, bench.token(t), stride);
    }
    zeroPaddingRows(bench, stride);
    storeFence();
  }
  void flush() override { windows.flush(); }

private:
  static std::vector<int> everybody(const Control &control) {
    std::vector<int> all;
    for (int r = 0; r < control.ranks; ++r)
      all.push_back(r);
    return all;
  }
  /// Of a window, from all writers.
  static size_t rowsFor(const DispatchBench &b, const Control &control) {
    const size_t ranks = size_t(control.ranks);
    return (b.problem.options.items() + ranks - 1) / ranks * ranks;
  }

  DispatchBench &bench;
  const size_t stride;
  std::vector<size_t> rowsOfWindow;
  size_t rowsPerWriter = 0;
  const int own, ranks;
  SharedRows windows;
};

void readOnly(DispatchBench &b) { readAll(b.arrived.data(), b.problem.received.size() * b.bytes); }

} // namespace

void addDispatchLimits(DispatchBench &bench, Control &control, Methods &methods) {
  addLimit(methods, bench, "memcpy of the same bytes", Kind::Limit, copyPlain);
  addLimit(methods, bench, "non-temporal copy of the same bytes", Kind::Limit, copyPastCache);
  addLimit(methods, bench, "write once, plain stores", bench.problem.options.streams() ? Kind::Limit : Kind::Bound,
           writeOncePlain);
  addLimit(methods, bench, "write once, row by row, non-temporal", Kind::Bound, writeOnceByRow);
  addLimit(methods, bench, "write once, 512-byte blocks, non-temporal", Kind::Bound, writeOnceByBlock);
  methods.push_back(std::make_unique<WriteOnceShared>(bench, control));
  addLimit(methods, bench, "read the same bytes, nothing written", Kind::Limit, readOnly);
}

} // namespace faro::bench
