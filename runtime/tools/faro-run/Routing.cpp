#include "runtime/tools/faro-run/Inputs.h"
#include "runtime/tools/faro-run/Random.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace faro::run {

namespace {

/// Chooses experts for tokens, `topk` different ones at a time.
class Chooser {
public:
  Chooser(uint32_t experts, uint32_t topk) : taken_(experts, 0), topk_(topk) {}

  /// `draw` gives a random expert of `candidates`, in which experts stand by descending popularity. Where drawing keeps
  /// giving the same ones (a steep Zipf law, or nearly all candidates needed), the most popular ones left are taken;
  /// where there are fewer candidates than choices, the rest is dropped.
  template <typename Draw> void choose(const std::vector<uint32_t> &candidates, Draw draw, int64_t *out) {
    const uint32_t wanted = std::min<uint32_t>(topk_, uint32_t(candidates.size()));
    ++round_;
    uint32_t found = 0;
    const auto take = [&](uint32_t expert) {
      if (taken_[expert] != round_) {
        taken_[expert] = round_;
        out[found++] = expert;
      }
    };
    for (uint32_t attempts = 32 * topk_; found < wanted && attempts > 0; --attempts)
      take(draw());
    for (uint32_t expert : candidates)
      if (found < wanted)
        take(expert);
    std::fill(out + found, out + topk_, -1);
  }

private:
  std::vector<uint64_t> taken_; ///< expert -> the round that took it last
  uint64_t round_ = 0;
  uint32_t topk_;
};

std::vector<uint32_t> allExperts(uint32_t experts) {
  std::vector<uint32_t> list(experts);
  std::iota(list.begin(), list.end(), 0);
  return list;
}

/// The experts of the ranks for which `chosen(rank)`, by rank.
template <typename Chosen> std::vector<uint32_t> expertsOfRanks(const InputShape &shape, Chosen chosen) {
  std::vector<uint32_t> list;
  for (uint32_t rank = 0; rank < shape.ranks(); ++rank)
    if (chosen(rank))
      for (uint32_t expert : shape.program.placement.expertsOf(rank, shape.ranks()))
        list.push_back(expert);
  return list;
}

} // namespace

std::vector<int64_t> generateRouting(int64_t tokens, RoutingKind routing, uint64_t seed, uint32_t rank,
                                     const InputShape &shape) {
  const Topology &topology = shape.topology;
  const uint32_t experts = shape.program.placement.experts(), topk = shape.program.topk;
  std::vector<int64_t> result(size_t(tokens) * topk);
  Chooser chooser(experts, topk);
  const auto uniform = [&](const std::vector<uint32_t> &candidates, Random &random, int64_t *out) {
    chooser.choose(candidates, [&] { return candidates[random.below(candidates.size())]; }, out);
  };
  const auto each = [&](auto &&fill) {
    for (int64_t token = 0; token < tokens; ++token) {
      Random random(streamKey(seed, Stream::Routing, rank, uint64_t(token)));
      fill(random, result.data() + size_t(token) * topk);
    }
  };

  switch (routing.kind) {
  case RoutingKind::Uniform: {
    const std::vector<uint32_t> all = allExperts(experts);
    each([&](Random &random, int64_t *out) { uniform(all, random, out); });
    break;
  }
  case RoutingKind::Zipf: {
    // Which experts are popular depends on the seed alone: all ranks agree, and they are not all on rank 0.
    std::vector<uint32_t> all = allExperts(experts);
    Random shuffle(streamKey(seed, Stream::Popularity, 0, 0));
    for (size_t i = all.size(); i > 1; --i)
      std::swap(all[i - 1], all[shuffle.below(i)]);
    std::vector<double> cumulative(experts);
    double sum = 0;
    for (uint32_t i = 0; i < experts; ++i)
      cumulative[i] = sum += std::pow(double(i + 1), -routing.exponent);
    each([&](Random &random, int64_t *out) {
      const auto draw = [&] {
        const auto at = std::upper_bound(cumulative.begin(), cumulative.end(), random.unit() * sum);
        return all[std::min<size_t>(size_t(at - cumulative.begin()), experts - 1)];
      };
      chooser.choose(all, draw, out);
    });
    break;
  }
  case RoutingKind::SingleNode: {
    // All experts of a token are on one node, chosen at random. Nodes without experts are left out.
    std::vector<std::vector<uint32_t>> ofNode;
    for (uint32_t node = 0; node < topology.nodes(); ++node)
      if (auto list = expertsOfRanks(shape, [&](uint32_t r) { return topology.nodeOf(r) == node; }); !list.empty())
        ofNode.push_back(std::move(list));
    each([&](Random &random, int64_t *out) { uniform(ofNode[random.below(ofNode.size())], random, out); });
    break;
  }
  case RoutingKind::Bimodal: {
    // Four tokens of five go to the experts of the first quarter of the nodes (of the ranks, when there is one node),
    // the others to the rest.
    const bool byNode = topology.nodes() > 1;
    const uint32_t quarter = std::max(1u, (byNode ? topology.nodes() : topology.ranks()) / 4);
    const auto isHot = [&](uint32_t r) { return (byNode ? topology.nodeOf(r) : r) < quarter; };
    std::vector<uint32_t> hot = expertsOfRanks(shape, isHot),
                          cold = expertsOfRanks(shape, [&](uint32_t r) { return !isHot(r); });
    if (hot.size() < topk || cold.size() < topk)
      hot = cold = allExperts(experts);
    each([&](Random &random, int64_t *out) { uniform(random.unit() < 0.8 ? hot : cold, random, out); });
    break;
  }
  }
  return result;
}

} // namespace faro::run
