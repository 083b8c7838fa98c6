#include "tests/bench/dedupe_plan.h"

namespace faro::bench {

namespace {
/// One of the topk entries that travel beside a token.
struct Choice {
  int32_t localExpert; ///< on the receiving rank; -1: this choice lives elsewhere
  float weight;
};
} // namespace

/// The sending half of the plan; returns the choices that go with each sent row.
static std::vector<Choice> listUniqueTokens(const Problem &p, DedupePlan &plan) {
  const size_t k = p.topkSize(), ranks = size_t(p.ranks);
  const std::vector<int> owner = p.placement.owners();

  // One pass to find each rank's tokens, in O(tokens x topk): the last token a rank was seen with tells a repetition.
  std::vector<std::vector<uint32_t>> tokensOf(ranks);
  std::vector<size_t> seen(ranks, SIZE_MAX);
  for (size_t t = 0; t < p.tokens(); ++t)
    for (size_t j = 0; j < k; ++j) {
      const size_t r = size_t(owner[size_t(p.topk[t * k + j])]);
      if (seen[r] != t)
        tokensOf[r].push_back(uint32_t(t));
      seen[r] = t;
    }

  std::vector<Choice> choices;
  plan.firstSent.assign(p.tokens() + 1, 0);
  for (size_t r = 0; r < ranks; ++r) {
    plan.sendCount.push_back(int(tokensOf[r].size()));
    for (uint32_t t : tokensOf[r]) {
      plan.sendToken.push_back(t);
      ++plan.firstSent[t + 1];
      for (size_t j = 0; j < k; ++j) {
        const int e = p.topk[t * k + j];
        const bool here = owner[size_t(e)] == int(r);
        choices.push_back({here ? e - p.placement.first(int(r)) : -1, p.weights[t * k + j]});
      }
    }
  }
  plan.sendOffset = startsOf(plan.sendCount);

  for (size_t t = 0; t < p.tokens(); ++t)
    plan.firstSent[t + 1] += plan.firstSent[t];
  std::vector<uint32_t> next(plan.firstSent.begin(), plan.firstSent.end() - 1);
  plan.sentRow.resize(plan.sendToken.size());
  for (size_t i = 0; i < plan.sendToken.size(); ++i)
    plan.sentRow[next[plan.sendToken[i]]++] = uint32_t(i);
  return choices;
}

DedupePlan planDedupe(const Problem &p, MPI_Comm comm) {
  DedupePlan plan;
  const std::vector<Choice> sent = listUniqueTokens(p, plan);
  plan.receiveCount.resize(size_t(p.ranks));
  MPI_Alltoall(plan.sendCount.data(), 1, MPI_INT, plan.receiveCount.data(), 1, MPI_INT, comm);
  plan.receiveOffset = startsOf(plan.receiveCount);
  const size_t received = size_t(plan.receiveOffset.back() + plan.receiveCount.back()), k = p.topkSize();

  std::vector<Choice> choices(received * k);
  const RowType entry(k * sizeof(Choice));
  MPI_Alltoallv(sent.data(), plan.sendCount.data(), plan.sendOffset.data(), entry.get(), choices.data(),
                plan.receiveCount.data(), plan.receiveOffset.data(), entry.get(), comm);

  // The counts of each block follow from the choices, so no other exchange is needed.
  const int local = p.placement.count(p.rank);
  std::vector<int> counts(size_t(p.ranks * local));
  auto eachChoice = [&](auto &&visit) {
    for (size_t s = 0, i = 0; s < size_t(p.ranks); ++s)
      for (int n = 0; n < plan.receiveCount[s]; ++n, ++i)
        for (size_t j = 0; j < k; ++j)
          if (const Choice &choice = choices[i * k + j]; choice.localExpert >= 0)
            visit(i, s * size_t(local) + size_t(choice.localExpert), choice.weight);
  };
  eachChoice([&](size_t, size_t block, float) { ++counts[block]; });
  plan.experts = ExpertRows(counts, p.ranks, local, p.options.align);

  std::vector<uint32_t> next = plan.experts.blockStart;
  plan.first.assign(received + 1, 0);
  eachChoice([&](size_t i, size_t block, float weight) {
    plan.row.push_back(next[block]++);
    plan.weight.push_back(weight);
    plan.first[i + 1] = uint32_t(plan.row.size());
  });
  return plan;
}

} // namespace faro::bench
