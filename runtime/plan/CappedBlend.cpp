// Capped blend: re-rails rows at the source until no rank sends or receives more than 1.02 x the lower bound, for each
// of its network cards.
//
// Between nodes of one kind (as many ranks, each with as many cards), rail i sends to forwarder i, so what a rail takes
// over counts on both sides. Choosing other forwarders for a rank's rows can not relieve the rank's own sending; moving
// rows to another rail first can, and an even split over the cards meets the bound exactly. It moves far more than is
// needed, though. So, in real numbers:
//
//   1. a rank that sends too much hands the excess over, the same part of its rows for each node, to the ranks of its
//      node that send less, in proportion to their room
//   2. a rank that receives too much has its excess taken by the forwarders beside it, the same part of what each node
//      sends it: so these nodes' rails hand rows over
//   3. each may undo a little of the other: a few rounds of both. What is then still above the limit is put right by
//      mixing in as much of the even split as the worst rank needs. The even split keeps all limits and they are
//      convex, so the mixture keeps them
//
// and then rounds each pair of nodes to whole rows: by less than a row a pair. Between nodes of
// different kinds senders and forwarders are apart: 2. does not apply, forwarders get even parts, and a north-west
// corner walk joins the two. (With equal quotas on both sides that walk is the diagonal.)
//
// O(ranks x nodes) time and memory. All ranks must get the same answer from the same counts: doubles are added in a
// fixed order, and nothing depends on who asks.
#include "runtime/plan/Balancer.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <span>

namespace faro {

namespace {

/// What is promised, and what the rounds aim at: the rest is room for what they undo, and for rounding.
constexpr double Promise = 1.02, Aim = 1.01;
constexpr int Rounds = 4;

/// Where static is within rounding of the limit, only counting everything twice says which is better. That costs more
/// than the few rows are worth in a large job whose ranks have as many cards each: 65,536 pairs of nodes take
/// milliseconds, 255 rows less than one.
constexpr uint32_t CompareUpToNodes = 64;

class Blend {
public:
  Blend(const Topology &topology, const NodeRows &rows, double bound);

  /// Adds the flows of the job, or those from or to `node`.
  void list(std::optional<uint32_t> node, Rails &out);

private:
  double *quotas(uint32_t rank) { return &quota[size_t(rank) * nodes]; }
  double nics(uint32_t rank) const { return topology.nicsOf(rank); }
  bool paired(uint32_t n, uint32_t m) const { return kind[n] == kind[m]; }
  void countPaired(uint32_t n);
  double countSent();
  double countReceived();
  void levelSenders();
  void levelReceivers();
  void mixInEven(double limit);
  void pair(uint32_t n, uint32_t m, Rails &out);
  static void round(std::span<const double> shares, uint64_t total, uint32_t n, uint32_t m,
                    std::vector<uint64_t> &whole);

  const Topology &topology;
  const NodeRows &rows;
  const uint32_t nodes;
  const double aim;
  std::vector<double> quota;  ///< ranks x nodes: what leaves by each rail; 0 for its own node
  std::vector<double> volume; ///< nodes x nodes
  std::vector<uint32_t> kind; ///< by node: the first one with as many ranks, of as many cards each
  std::vector<double> cards;  ///< by node: of all its ranks
  std::vector<double> apart;  ///< by node: what each card gets from nodes of other kinds
  std::vector<double> sent;   ///< by rank
  std::vector<double> excess; ///< by node
  // By forwarder, [local index x nodes]: rows of one rail's quotas stand beside those of the forwarders they go to.
  const uint32_t widest;
  std::vector<double> received, keep, part, width; ///< width: cards; 0 where a node has no such rank
  std::vector<double> counts;                      ///< by node: 1 for nodes of the kind of the one at work, else 0
  // Of the pair at work.
  std::vector<double> shares;
  std::vector<uint64_t> sends, takes;
};

} // namespace

static uint32_t widestOf(const Topology &topology) {
  size_t widest = 0;
  for (uint32_t n = 0; n < topology.nodes(); ++n)
    widest = std::max(widest, topology.ranksOf(n).size());
  return uint32_t(widest);
}

/// Rows are whole: no balancer is below a whole row of the rank with the most cards either.
static double wholeRow(const Topology &topology, double bound) {
  const double most = std::ranges::max(topology.nics());
  return std::ceil(bound * most) / most;
}

static std::vector<uint32_t> kindsOf(const Topology &topology) {
  std::map<std::vector<double>, uint32_t> first;
  std::vector<uint32_t> kinds;
  std::vector<double> nics;
  for (uint32_t n = 0; n < topology.nodes(); ++n) {
    nics.clear();
    for (uint32_t rank : topology.ranksOf(n))
      nics.push_back(topology.nicsOf(rank));
    kinds.push_back(first.try_emplace(nics, n).first->second);
  }
  return kinds;
}

Blend::Blend(const Topology &topology, const NodeRows &rows, double bound)
    : topology(topology), rows(rows), nodes(topology.nodes()), aim(std::max(Aim * bound, wholeRow(topology, bound))),
      quota(rows.rows.begin(), rows.rows.end()), volume(size_t(nodes) * nodes), kind(kindsOf(topology)), apart(nodes),
      sent(topology.ranks()), excess(nodes), widest(widestOf(topology)), received(size_t(widest) * nodes),
      width(received.size()), counts(nodes) {
  for (uint32_t n = 0; n < nodes; ++n)
    cards.push_back(topology.nicsOfNode(n));
  for (uint32_t rank = 0; rank < topology.ranks(); ++rank) {
    const uint32_t n = topology.nodeOf(rank);
    quotas(rank)[n] = 0;
    width[size_t(topology.localIndex(rank)) * nodes + n] = nics(rank);
    for (uint32_t m = 0; m < nodes; ++m)
      volume[size_t(n) * nodes + m] += quotas(rank)[m];
  }
  for (uint32_t n = 0; n < nodes; ++n)
    for (uint32_t m = 0; m < nodes; ++m)
      apart[m] += paired(n, m) ? 0 : volume[size_t(n) * nodes + m] / cards[m];

  const double limit = std::max(Promise * bound, aim);
  for (int round = 0; round < Rounds; ++round) {
    if (countSent() > limit)
      levelSenders();
    if (countReceived() <= limit && countSent() <= limit)
      return;
    levelReceivers();
  }
  mixInEven(limit);
}

/// In four sums that do not wait for each other.
static double sum(const double *values, uint32_t count) {
  double sums[4] = {};
  for (uint32_t i = 0; i < count; ++i)
    sums[i % 4] += values[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/// Both return the most of any card.
double Blend::countSent() {
  double most = 0;
  for (uint32_t rank = 0; rank < topology.ranks(); ++rank) {
    sent[rank] = sum(quotas(rank), nodes);
    most = std::max(most, sent[rank] / nics(rank));
  }
  return most;
}

double Blend::countReceived() {
  for (uint32_t index = 0; index < widest; ++index)
    for (uint32_t m = 0; m < nodes; ++m)
      received[size_t(index) * nodes + m] = apart[m] * width[size_t(index) * nodes + m];
  for (uint32_t n = 0; n < nodes; ++n) {
    countPaired(n);
    for (uint32_t rank : topology.ranksOf(n)) {
      double *to = &received[size_t(topology.localIndex(rank)) * nodes];
      const double *mine = quotas(rank);
      for (uint32_t m = 0; m < nodes; ++m)
        to[m] += mine[m] * counts[m];
    }
  }
  double most = 0;
  for (size_t at = 0; at < received.size(); ++at)
    most = std::max(most, width[at] > 0 ? received[at] / width[at] : 0.0);
  return most;
}

void Blend::countPaired(uint32_t n) {
  for (uint32_t m = 0; m < nodes; ++m)
    counts[m] = paired(n, m);
}

void Blend::levelSenders() {
  for (uint32_t n = 0; n < nodes; ++n) {
    double room = 0;
    bool over = false;
    for (uint32_t rank : topology.ranksOf(n)) {
      room += std::max(0.0, aim * nics(rank) - sent[rank]);
      over |= sent[rank] > aim * nics(rank);
    }
    if (!over)
      continue;
    std::fill(excess.begin(), excess.end(), 0.0);
    for (uint32_t rank : topology.ranksOf(n)) {
      const double most = aim * nics(rank);
      if (sent[rank] <= most)
        continue;
      const double kept = most / sent[rank];
      double *mine = quotas(rank);
      for (uint32_t m = 0; m < nodes; ++m) {
        excess[m] += mine[m] * (1 - kept);
        mine[m] *= kept;
      }
    }
    for (uint32_t rank : topology.ranksOf(n)) {
      const double most = aim * nics(rank);
      if (sent[rank] >= most)
        continue;
      const double taken = (most - sent[rank]) / room;
      double *mine = quotas(rank);
      for (uint32_t m = 0; m < nodes; ++m)
        mine[m] += excess[m] * taken;
    }
  }
}

/// The same from the other end, for all receivers at once: a rank keeps `keep` of what it gets from nodes of its kind,
/// and takes `part` of what the others of its node do not keep.
void Blend::levelReceivers() {
  keep.assign(received.size(), 1.0);
  part.assign(received.size(), 0.0);
  for (uint32_t m = 0; m < nodes; ++m) {
    const uint32_t size = uint32_t(topology.ranksOf(m).size());
    const auto at = [&](uint32_t index) { return size_t(index) * nodes + m; };
    double room = 0;
    bool over = false;
    for (uint32_t i = 0; i < size; ++i) {
      room += std::max(0.0, aim * width[at(i)] - received[at(i)]);
      over |= received[at(i)] > aim * width[at(i)];
    }
    for (uint32_t i = 0; i < size && over; ++i) {
      const double load = received[at(i)], most = aim * width[at(i)], fixed = apart[m] * width[at(i)];
      if (load > most)
        keep[at(i)] = (most - fixed) / (load - fixed);
      else
        part[at(i)] = (most - load) / room;
    }
  }
  for (uint32_t n = 0; n < nodes; ++n) {
    countPaired(n);
    std::fill(excess.begin(), excess.end(), 0.0);
    for (uint32_t rank : topology.ranksOf(n)) {
      const double *mine = quotas(rank), *kept = &keep[size_t(topology.localIndex(rank)) * nodes];
      for (uint32_t m = 0; m < nodes; ++m)
        excess[m] += mine[m] * (1 - kept[m]) * counts[m];
    }
    for (uint32_t rank : topology.ranksOf(n)) {
      double *mine = quotas(rank);
      const double *kept = &keep[size_t(topology.localIndex(rank)) * nodes];
      const double *taken = &part[size_t(topology.localIndex(rank)) * nodes];
      for (uint32_t m = 0; m < nodes; ++m)
        mine[m] += counts[m] * (excess[m] * taken[m] - mine[m] * (1 - kept[m]));
    }
  }
}

void Blend::mixInEven(double limit) {
  double even = 0;
  const auto need = [&](double load, double mean) {
    if (load > limit)
      even = std::max(even, std::min(1.0, (load - limit) / (load - mean)));
  };
  countSent();
  countReceived();
  for (uint32_t n = 0; n < nodes; ++n) {
    const auto ranks = topology.ranksOf(n);
    double meanSent = 0, meanReceived = 0;
    for (uint32_t i = 0; i < ranks.size(); ++i) {
      meanSent += sent[ranks[i]] / cards[n];
      meanReceived += received[size_t(i) * nodes + n] / cards[n];
    }
    for (uint32_t i = 0; i < ranks.size(); ++i) {
      need(sent[ranks[i]] / nics(ranks[i]), meanSent);
      need(received[size_t(i) * nodes + n] / nics(ranks[i]), meanReceived);
    }
  }
  for (uint32_t rank = 0; rank < topology.ranks() && even > 0; ++rank) {
    const uint32_t n = topology.nodeOf(rank);
    const double share = nics(rank) / cards[n];
    for (uint32_t m = 0; m < nodes; ++m)
      quotas(rank)[m] += even * (volume[size_t(n) * nodes + m] * share - quotas(rank)[m]);
  }
}

/// Whole numbers that add up to `total`, each less than one from its share. What is left after rounding down goes to
/// those at which the running sum of the remainders passes a threshold (systematic sampling), so that a share of 0.3
/// gets a row in three of ten pairs. The largest remainder would never give it one, and a rail with a small excess for
/// each of many nodes would keep all of it. Thresholds are spread evenly along both n and m: they are Roberts' R2
/// sequence.
void Blend::round(std::span<const double> shares, uint64_t total, uint32_t n, uint32_t m,
                  std::vector<uint64_t> &whole) {
  constexpr double Along = 0.7548776662466927, Across = 0.5698402909980532, Noise = 1e-6;
  const double at = 0.5 + n * Along + m * Across, threshold = at - std::floor(at);
  whole.resize(shares.size());
  uint64_t sum = 0;
  for (size_t i = 0; i < shares.size(); ++i)
    sum += whole[i] = uint64_t(std::max(0.0, shares[i] + Noise));
  const double left = double(int64_t(total - sum));
  double running = 0, before = std::floor(threshold);
  for (size_t i = 0; i < shares.size(); ++i) {
    running += std::max(0.0, shares[i] - double(whole[i]));
    // The last sum is `left` but for errors of rounding; with them, a row could be lost.
    const double passed = std::floor((i + 1 == shares.size() ? left : std::min(running, left)) + threshold);
    whole[i] += uint64_t(int64_t(passed - before));
    before = passed;
  }
}

/// The flows from node n to node m.
void Blend::pair(uint32_t n, uint32_t m, Rails &out) {
  const auto from = topology.ranksOf(n), to = topology.ranksOf(m);
  const uint64_t total = uint64_t(volume[size_t(n) * nodes + m]);
  if (total == 0)
    return;
  shares.clear();
  for (uint32_t rank : from)
    shares.push_back(quotas(rank)[m]);
  round(shares, total, n, m, sends);
  for (uint32_t r = 0; r < from.size(); ++r) {
    const uint64_t own = rows.of(from[r], m);
    out.moved += sends[r] > own ? sends[r] - own : 0;
  }
  if (paired(n, m)) {
    takes = sends;
  } else {
    shares.clear();
    for (uint32_t rank : to)
      shares.push_back(double(total) * nics(rank) / cards[m]);
    round(shares, total, n, m, takes);
  }
  // North-west corner: the first rail's rows to the first forwarder until one of them has no more.
  for (uint32_t r = 0, f = 0; r < from.size() && f < to.size();) {
    const uint64_t both = std::min(sends[r], takes[f]);
    if (both > 0)
      out.flows.push_back({from[r], to[f], both});
    sends[r] -= both;
    takes[f] -= both;
    const bool sentAll = sends[r] == 0, tookAll = takes[f] == 0;
    r += sentAll;
    f += tookAll;
  }
}

void Blend::list(std::optional<uint32_t> node, Rails &out) {
  for (uint32_t n = 0; n < nodes; ++n)
    for (uint32_t m = 0; m < nodes; ++m)
      if (m != n && (!node || *node == n || *node == m))
        pair(n, m, out);
}

Rails cappedBlend(const Topology &topology, const NodeRows &rows, std::optional<uint32_t> node) {
  const double bound = lowerBound(topology, rows);
  const double limit = std::max(Promise * bound, wholeRow(topology, bound));
  const double still = staticLoads(topology, rows).most(topology);
  // What rounding can do to the rank with the least part of a card.
  const auto [fewest, most] = std::ranges::minmax(topology.nics());
  const bool close = still < limit + double(topology.nodes() - 1) / fewest;
  if (still <= limit || (close && topology.nodes() > CompareUpToNodes && fewest == most))
    return staticRails(topology, rows, node);
  Blend blend(topology, rows, bound);
  if (close) {
    Rails all;
    blend.list({}, all);
    if (loadsOf(topology, all).most(topology) >= still)
      return staticRails(topology, rows, node);
    if (!node)
      return all;
  }
  Rails rails;
  blend.list(node, rails);
  return rails;
}

} // namespace faro
