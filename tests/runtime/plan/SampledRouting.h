// Routings drawn by chance, for tables of balancers and of planning: who routes how many tokens to which experts.
#pragma once

#include "runtime/plan/Balancer.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

namespace faro::sampled {

/// SplitMix64: the same numbers everywhere.
class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  uint32_t below(uint32_t n) { return uint32_t(next() % n); }
  double unit() { return double((next() >> 11) + 1) * 0x1p-53; } // (0, 1]
  double normal() { return std::sqrt(-2 * std::log(unit())) * std::cos(2 * 3.14159265358979 * unit()); }

private:
  uint64_t state;
};

enum class Kind {
  Uniform,     ///< every expert as likely
  Zipf,        ///< the i-th most popular expert has 1 / i of the first one's chance; the same order for all ranks
  OwnZipf,     ///< the same, but each rank has its own order: ranks with different data
  Bimodal,     ///< uniform; half of the ranks, by chance, have eight times the tokens of the others
  BimodalZipf, ///< Bimodal and OwnZipf
  GroupLimited ///< as DeepSeek's gate: up to four nodes a token, by popularity (lognormal), experts of these nodes only
};

struct Shape {
  uint32_t nodes, ranksPerNode, experts, topk, tokens;
  uint32_t ranks() const { return nodes * ranksPerNode; }
  /// Block placement; experts must be a multiple of the ranks, or fewer than they are.
  uint32_t ownerOf(uint32_t expert) const { return uint32_t(uint64_t(expert) / std::max(1u, experts / ranks())); }
};

/// Draws topk distinct experts for one token after the other.
class Drawer {
public:
  Drawer(const Shape &shape, Kind kind, uint64_t seed) : shape(shape), kind(kind), random(seed) {
    order.resize(shape.experts);
    std::iota(order.begin(), order.end(), 0u);
    shuffle();
    std::vector<double> weights(shape.experts, 1.0);
    for (uint32_t i = 0; i < shape.experts; ++i)
      if (kind == Kind::GroupLimited)
        weights[i] = std::exp(0.5 * random.normal());
      else if (kind != Kind::Uniform && kind != Kind::Bimodal)
        weights[i] = 1.0 / (i + 1);
    chances.resize(shape.experts);
    std::partial_sum(weights.begin(), weights.end(), chances.begin());
    if (kind == Kind::GroupLimited)
      std::iota(order.begin(), order.end(), 0u); // a node's experts are neighbours
  }

  /// Before a rank's first token. How many it has.
  uint32_t startRank() {
    if (kind == Kind::OwnZipf || kind == Kind::BimodalZipf)
      shuffle();
    const bool bimodal = kind == Kind::Bimodal || kind == Kind::BimodalZipf;
    return bimodal && random.below(2) ? std::max(1u, shape.tokens / 8) : shape.tokens;
  }

  void draw(uint32_t *experts) {
    allowed.clear();
    if (kind == Kind::GroupLimited)
      while (allowed.size() < std::min(4u, shape.nodes))
        if (const uint32_t node = nodeOf(pick()); !has(allowed, node))
          allowed.push_back(node);
    for (uint32_t k = 0; k < shape.topk;) {
      const uint32_t expert = pick();
      if (std::find(experts, experts + k, expert) == experts + k && (allowed.empty() || has(allowed, nodeOf(expert))))
        experts[k++] = expert;
    }
  }

  uint32_t nodeOf(uint32_t expert) const { return shape.ownerOf(expert) / shape.ranksPerNode; }

private:
  static bool has(const std::vector<uint32_t> &list, uint32_t value) {
    return std::find(list.begin(), list.end(), value) != list.end();
  }
  void shuffle() {
    for (uint32_t i = shape.experts; i > 1; --i)
      std::swap(order[i - 1], order[random.below(i)]);
  }
  uint32_t pick() {
    const double at = random.unit() * chances.back();
    return order[size_t(std::min(std::lower_bound(chances.begin(), chances.end(), at), chances.end() - 1) -
                        chances.begin())];
  }

  Shape shape;
  Kind kind;
  Random random;
  std::vector<uint32_t> order, allowed;
  std::vector<double> chances;
};

/// Nodes of `ranks` ranks with cards[0], cards[1], .. network cards, by turns: neighbours share a card where there are
/// fewer, and some have two where there are more.
inline Topology onCards(uint32_t nodes, uint32_t ranks, const std::vector<uint32_t> &cards) {
  std::vector<uint32_t> labels;
  std::vector<double> nics;
  for (uint32_t node = 0; node < nodes; ++node) {
    const uint32_t count = cards[node % cards.size()];
    for (uint32_t i = 0; i < ranks; ++i) {
      double mine = 0;
      for (uint32_t card = 0; card < count; ++card)
        mine += card * ranks / count == i;
      uint32_t beside = 0;
      for (uint32_t other = 0; other < ranks; ++other)
        beside += other * count / ranks == i * count / ranks;
      labels.push_back(node);
      nics.push_back(count < ranks ? 1.0 / beside : mine);
    }
  }
  return Topology(labels, nics);
}

/// Everybody's (token, node) copies.
inline NodeRows nodeRows(const Shape &shape, Kind kind, uint64_t seed) {
  Drawer drawer(shape, kind, seed);
  NodeRows rows{shape.nodes, std::vector<uint32_t>(size_t(shape.ranks()) * shape.nodes)};
  std::vector<uint32_t> experts(shape.topk), nodes;
  for (uint32_t rank = 0; rank < shape.ranks(); ++rank)
    for (uint32_t tokens = drawer.startRank(); tokens > 0; --tokens) {
      drawer.draw(experts.data());
      nodes.clear();
      for (uint32_t expert : experts)
        if (const uint32_t node = drawer.nodeOf(expert); std::find(nodes.begin(), nodes.end(), node) == nodes.end()) {
          nodes.push_back(node);
          ++rows.rows[size_t(rank) * shape.nodes + node];
        }
    }
  return rows;
}

} // namespace faro::sampled
