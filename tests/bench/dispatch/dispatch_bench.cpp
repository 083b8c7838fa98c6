#include "tests/bench/dispatch/dispatch_bench.h"

#include "tests/bench/kernels.h"

#include <algorithm>

namespace faro::bench {

static size_t wholeLines(size_t bytes) { return (bytes + 63) / 64 * 64; }

DispatchBench::DispatchBench(const Problem &p, MPI_Comm c)
    : DispatchData(p), comm(c), rowType(bytes), out(p.received.size() * bytes),
      sent(p.options.items() * wholeLines(bytes)), arrived(p.received.size() * bytes),
      paddingRows(
          size_t(std::count_if(p.received.begin(), p.received.end(), [](const Item &i) { return i.source < 0; }))),
      padding(paddingRows * wholeLines(bytes)) {}

void DispatchBench::zeroPadding(const ExpertRows &experts) {
  for (const Run &run : experts.padding)
    zero(outRow(run.to), run.rows * bytes, experts.rows * bytes);
  storeFence();
}

void DispatchBench::wipe() {
  out.wipe();
  sent.wipe();
  arrived.wipe();
}

void DispatchBench::flush() {
  DispatchData::flush();
  out.flush();
  sent.flush();
  arrived.flush();
  padding.flush();
}

} // namespace faro::bench
