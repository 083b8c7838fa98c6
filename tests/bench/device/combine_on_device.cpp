#include "tests/bench/device/combine_on_device.h"

namespace faro::bench {

DeviceCombine::DeviceCombine(const Gpu &g, const std::vector<Problem> &p) : DeviceBench(g, p) {
  for (size_t rank = 0; rank < ranks; ++rank) {
    data.push_back(std::make_unique<CombineData>(problems[rank]));
    std::vector<char> rows(problems[rank].received.size() * stride);
    data[rank]->fillExpertRows(rows.data(), stride);
    put(window.row(rank, 0), rows.data(), rows.size());
  }
}

void DeviceCombine::wipe() {
  DeviceBench::wipe();
  fill(user.all(), user.size(), WipeByte);
}

Check DeviceCombine::check() {
  Check found;
  for (size_t rank = 0; rank < ranks; ++rank) {
    get(data[rank]->result.data(), user.row(rank, 0), tokens * bytes);
    found.wrongRows += data[rank]->checkDefinition().wrongRows;
  }
  return found;
}

} // namespace faro::bench
