#include "tests/bench/exchange_plan.h"

namespace faro::bench {

std::vector<int> startsOf(const std::vector<int> &counts) {
  std::vector<int> starts;
  int sum = 0;
  for (int count : counts) {
    starts.push_back(sum);
    sum += count;
  }
  return starts;
}

ExpertRows::ExpertRows(const std::vector<int> &counts, int ranks, int localExperts, int align)
    : blockStart(counts.size()) {
  const size_t experts = size_t(localExperts);
  for (size_t l = 0; l < experts; ++l) {
    for (size_t s = 0; s < size_t(ranks); ++s) {
      blockStart[s * experts + l] = uint32_t(rows);
      rows += size_t(counts[s * experts + l]);
    }
    if (const size_t past = rows % size_t(align)) {
      padding.push_back({0, rows, size_t(align) - past});
      rows += size_t(align) - past;
    }
  }
}

/// counts[source * local experts + local expert]: rows that come here. One Alltoallv.
static std::vector<int> exchangeCounts(const Problem &p, const std::vector<int> &mine, MPI_Comm comm) {
  const int local = p.placement.count(p.rank);
  std::vector<int> sendCount, sendOffset, receiveCount, receiveOffset;
  for (int r = 0; r < p.ranks; ++r) {
    sendCount.push_back(p.placement.count(r));
    sendOffset.push_back(p.placement.first(r));
    receiveCount.push_back(local);
    receiveOffset.push_back(r * local);
  }
  std::vector<int> counts(size_t(p.ranks * local));
  MPI_Alltoallv(mine.data(), sendCount.data(), sendOffset.data(), MPI_INT, counts.data(), receiveCount.data(),
                receiveOffset.data(), MPI_INT, comm);
  return counts;
}

ExchangePlan planExchange(const Problem &p, MPI_Comm comm) {
  std::vector<int> mine(size_t(p.options.experts));
  for (int32_t e : p.topk)
    ++mine[size_t(e)];
  const std::vector<int> counts = exchangeCounts(p, mine, comm);
  const int local = p.placement.count(p.rank);

  ExchangePlan plan;
  plan.experts = ExpertRows(counts, p.ranks, local, p.options.align);
  plan.sendCount.assign(size_t(p.ranks), 0);
  plan.receiveCount.assign(size_t(p.ranks), 0);
  plan.runsOfSource.assign(size_t(p.ranks), 0);
  size_t arrived = 0;
  for (int r = 0; r < p.ranks; ++r) {
    for (int e = p.placement.first(r); e < p.placement.first(r + 1); ++e)
      plan.sendCount[size_t(r)] += mine[size_t(e)];
    for (int l = 0; l < local; ++l) {
      const size_t block = size_t(r * local + l), rows = size_t(counts[block]);
      if (rows == 0)
        continue;
      plan.unpack.push_back({arrived, plan.experts.blockStart[block], rows});
      plan.receiveCount[size_t(r)] += int(rows);
      ++plan.runsOfSource[size_t(r)];
      arrived += rows;
    }
  }
  plan.sendOffset = startsOf(plan.sendCount);
  plan.receiveOffset = startsOf(plan.receiveCount);

  // Experts in blocks: sorted by expert is sorted by rank. A stable counting sort.
  std::vector<int> next = startsOf(mine);
  plan.wireToken.resize(p.topk.size());
  plan.wireRow.resize(p.topk.size());
  for (size_t i = 0; i < p.topk.size(); ++i) {
    const uint32_t row = uint32_t(next[size_t(p.topk[i])]++);
    plan.wireRow[i] = row;
    plan.wireToken[row] = uint32_t(i / p.topkSize());
  }
  return plan;
}

} // namespace faro::bench
