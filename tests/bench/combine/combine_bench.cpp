#include "tests/bench/combine/combine_bench.h"

#include <algorithm>

namespace faro::bench {

CombineBench::CombineBench(const Problem &p, MPI_Comm c)
    : CombineData(p), comm(c), rowType(bytes), rows(p.received.size() * bytes),
      sent(std::max(p.received.size(), p.options.items()) * bytes), arrived(p.options.items() * bytes) {
  if (p.options.peers)
    fillExpertRows(rows.data(), bytes);
}

void CombineBench::sumItems(const char *items, bool streaming, Ahead ahead) {
  const size_t k = problem.topkSize();
  const auto find = [&](size_t t, RowList &list) {
    for (size_t j = 0; j < k; ++j)
      list.rows[j] = items + (t * k + j) * bytes;
    list.weights = &problem.weights[t * k];
    list.count = int(k);
  };
  sumRows(problem.tokens(), result.data(), streaming, find, ahead);
}

void CombineBench::wipe() {
  CombineData::wipe();
  sent.wipe();
  arrived.wipe();
}

void CombineBench::flush() {
  rows.flush();
  CombineData::flush();
  sent.flush();
  arrived.flush();
}

} // namespace faro::bench
