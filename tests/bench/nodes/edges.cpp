#include "tests/bench/nodes/edges.h"

#include <algorithm>
#include <utility>

namespace faro::bench {

RowMap::RowMap(const Problem &p) : problem(p), owner(p.placement.owners()) {
  for (int s = 0; s < p.ranks; ++s) {
    topk.push_back(makeRouting(p.options, p.ranks, s));
    weights.push_back(makeWeights(p.options, s));
    finalRow.emplace_back(p.options.items());
  }
  for (int r = 0; r < p.ranks; ++r) {
    const std::vector<Item> order = r == p.rank ? p.received : expertRows(p.options, p.placement, r);
    for (size_t i = 0; i < order.size(); ++i)
      if (order[i].source >= 0)
        finalRow[size_t(order[i].source)][size_t(order[i].token) * p.topkSize() + size_t(order[i].choice)] =
            uint32_t(i);
    rows.push_back(order.size());
  }
  for (size_t i = 0; i < p.options.items(); ++i) {
    const int rank = owner[size_t(p.topk[i])];
    if (p.nodeOf(rank) == p.nodeOf(p.rank))
      local.push_back({rank, finalRow[size_t(p.rank)][i], uint32_t(i % p.topkSize()), p.weights[i]});
    if ((i + 1) % p.topkSize() == 0)
      localBegin.push_back(uint32_t(local.size()));
  }
}

Edge RowMap::edge(int s, int d, Dedupe dedupe) const {
  Edge edge;
  const size_t k = problem.topkSize();
  if (problem.nodeOf(s) == problem.nodeOf(d) ||
      (dedupe == Dedupe::Node && s % problem.ranksPerNode != d % problem.ranksPerNode))
    return edge;
  const std::vector<int32_t> &experts = topk[size_t(s)];
  for (size_t t = 0; t < problem.tokens(); ++t) {
    bool fresh = true;
    for (size_t i = t * k; i < (t + 1) * k; ++i) {
      const int rank = owner[size_t(experts[i])];
      if (dedupe == Dedupe::Node ? problem.nodeOf(rank) != problem.nodeOf(d) : rank != d)
        continue;
      if (fresh || dedupe == Dedupe::None) {
        edge.token.push_back(uint32_t(t));
        edge.begin.push_back(edge.begin.back());
      }
      fresh = false;
      edge.targets.push_back({rank, finalRow[size_t(s)][i], uint32_t(i % k), weights[size_t(s)][i]});
      ++edge.begin.back();
    }
  }
  return edge;
}

Traffic RowMap::traffic(Dedupe dedupe, Direction direction) const {
  Traffic traffic;
  for (int r = 0; r < problem.ranks; ++r) {
    traffic.outStart.push_back(traffic.outRows);
    traffic.inStart.push_back(traffic.inRows);
    traffic.out.push_back(edge(problem.rank, r, dedupe));
    traffic.in.push_back(edge(r, problem.rank, dedupe));
    traffic.outRows += traffic.out.back().rows();
    traffic.inRows += traffic.in.back().rows();
  }
  if (direction == Direction::Combine) {
    std::swap(traffic.out, traffic.in);
    std::swap(traffic.outStart, traffic.inStart);
    std::swap(traffic.outRows, traffic.inRows);
  }
  return traffic;
}

size_t RowMap::busiestLinkRows(Dedupe dedupe) const {
  std::vector<size_t> out(size_t(problem.nodes())), in(out);
  for (int s = 0; s < problem.ranks; ++s)
    for (int d = 0; d < problem.ranks; ++d) {
      const size_t rowsThere = edge(s, d, dedupe).rows();
      out[size_t(problem.nodeOf(s))] += rowsThere;
      in[size_t(problem.nodeOf(d))] += rowsThere;
    }
  return std::max(*std::max_element(out.begin(), out.end()), *std::max_element(in.begin(), in.end()));
}

} // namespace faro::bench
