// Combine on a device: the rows of the experts to results, packed.
#pragma once

#include "tests/bench/combine/combine_data.h"
#include "tests/bench/device/device_bench.h"

namespace faro::bench {

class DeviceCombine : public DeviceBench {
public:
  DeviceCombine(const Gpu &gpu, const std::vector<Problem> &problems);

  Check check() override;
  void wipe() override;
  /// The definition of a rank's results, and of the rows of its experts; on the host.
  CombineData &of(size_t rank) { return *data[rank]; }
  /// Rows at any places of the items, in the order of k, to the results.
  template <typename PlaceFn> Steps sums(const PlaceFn &place) const;

private:
  std::vector<std::unique_ptr<CombineData>> data; ///< by rank
};

template <typename PlaceFn> Steps DeviceCombine::sums(const PlaceFn &place) const {
  Steps steps;
  for (size_t source = 0; source < ranks; ++source) {
    std::vector<uint64_t> rows;
    for (const ItemPlace &item : places.items[source])
      rows.push_back(place(source, item));
    steps.push_back(pull(user.row(source, 0), bytes, offsetsOf(tokens, topk), rows, problems[source].weights));
  }
  return steps;
}

std::unique_ptr<Method> permuteCopySum(DeviceCombine &bench);
std::unique_ptr<Method> faroPulls(DeviceCombine &bench);
std::unique_ptr<Method> faroCombineCall(DeviceCombine &bench);
void addPlannedCombine(DeviceCombine &bench, Methods &methods);
void addCombineLimits(DeviceCombine &bench, Methods &methods);

} // namespace faro::bench
