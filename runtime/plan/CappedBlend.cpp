// Capped blend: re-rails rows at the source until no rank sends or receives more than B = 1.02 x the lower bound.
//
// Between nodes of one size, rail i sends to forwarder i, so what a rail takes over counts on both sides. Choosing
// other forwarders for a rank's rows can not relieve the rank's own sending; moving rows to another rail first can, and
// an even split over the rails meets the bound exactly. So, for each node and in real numbers:
//
//   1. level   a rank that sends more than B hands the excess over, the same part of its rows for each node, to the
//   ranks
//              that send less, in proportion to their room
//   2. cap     of the rows for node m (recv[m] in all, from everybody), a rail may carry its even part times
//              B / (recv[m] / rails): summed over the sources that makes B at each of m's rails. What is above the cap
//              goes to the rails below it
//   3. blend   if that took a rail above B again: as much of the even split is mixed in as is needed. The even split
//   keeps
//              both limits, and both limits are convex, so their mixture keeps them
//
// and then rounds each pair of nodes to whole rows by largest remainder: less than a row a pair. Between nodes of
// different sizes senders and forwarders are apart: 2. does not apply, forwarders get even parts, and a north-west
// corner walk joins the two. (With equal quotas on both sides that walk is the diagonal.)
//
// O(ranks x nodes) time, O(ranks + ranks of a node x nodes) memory beside the answer. All ranks must get the same
// answer from the same counts: doubles are added in a fixed order, and nothing depends on who asks.
#include "runtime/plan/Balancer.h"

#include <algorithm>
#include <cmath>
#include <compare>
#include <numeric>
#include <span>

namespace faro {

namespace {

constexpr double Slack = 1.02;

/// Where static is within rounding of the limit, only counting everything twice says which is better. That costs more
/// than the few rows are worth in a large job: 65,536 pairs of nodes take milliseconds, 255 rows less than one.
constexpr uint32_t CompareUpToNodes = 64;

struct Remainder {
  uint64_t missing; ///< to the next whole number, in 1024ths
  uint32_t order, at;
  auto operator<=>(const Remainder &) const = default;
};

class Blend {
public:
  Blend(const Topology &topology, const NodeRows &rows, double limit);

  /// Adds the flows of the job, or those from or to `node`.
  void run(std::optional<uint32_t> node, Rails &rails);

private:
  const uint32_t *counts(uint32_t rank) const { return &rows.rows[size_t(rank) * nodes]; }
  bool paired(uint32_t m) const { return topology.ranksOf(m).size() == rails; }
  void start(uint32_t n);
  void level();
  void cap();
  void blend();
  void pair(uint32_t m, Rails &out);
  void round(std::span<const double> shares, uint64_t total, uint32_t first, std::vector<uint64_t> &whole);

  const Topology &topology;
  const NodeRows &rows;
  const double limit;
  const uint32_t nodes;
  std::vector<double> received; ///< of all nodes

  // Of the node at work.
  uint32_t source = 0, rails = 0;
  std::vector<double> quota;        ///< rails x nodes; its own column stays 0
  std::vector<double> volume;       ///< for each node
  std::vector<double> load;         ///< of each rail
  std::vector<double> excess, room; ///< of each node
  std::vector<double> shares;
  std::vector<uint64_t> sends, takes;
  std::vector<Remainder> byRemainder;
};

} // namespace

Blend::Blend(const Topology &topology, const NodeRows &rows, double limit)
    : topology(topology), rows(rows), limit(limit), nodes(topology.nodes()), received(nodes) {
  for (uint32_t rank = 0; rank < topology.ranks(); ++rank)
    for (uint32_t m = 0; m < nodes; ++m)
      received[m] += m == topology.nodeOf(rank) ? 0.0 : counts(rank)[m];
}

void Blend::start(uint32_t n) {
  source = n;
  const auto ranks = topology.ranksOf(n);
  rails = uint32_t(ranks.size());
  quota.assign(size_t(rails) * nodes, 0.0);
  volume.assign(nodes, 0.0);
  load.assign(rails, 0.0);
  for (uint32_t r = 0; r < rails; ++r) {
    double *mine = &quota[size_t(r) * nodes];
    const uint32_t *count = counts(ranks[r]);
    for (uint32_t m = 0; m < nodes; ++m)
      mine[m] = count[m];
    mine[n] = 0;
    for (uint32_t m = 0; m < nodes; ++m)
      volume[m] += mine[m];
    load[r] = std::accumulate(mine, mine + nodes, 0.0);
  }
}

void Blend::level() {
  double free = 0;
  for (double sent : load)
    free += std::max(0.0, limit - sent);
  excess.assign(nodes, 0.0);
  bool over = false;
  for (uint32_t r = 0; r < rails; ++r) {
    if (load[r] <= limit)
      continue;
    over = true;
    const double keep = limit / load[r];
    for (uint32_t m = 0; m < nodes; ++m) {
      double &mine = quota[size_t(r) * nodes + m];
      excess[m] += mine * (1 - keep);
      mine *= keep;
    }
  }
  if (!over)
    return;
  for (uint32_t r = 0; r < rails; ++r)
    if (load[r] < limit)
      for (uint32_t m = 0; m < nodes; ++m)
        quota[size_t(r) * nodes + m] += excess[m] * (limit - load[r]) / free;
}

void Blend::cap() {
  excess.assign(nodes, 0.0);
  room.assign(nodes, 0.0);
  const auto most = [&](uint32_t m) { return received[m] > 0 ? volume[m] * limit / received[m] : 0.0; };
  for (uint32_t r = 0; r < rails; ++r)
    for (uint32_t m = 0; m < nodes; ++m) {
      const double above = quota[size_t(r) * nodes + m] - most(m);
      excess[m] += std::max(0.0, above);
      room[m] += std::max(0.0, -above);
    }
  for (uint32_t m = 0; m < nodes; ++m) {
    if (excess[m] <= 0 || !paired(m))
      continue;
    const double part = excess[m] / room[m]; // <= 1: the rails' caps add up to at least the volume
    for (uint32_t r = 0; r < rails; ++r) {
      double &mine = quota[size_t(r) * nodes + m];
      mine = mine > most(m) ? most(m) : mine + (most(m) - mine) * part;
    }
  }
}

void Blend::blend() {
  double largest = 0, mean = 0;
  for (uint32_t r = 0; r < rails; ++r) {
    const double *mine = &quota[size_t(r) * nodes];
    const double sent = std::accumulate(mine, mine + nodes, 0.0);
    largest = std::max(largest, sent);
    mean += sent / rails;
  }
  if (largest <= limit)
    return;
  const double even = std::min(1.0, (largest - limit) / (largest - mean));
  for (uint32_t r = 0; r < rails; ++r)
    for (uint32_t m = 0; m < nodes; ++m) {
      double &mine = quota[size_t(r) * nodes + m];
      mine += even * (volume[m] / rails - mine);
    }
}

/// Whole numbers that add up to `total`, each within one of its share. Of equal remainders those from index `first` on
/// come first, so that over many pairs no rail gets them all.
void Blend::round(std::span<const double> shares, uint64_t total, uint32_t first, std::vector<uint64_t> &whole) {
  const uint32_t n = uint32_t(shares.size());
  whole.resize(n);
  uint64_t sum = 0;
  for (uint32_t i = 0; i < n; ++i)
    sum += whole[i] = uint64_t(std::max(0.0, shares[i]));
  if (sum == total)
    return;
  byRemainder.resize(n);
  for (uint32_t i = 0; i < n; ++i) {
    // Remainders of what should be the same number differ by an error of rounding: to a thousandth of a row is enough.
    const uint32_t at = (first + i) % n;
    const uint64_t remainder = uint64_t(std::max(0.0, shares[at] - double(whole[at])) * 1024 + 0.5);
    byRemainder[i] = {1024 - std::min<uint64_t>(remainder, 1024), i, at};
  }
  std::sort(byRemainder.begin(), byRemainder.end());
  for (uint32_t i = 0; sum < total; i = (i + 1) % n, ++sum)
    ++whole[byRemainder[i].at];
  for (uint32_t i = n - 1; sum > total; i = (i + n - 1) % n)
    if (uint64_t &last = whole[byRemainder[i].at]; last > 0)
      --last, --sum;
}

/// The flows to node m.
void Blend::pair(uint32_t m, Rails &out) {
  const auto from = topology.ranksOf(source), to = topology.ranksOf(m);
  const uint64_t total = uint64_t(volume[m]);
  const uint32_t first = source + m;
  shares.resize(rails);
  for (uint32_t r = 0; r < rails; ++r)
    shares[r] = quota[size_t(r) * nodes + m];
  round(shares, total, first, sends);
  for (uint32_t r = 0; r < rails; ++r) {
    const uint64_t own = rows.of(from[r], m);
    out.moved += sends[r] > own ? sends[r] - own : 0;
  }
  if (paired(m)) {
    takes = sends;
  } else {
    shares.assign(to.size(), double(total) / double(to.size()));
    round(shares, total, first, takes);
  }
  // North-west corner: the first rail's rows to the first forwarder until one of them has no more.
  for (uint32_t r = 0, f = 0; r < rails && f < to.size();) {
    const uint64_t both = std::min(sends[r], takes[f]);
    if (both > 0)
      out.flows.push_back({from[r], to[f], both});
    sends[r] -= both;
    takes[f] -= both;
    const bool sent = sends[r] == 0, taken = takes[f] == 0;
    r += sent;
    f += taken;
  }
}

void Blend::run(std::optional<uint32_t> node, Rails &out) {
  for (uint32_t n = 0; n < nodes; ++n) {
    start(n);
    level();
    cap();
    blend();
    for (uint32_t m = 0; m < nodes; ++m)
      if (m != n && (!node || *node == n || *node == m))
        pair(m, out);
  }
}

Rails cappedBlend(const Topology &topology, const NodeRows &rows, std::optional<uint32_t> node) {
  const double bound = lowerBound(topology, rows);
  // Rows are whole: no balancer is below the next whole number either.
  const double limit = std::max(Slack * bound, std::ceil(bound));
  const double still = double(staticLoads(topology, rows).most());
  const bool close = still < limit + topology.nodes() - 1;
  if (still <= limit || (close && topology.nodes() > CompareUpToNodes))
    return staticRails(topology, rows, node);
  Blend blend(topology, rows, limit);
  if (close) {
    Rails all;
    blend.run({}, all);
    if (double(loadsOf(topology, all).most()) >= still)
      return staticRails(topology, rows, node);
    if (!node)
      return all;
  }
  Rails rails;
  blend.run(node, rails);
  return rails;
}

} // namespace faro
