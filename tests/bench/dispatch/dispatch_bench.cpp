#include "tests/bench/dispatch/dispatch_bench.h"

#include <algorithm>
#include <cstring>

namespace faro::bench {

static size_t wholeLines(size_t bytes) { return (bytes + 63) / 64 * 64; }

DispatchBench::DispatchBench(const Problem &p, MPI_Comm c)
    : problem(p), comm(c), bytes(p.rowBytes()), rowType(bytes),
      tokens(p.tokens() * bytes + 64), // a limit reads up to the end of the last row's line
      out(p.received.size() * bytes), sent(p.options.items() * wholeLines(bytes)), arrived(p.received.size() * bytes),
      paddingRows(
          size_t(std::count_if(p.received.begin(), p.received.end(), [](const Item &i) { return i.source < 0; }))),
      padding(paddingRows * wholeLines(bytes)) {
  for (size_t t = 0; t < p.tokens(); ++t)
    RowPattern(p.options.element, p.rank, int(t), 0).fill(token(t), bytes);
}

void DispatchBench::zeroPadding(const ExpertRows &experts) {
  for (const Run &run : experts.padding)
    std::memset(outRow(run.to), 0, run.rows * bytes);
}

Check DispatchBench::check(const void *rows, size_t count, size_t stride) const {
  const std::vector<Item> &expected = problem.received;
  Check found;
  found.wrongRows = std::max(count, expected.size()) - std::min(count, expected.size());
  for (size_t i = 0; i < std::min(count, expected.size()); ++i) {
    const char *row = static_cast<const char *>(rows) + i * stride;
    const Item &item = expected[i];
    const bool right = item.source < 0
                           ? isZero(row, bytes)
                           : RowPattern(problem.options.element, item.source, item.token, 0).matches(row, bytes);
    found.wrongRows += !right;
  }
  return found;
}

void DispatchBench::wipe() {
  out.wipe();
  sent.wipe();
  arrived.wipe();
}

void DispatchBench::flush() {
  tokens.flush();
  out.flush();
  sent.flush();
  arrived.flush();
  padding.flush();
}

} // namespace faro::bench
