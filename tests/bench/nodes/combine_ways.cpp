#include "tests/bench/nodes/combine_ways.h"

#include <algorithm>

namespace faro::bench {
namespace {

class CombineWay final : public Way {
public:
  CombineWay(NodesCombine &b, Dedupe d, Staging s) : Way(b.nodes, d, s, "partial row"), bench(b) { list(); }

  Check check() override { return dedupe == Dedupe::None ? bench.checkExact() : bench.checkRounded(); }

  void run() override {
    summed = 0;
    ready.clear();
    missing = toCome;
    for (uint32_t t = 0; t < missing.size(); ++t)
      if (missing[t] == 0)
        ready.push_back(t);
    exchangeRows(/*workMeanwhile=*/staging == Staging::Slices);
    storeFence();
  }

private:
  /// What a token is the sum of. Rows that have to come from other nodes are counted in `missing`.
  struct Term {
    const char *row;
    float weight;
  };

  /// Planning of this way: what is added to what. Once, and not measured.
  void list() {
    const RowMap &map = nodes.map;
    const size_t tokens = bench.problem.tokens();
    toCome.assign(tokens, 0);
    // Without dedupe each row takes its place in the order of k, so that the sum is exact; partial rows follow the
    // rows of this node.
    std::vector<std::vector<std::pair<uint32_t, Term>>> found(tokens);
    for (size_t t = 0; t < tokens; ++t)
      for (uint32_t c = map.localBegin[t]; c < map.localBegin[t + 1]; ++c)
        found[t].push_back({map.local[c].choice, {nodes.finalRow(map.local[c]), map.local[c].weight}});
    for (size_t r = 0; r < traffic.in.size(); ++r)
      for (size_t i = 0; i < traffic.in[r].rows(); ++i) {
        const Edge &edge = traffic.in[r];
        const Target &first = edge.targets[edge.begin[i]];
        const bool whole = dedupe == Dedupe::None;
        found[edge.token[i]].push_back(
            {whole ? first.choice : uint32_t(MaxTopk + r), {stagedIn(r, i), whole ? first.weight : 1.0f}});
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
  void makeRow(const Edge &edge, size_t i, char *to) override {
    if (dedupe == Dedupe::None)
      return copyStreaming(to, nodes.finalRow(edge.targets[edge.begin[i]]), bytes());
    float weights[MaxTopk];
    const RowList now = rowsOf(edge, i, weights);
    float unused[MaxTopk];
    RowList next = rowsOf(edge, std::min(i + 1, edge.rows() - 1), unused);
    fillUp(next, now);
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

  Segments slice(size_t to, size_t first, size_t count) override {
    const Edge &edge = traffic.out[to];
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

  void gone(const SliceHeader &header, int to) override {
    const auto found = slotOf.find({uint32_t(to), header.first});
    if (found == slotOf.end())
      return;
    slots.give(found->second);
    slotOf.erase(found);
  }

  void come(const SliceHeader &header, const char *data) override {
    copyStreaming(stagedIn(header.from, header.first), data, header.rows * bytes());
    const Edge &edge = traffic.in[header.from];
    for (size_t i = header.first; i < header.first + header.rows; ++i)
      if (--missing[edge.token[i]] == 0)
        ready.push_back(edge.token[i]);
  }

  /// Sums of tokens whose rows are all there.
  bool work() override {
    const size_t end = std::min(ready.size(), summed + TokensAtATime);
    if (summed == end)
      return false;
    for (; summed < end; ++summed) {
      const RowList now = listOf(ready[summed]);
      RowList next = summed + 1 < ready.size() ? listOf(ready[summed + 1]) : now;
      fillUp(next, now);
      weightedSum(bench.problem.options.element, bench.resultRow(ready[summed]), now, next, bytes(), true);
    }
    return true;
  }

  NodesCombine &bench;
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
