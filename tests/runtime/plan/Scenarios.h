// Jobs and batches by chance, for the tests of planning across nodes.
#pragma once

#include "runtime/plan/NodePlan.h"
#include "runtime/plan/Planner.h"

#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <random>

namespace faro::scenarios {

using Random = std::mt19937;

/// Up to `nodes` nodes of up to `size` ranks; half of the time all of one size, a third of the time interleaved. Half
/// of the time ranks share network cards or have two, each as it likes or all of a node alike.
inline Topology randomTopology(Random &random, uint32_t nodes, uint32_t size) {
  const uint32_t count = 1 + random() % nodes, regular = 1 + random() % size;
  const bool same = random() % 2;
  std::vector<uint32_t> labels;
  for (uint32_t n = 0; n < count; ++n)
    labels.insert(labels.end(), same ? regular : 1 + random() % size, 100 - n);
  if (random() % 3 == 0)
    std::shuffle(labels.begin(), labels.end(), random);
  std::vector<double> nics;
  const uint32_t uneven = random() % 4;
  for (uint32_t rank = 0; rank < labels.size() && uneven < 2; ++rank)
    nics.push_back(std::vector{0.25, 0.5, 1.0, 2.0}[(uneven ? labels[rank] : random()) % 4]);
  return Topology(labels, nics);
}

/// Counts between any extremes: empty nodes, hot nodes, heavy ranks, a handful of rows or many.
inline NodeRows randomRows(Random &random, const Topology &topology) {
  NodeRows rows{topology.nodes(), {}};
  const uint32_t scale = std::vector<uint32_t>{1, 7, 61, 1009, 100'003}[random() % 5];
  const uint32_t silent = random() % (2 * topology.nodes()), hot = random() % (2 * topology.nodes());
  const bool heavy = random() % 2;
  for (uint32_t rank = 0; rank < topology.ranks(); ++rank) {
    const uint32_t weight = heavy ? 1 + random() % 9 : 1;
    for (uint32_t m = 0; m < topology.nodes(); ++m) {
      const bool none = topology.nodeOf(rank) == silent || random() % 5 == 0;
      rows.rows.push_back(none ? 0 : uint32_t(random() % (scale + 1)) * weight * (m == hot ? 5 : 1));
    }
  }
  return rows;
}

struct Batch {
  explicit Batch(Topology topology) : topology(std::move(topology)) {}
  Topology topology;
  faro_abi_program program{};
  std::vector<uint32_t> table;
  ExpertMap map;
  std::vector<std::vector<int64_t>> topkIdx; ///< by rank
  NodeRows nodeRows;
  std::vector<Plan> plans;

  TopkIdx idx(uint32_t rank) const {
    return {topkIdx[rank].data(), int64_t(topkIdx[rank].size() / program.routes.topk)};
  }
};

/// Everybody's plan of a random batch: dropped choices, experts named twice, ranks without tokens, nodes without
/// experts.
inline Batch randomBatch(Random &random, Topology topology, uint32_t tokens = 40) {
  Batch batch(std::move(topology));
  const uint32_t ranks = batch.topology.ranks(), experts = 1 + random() % 40;
  faro_abi_program &p = batch.program;
  p.name = "dispatch";
  p.op = FARO_ABI_DISPATCH;
  p.row = {FARO_ABI_BF16, 0, 8, 16, 64};
  const uint8_t order[] = {FARO_ABI_KEY_EXPERT, FARO_ABI_KEY_SOURCE, FARO_ABI_KEY_TOKEN, FARO_ABI_KEY_CHOICE};
  std::memcpy(p.layout.order, order, sizeof order);
  p.layout.align = random() % 2 ? 1 : 4;
  p.routes = {uint32_t(1 + random() % std::min(experts, 8u)), experts, uint32_t(random() % 3), 0, nullptr};
  if (p.routes.placement == FARO_ABI_PLACEMENT_TABLE)
    for (uint32_t e = 0; e < experts; ++e)
      batch.table.push_back(random() % ranks);
  p.routes.table = batch.table.data();
  p.routes.table_size = uint32_t(batch.table.size());
  batch.map = *makeExpertMap(p.routes, ranks);

  const bool skewed = random() % 2;
  std::vector<uint32_t> counts;
  batch.nodeRows.nodes = batch.topology.nodes();
  for (uint32_t rank = 0; rank < ranks; ++rank) {
    const uint32_t mine = random() % 4 ? random() % (tokens + 1) : 0;
    auto &idx = batch.topkIdx.emplace_back();
    for (uint32_t i = 0; i < mine * p.routes.topk; ++i)
      idx.push_back(random() % 9 == 0 ? -1 : skewed && random() % 2 ? 0 : int64_t(random() % experts));
    const auto count = countItems(p.routes, rank, batch.idx(rank));
    counts.insert(counts.end(), count->begin(), count->end());
    const auto rows = countNodeRows(batch.topology, batch.map, p.routes.topk, batch.idx(rank));
    batch.nodeRows.rows.insert(batch.nodeRows.rows.end(), rows.begin(), rows.end());
  }
  for (uint32_t rank = 0; rank < ranks; ++rank)
    batch.plans.push_back(*makePlan(p, batch.map, rank, counts, batch.idx(rank)));
  return batch;
}

} // namespace faro::scenarios
