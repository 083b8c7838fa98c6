#include "tests/bench/routing.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <numeric>

namespace faro::bench {

namespace {
/// SplitMix64. The standard library's distributions differ from one implementation to the next; these do not.
class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}
  uint64_t next() { return mix(state += 0x9e3779b97f4a7c15u); }
  int below(int n) { return int(next() % uint64_t(n)); }
  double unit() { return double((next() >> 11) + 1) * 0x1p-53; } // (0, 1]

private:
  uint64_t state;
};

/// Draws the experts of one token after the other.
class Drawer {
public:
  Drawer(const Options &options, uint64_t seed) : topk(options.topk), random(seed), pool(size_t(options.experts)) {
    std::iota(pool.begin(), pool.end(), 0);
  }

  Random &dice() { return random; }

  /// `topk` distinct experts of [first, first + count), each as likely as the others.
  void uniform(int first, int count, int32_t *out) {
    // A partial shuffle. The pool may start in any order, so it need not be put back, as long as the range is the same.
    if (first != from || count != size) {
      from = first, size = count;
      std::iota(pool.begin(), pool.begin() + count, first);
    }
    for (int j = 0; j < topk; ++j) {
      std::swap(pool[size_t(j)], pool[size_t(j + random.below(count - j))]);
      out[j] = pool[size_t(j)];
    }
  }

  /// Without replacement, with chances proportional to the weights: the smallest of -log(u) / weight (Efraimidis and
  /// Spirakis 2006).
  void weighted(const std::vector<double> &weights, int32_t *out) {
    keys.resize(weights.size());
    for (size_t e = 0; e < weights.size(); ++e)
      keys[e] = {-std::log(random.unit()) / weights[e], int32_t(e)};
    std::partial_sort(keys.begin(), keys.begin() + topk, keys.end());
    for (int j = 0; j < topk; ++j)
      out[j] = keys[size_t(j)].second;
  }

  /// As DeepSeek-V3's gate does: each expert gets a score, the half of the (at most eight) groups of experts whose two
  /// best scores are highest stay, and the best experts of these are taken.
  void groupLimited(const std::vector<double> &popularity, int32_t *out) {
    const size_t experts = popularity.size(), wanted = size_t(topk);
    size_t groups = std::min<size_t>(8, experts), kept = (groups + 1) / 2;
    if (experts / groups * kept < wanted) // too few experts in half of the groups
      groups = kept = 1;
    keys.resize(experts);
    for (size_t e = 0; e < experts; ++e)
      keys[e] = {std::log(random.unit()) / popularity[e], int32_t(e)}; // the largest are the best
    std::vector<std::pair<double, size_t>> order;
    for (size_t g = 0; g < groups; ++g) {
      std::array<double, 2> best{-HUGE_VAL, -HUGE_VAL};
      for (size_t e = g * experts / groups; e < (g + 1) * experts / groups; ++e) {
        best[1] = std::max(best[1], std::min(best[0], keys[e].first));
        best[0] = std::max(best[0], keys[e].first);
      }
      order.push_back({best[0] + (best[1] > -HUGE_VAL ? best[1] : 0), g});
    }
    std::sort(order.rbegin(), order.rend());
    std::vector<std::pair<double, int32_t>> left;
    for (size_t i = 0; i < kept; ++i)
      for (size_t g = order[i].second, e = g * experts / groups; e < (g + 1) * experts / groups; ++e)
        left.push_back(keys[e]);
    std::partial_sort(left.begin(), left.begin() + topk, left.end(), std::greater<>());
    for (size_t j = 0; j < wanted; ++j)
      out[j] = left[j].second;
  }

private:
  int topk;
  Random random;
  std::vector<int32_t> pool;
  std::vector<std::pair<double, int32_t>> keys;
  int from = 0, size = -1;
};
} // namespace

std::vector<int> Placement::owners() const {
  std::vector<int> owner(static_cast<size_t>(experts));
  for (int r = 0; r < ranks; ++r)
    std::fill(owner.begin() + first(r), owner.begin() + first(r + 1), r);
  return owner;
}

/// Popularity (i + 1)^-s, in an order of experts that depends on the seed alone: all ranks agree on what is hot.
static std::vector<double> zipfWeights(const Options &options, double s) {
  std::vector<size_t> order(static_cast<size_t>(options.experts));
  std::iota(order.begin(), order.end(), size_t(0));
  Random random(mix(options.seed ^ 0x21bfu));
  for (size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[random.next() % i]);
  std::vector<double> weights(order.size());
  for (size_t i = 0; i < order.size(); ++i)
    weights[order[i]] = std::pow(double(i + 1), -s);
  return weights;
}

std::vector<int32_t> makeRouting(const Options &options, int ranks, int source) {
  std::vector<int32_t> topk(options.items());
  const Placement placement{options.experts, ranks};
  Drawer draw(options, mix(options.seed * 0x1000193u + uint64_t(source)));
  const int k = options.topk;
  auto eachToken = [&](auto &&drawOne) {
    for (size_t t = 0; t < size_t(options.tokens); ++t)
      drawOne(&topk[t * size_t(k)]);
  };

  if (options.routing == "uniform") {
    eachToken([&](int32_t *out) { draw.uniform(0, options.experts, out); });
  } else if (options.routing == "single-node") {
    const int perNode = ranks / options.groups;
    eachToken([&](int32_t *out) {
      const int node = draw.dice().below(options.groups);
      const int first = placement.first(node * perNode), last = placement.first((node + 1) * perNode);
      draw.uniform(first, last - first, out);
    });
  } else if (options.routing == "bimodal") {
    // Four tokens of five go to the experts of the first quarter of the ranks, the others to the rest.
    const int hot = std::max(placement.first(std::max(1, ranks / 4)), k);
    const int rest = options.experts - hot;
    eachToken([&](int32_t *out) {
      if (rest < k || draw.dice().unit() <= 0.8)
        draw.uniform(0, hot, out);
      else
        draw.uniform(hot, rest, out);
    });
  } else if (options.routing == "group-limited") {
    const std::vector<double> popularity = zipfWeights(options, 0.3);
    eachToken([&](int32_t *out) { draw.groupLimited(popularity, out); });
  } else { // "zipf:S": the command line was checked
    const std::vector<double> weights = zipfWeights(options, std::atof(options.routing.c_str() + 5));
    eachToken([&](int32_t *out) { draw.weighted(weights, out); });
  }
  return topk;
}

std::vector<float> makeWeights(const Options &options, int source) {
  std::vector<float> weights(options.items());
  Random random(mix(options.seed * 0x811c9dc5u + uint64_t(source)));
  const size_t k = size_t(options.topk);
  for (size_t i = 0; i < weights.size(); i += k) {
    double sum = 0;
    for (size_t j = 0; j < k; ++j)
      sum += weights[i + j] = float(0.05 + random.unit());
    for (size_t j = 0; j < k; ++j)
      weights[i + j] = float(weights[i + j] / sum);
  }
  return weights;
}

} // namespace faro::bench
