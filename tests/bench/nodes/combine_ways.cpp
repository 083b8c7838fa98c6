#include "tests/bench/nodes/combine_ways.h"

#include <algorithm>
#include <fmt/format.h>

namespace faro::bench {
namespace {

/// Tokens that are summed between two looks at the wire.
constexpr size_t TokensAtATime = 4;

std::string nameOf(Dedupe dedupe, Staging staging) {
  const char *what = dedupe == Dedupe::None   ? "every item"
                     : dedupe == Dedupe::Rank ? "one partial row per (token, rank)"
                                              : "one partial row per (token, node)";
  return fmt::format("{}: {}", staging == Staging::Passes ? "packed" : "in slices, not packed", what);
}

Kind kindOf(Dedupe dedupe, Staging staging) {
  return dedupe == Dedupe::Node && staging == Staging::Slices ? Kind::Limit : Kind::Peer;
}

class CombineWay : public Method {
public:
  CombineWay(NodesCombine &b, Dedupe d, Staging s)
      : Method(nameOf(d, s), kindOf(d, s)), bench(b), nodes(b.nodes), dedupe(d), staging(s) {}

  bool plans() const override { return false; }
  bool checks() const override { return true; }
  Check check() override { return dedupe == Dedupe::None ? bench.checkExact() : bench.checkRounded(); }

  void run() override {
    prepare();
    if (staging == Staging::Passes)
      pack();
    Exchange x;
    // Backwards: what came in on an edge goes out on it.
    x.rows = NodesBench::rowCounts(traffic->in);
    x.expected = traffic->outRows;
    x.sliceRows = bench.problem.options.sliceRows;
    x.slice = [this](int to, size_t first, size_t count) { return slice(size_t(to), first, count); };
    if (staging == Staging::Slices)
      x.work = [this] { return sumSome(); };
    x.come = [this](const SliceHeader &header, const char *data) { come(header, data); };
    x.sent = [this](const SliceHeader &header, int to) { giveBack(header, to); };
    exchange(nodes.wire, bench.problem.rank, x);
    while (sumSome())
      ;
    storeFence();
  }

private:
  /// What a token is the sum of. Rows that have to come from other nodes are counted in `missing`.
  struct Term {
    const char *row;
    float weight;
  };

  size_t bytes() const { return bench.bytes; }
  char *stagedOut(size_t to, size_t row) { return nodes.sent.data() + (traffic->inStart[to] + row) * bytes(); }
  char *stagedBack(size_t from, size_t row) { return nodes.arrived.data() + (traffic->outStart[from] + row) * bytes(); }

  /// Planning of this way: what is added to what. Once, and not measured.
  void prepare() {
    summed = 0;
    ready.clear();
    if (!traffic)
      list();
    missing = toCome;
    for (uint32_t t = 0; t < missing.size(); ++t)
      if (missing[t] == 0)
        ready.push_back(t);
  }

  void list() {
    traffic = &nodes.traffic(dedupe);
    const RowMap &map = nodes.map;
    const size_t tokens = bench.problem.tokens();
    toCome.assign(tokens, 0);
    // Without dedupe each row takes its place in the order of k, so that the sum is exact; partial rows follow the
    // rows of this node.
    std::vector<std::vector<std::pair<uint32_t, Term>>> found(tokens);
    for (size_t t = 0; t < tokens; ++t)
      for (uint32_t c = map.localBegin[t]; c < map.localBegin[t + 1]; ++c)
        found[t].push_back({map.local[c].choice, {nodes.finalRow(map.local[c]), map.local[c].weight}});
    for (size_t r = 0; r < traffic->out.size(); ++r)
      for (size_t i = 0; i < traffic->out[r].rows(); ++i) {
        const Edge &edge = traffic->out[r];
        const Target &first = edge.targets[edge.begin[i]];
        const bool whole = dedupe == Dedupe::None;
        found[edge.token[i]].push_back(
            {whole ? first.choice : uint32_t(MaxTopk + r), {stagedBack(r, i), whole ? first.weight : 1.0f}});
        ++toCome[edge.token[i]];
      }
    for (auto &of : found) {
      std::sort(of.begin(), of.end(), [](const auto &a, const auto &b) { return a.first < b.first; });
      for (const auto &[place, term] : of) {
        terms.push_back(term.row);
        termWeights.push_back(term.weight);
      }
      termBegin.push_back(uint32_t(terms.size()));
    }
  }

  RowList listOf(size_t t) const {
    RowList list;
    for (uint32_t c = termBegin[t]; c < termBegin[t + 1]; ++c)
      list.rows[list.count++] = terms[c];
    list.weights = &termWeights[termBegin[t]];
    return list;
  }

  /// What goes back for row i of an edge: without dedupe the row itself, else the sum of its rows on this node.
  void makeRow(const Edge &edge, size_t i, char *to) {
    if (dedupe == Dedupe::None)
      return copyStreaming(to, nodes.finalRow(edge.targets[edge.begin[i]]), bytes());
    float weights[MaxTopk];
    const RowList now = rowsOf(edge, i, weights);
    float unused[MaxTopk];
    RowList next = rowsOf(edge, std::min(i + 1, edge.rows() - 1), unused);
    for (int j = next.count; j < now.count; ++j)
      next.rows[j] = now.rows[j];
    weightedSum(bench.problem.options.element, to, now, next, bytes(), staging == Staging::Passes);
  }

  RowList rowsOf(const Edge &edge, size_t i, float *weights) const {
    RowList list;
    for (uint32_t c = edge.begin[i]; c < edge.begin[i + 1]; ++c) {
      weights[list.count] = edge.targets[c].weight;
      list.rows[list.count++] = nodes.finalRow(edge.targets[c]);
    }
    list.weights = weights;
    return list;
  }

  void pack() {
    for (size_t r = 0; r < traffic->in.size(); ++r)
      for (size_t i = 0; i < traffic->in[r].rows(); ++i)
        makeRow(traffic->in[r], i, stagedOut(r, i));
    storeFence();
  }

  Segments slice(size_t to, size_t first, size_t count) {
    if (staging == Staging::Passes)
      return {{stagedOut(to, first), count * bytes()}};
    const Edge &edge = traffic->in[to];
    Segments segments;
    if (dedupe == Dedupe::None) {
      for (size_t i = first; i < first + count; ++i)
        segments.push_back({nodes.finalRow(edge.targets[edge.begin[i]]), bytes()});
      return segments;
    }
    if (slots.empty())
      return segments;
    const int slot = slots.take();
    slotOf[{uint32_t(to), uint32_t(first)}] = slot;
    for (size_t i = 0; i < count; ++i)
      makeRow(edge, first + i, nodes.slot(slot) + i * bytes());
    return {{nodes.slot(slot), count * bytes()}};
  }

  void giveBack(const SliceHeader &header, int to) {
    const auto found = slotOf.find({uint32_t(to), header.first});
    if (found == slotOf.end())
      return;
    slots.give(found->second);
    slotOf.erase(found);
  }

  void come(const SliceHeader &header, const char *data) {
    copyStreaming(stagedBack(header.from, header.first), data, header.rows * bytes());
    const Edge &edge = traffic->out[header.from];
    for (size_t i = header.first; i < header.first + header.rows; ++i)
      if (--missing[edge.token[i]] == 0)
        ready.push_back(edge.token[i]);
  }

  bool sumSome() {
    const size_t end = std::min(ready.size(), summed + TokensAtATime);
    if (summed == end)
      return false;
    for (; summed < end; ++summed) {
      const RowList now = listOf(ready[summed]);
      RowList next = summed + 1 < ready.size() ? listOf(ready[summed + 1]) : now;
      for (int j = next.count; j < now.count; ++j)
        next.rows[j] = now.rows[j];
      weightedSum(bench.problem.options.element, bench.resultRow(ready[summed]), now, next, bytes(), true);
    }
    return true;
  }

  NodesCombine &bench;
  NodesBench &nodes;
  const Dedupe dedupe;
  const Staging staging;
  const Traffic *traffic = nullptr;
  std::vector<const char *> terms; // of all tokens
  std::vector<float> termWeights;  // beside terms
  std::vector<uint32_t> termBegin{0};
  std::vector<uint32_t> toCome, missing, ready; // rows by token; tokens that can be summed
  size_t summed = 0;
  SlotPool slots{int(Wire::InFlight) + 1};
  std::map<std::pair<uint32_t, uint32_t>, int> slotOf; // of slices on their way out, by receiver and first row
};

} // namespace

std::unique_ptr<Method> combineWay(NodesCombine &bench, Dedupe dedupe, Staging staging) {
  return std::make_unique<CombineWay>(bench, dedupe, staging);
}

} // namespace faro::bench
