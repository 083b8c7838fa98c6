// What every way of combining needs, whatever it communicates by: the result, the sums, and the check.
#pragma once

#include "faro/communicator.h"
#include "tests/bench/kernels.h"
#include "tests/bench/shuffle_data.h"

namespace faro::bench {

class CombineData : public ShuffleData {
public:
  /// `identity`: experts change nothing, and their rows are the tokens' (DispatchData); else each has its own.
  explicit CombineData(const Problem &problem, bool identity = false);

  Buffer result; ///< tokens [T, H]

  char *resultRow(size_t t) { return result.data() + t * bytes; }
  /// The results of the experts, `stride` bytes apart.
  void fillExpertRows(char *data, size_t stride) const;

  /// find(t, list) fills in the rows and weights of result row t.
  template <typename Find>
  void sumRows(size_t count, char *dst, bool streaming, const Find &find, Ahead ahead = bestAhead()) const;

  /// Compares `result` with the exact sum in the order of k, bit for bit.
  Check checkExact();
  /// With the definition: across nodes each node's share is rounded to the row's type, and the shares are added in the
  /// order of nodes. On one node the same as checkExact.
  Check checkDefinition();
  /// With the exact sum, where partial sums were rounded on the way: within what that can do.
  Check checkRounded();
  /// With the exact sum, where f32 was added in another order, or products were not rounded, and the sum was rounded
  /// once: one unit in the last place at most, but for what the order can do.
  Check checkReordered();

  void wipe() override { result.wipe(); }
  void flush() override { result.flush(); }

private:
  void makeReferences(bool identity);
  Check compare(Buffer &expected);
  Check compareNear(double absolute, double relative);
  Buffer exact, byNode;
};

template <typename Find>
void CombineData::sumRows(size_t count, char *dst, bool streaming, const Find &find, Ahead ahead) const {
  RowList lists[2];
  if (count)
    find(0, lists[0]);
  for (size_t i = 0; i < count; ++i) {
    const RowList &now = lists[i % 2];
    RowList &next = lists[(i + 1) % 2];
    next.count = 0;
    if (i + 1 < count)
      find(i + 1, next);
    fillUp(next, now);
    weightedSum(problem.options.element, dst + i * bytes, now, next, bytes, streaming, ahead);
  }
  storeFence();
}

/// This project; `place` says who this rank is and where the others are. Collective.
std::unique_ptr<Method> faroCombine(CombineData &bench, Control &control, const CommunicatorOptions &place);

} // namespace faro::bench
