#include "tests/bench/device/torch_methods.h"

#include "tests/bench/memory.h"
#include "tests/bench/require.h"

#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <numeric>

namespace faro::bench {
namespace {

using nlohmann::json;

/// One operation as torch has it: what is in the memory of both, and the check of what came out.
class TorchShuffle {
public:
  TorchShuffle(DeviceBench &b, TorchPeer &p) : bench(b), peer(p) {}
  virtual ~TorchShuffle() = default;

  DeviceBench &bench;
  TorchPeer &peer;

  virtual Check checkOutput() = 0;
  Check check() {
    std::memset(at(output), WipeByte, outputBytes); // an answer that gives nothing passes no check
    peer.ask({{"do", "give"}});
    return checkOutput();
  }

protected:
  size_t items() const { return bench.ranks * bench.tokens * bench.topk; }
  char *at(size_t section) const { return peer.memory.data() + section; }
  template <typename T> void put(const char *section, const std::vector<T> &values) {
    std::memcpy(at(sections.at(section).get<size_t>()), values.data(), values.size() * sizeof(T));
  }

  /// Room for a section; valid after `map`.
  size_t reserve(const char *name, size_t size) {
    const size_t begin = total;
    sections[name] = begin;
    total += (size + 4095) / 4096 * 4096;
    return begin;
  }
  void map(size_t outBytes) {
    output = reserve("out", outputBytes = outBytes);
    require(peer.memory.grow(total), "--torch");
  }
  /// Compiles, and runs each way, so that this may take minutes.
  void setUp(const char *op, json more) {
    const Options &o = bench.problems.front().options;
    more.update({{"do", op},
                 {"at", sections},
                 {"element", elementName(o.element)},
                 {"hidden", o.hidden},
                 {"topk", bench.topk},
                 {"tokens", bench.ranks * bench.tokens},
                 {"flush_bytes", 2 * bench.gpu.cacheBytes}});
    bench.settle();
    peer.ask(more);
  }

  size_t output = 0, outputBytes = 0;

private:
  json sections = json::object();
  size_t total = 0;
};

class TorchMethod final : public Method {
public:
  TorchMethod(std::shared_ptr<TorchShuffle> s, const char *shown, const char *w)
      : Method(shown, Kind::Peer), shuffle(std::move(s)), way(w) {}

  bool plans() const override { return false; }
  void wipe() override { shuffle->peer.ask({{"do", "wipe"}}); }
  /// By torch itself, right before its run and in its stream: elsewhere it would only stand in the way of the others.
  void flush() override { cold = true; }
  void run() override {
    shuffle->bench.settle();
    const json answer = shuffle->peer.ask({{"do", "run"}, {"way", way}, {"flush", cold}});
    cold = false;
    const json ms = answer.value("ms", json());
    if (!ms.is_number() || !std::isfinite(ms.get<double>()) || ms.get<double>() <= 0)
      endJob(fmt::format("--torch: \"{}\" was answered with {}; expected \"ms\", a time above 0", name, answer.dump()));
    ownRunMs = ms.get<double>();
  }
  Check check() override { return shuffle->check(); }

private:
  const std::shared_ptr<TorchShuffle> shuffle;
  const char *const way;
  bool cold = false;
};

/// All ranks' rows are one tensor: the wire as it arrives, and the rows of the experts packed, without padding.
class TorchDispatch final : public TorchShuffle {
public:
  TorchDispatch(DeviceDispatch &b, TorchPeer &p) : TorchShuffle(b, p), dispatch(b) {
    const size_t tokensBytes = b.tokens * b.bytes;
    const size_t tokens = reserve("tokens", b.ranks * tokensBytes);
    for (const char *list : {"to_wire", "to_final", "direct"})
      reserve(list, items() * sizeof(int64_t));
    map(items() * b.bytes);
    for (size_t rank = 0; rank < b.ranks; ++rank)
      std::memcpy(at(tokens) + rank * tokensBytes, b.of(rank).tokens.data(), tokensBytes);
    putLists();
    setUp("dispatch", json::object());
  }

  Check checkOutput() override {
    Check found;
    const char *packed = at(output);
    for (size_t rank = 0; rank < bench.ranks; ++rank) {
      const std::vector<Item> &received = bench.problems[rank].received;
      std::vector<char> rows(received.size() * bench.bytes); // zeros, as padding is
      for (size_t row = 0; row < received.size(); ++row)
        if (received[row].source >= 0) {
          std::memcpy(rows.data() + row * bench.bytes, packed, bench.bytes);
          packed += bench.bytes;
        }
      found.wrongRows += dispatch.of(rank).check(rows.data(), received.size(), bench.bytes).wrongRows;
    }
    return found;
  }

private:
  void putLists() {
    // Of each row on the wire, of each row of the experts, and of the latter at once: where it comes from.
    std::vector<int64_t> toWire(items()), toFinal, direct;
    std::vector<size_t> begins; // of each rank's rows on the wire
    for (size_t rank = 0, begin = 0; rank < bench.ranks; begin += bench.places.arrivedRows[rank++])
      begins.push_back(begin);
    for (size_t rank = 0; rank < bench.ranks; ++rank)
      for (const Item &item : bench.problems[rank].received) {
        if (item.source < 0)
          continue;
        const size_t source = size_t(item.source), token = size_t(item.token);
        const size_t arrived = bench.places.items[source][token * bench.topk + size_t(item.choice)].arrived;
        toFinal.push_back(int64_t(begins[rank] + arrived));
        direct.push_back(int64_t(source * bench.tokens + token));
        toWire[size_t(toFinal.back())] = direct.back();
      }
    put("to_wire", toWire);
    put("to_final", toFinal);
    put("direct", direct);
  }

  DeviceDispatch &dispatch;
};

/// The tokens of the rows of the experts, packed, and where each expert's begin: what an index_select and grouped
/// products of matrices need.
class TorchPlanning final : public TorchShuffle {
public:
  TorchPlanning(DeviceDispatch &b, TorchPeer &p) : TorchShuffle(b, p) {
    reserve("topk_idx", items() * sizeof(int64_t));
    const size_t experts = size_t(b.problems.front().options.experts);
    map((items() + experts + 1) * sizeof(int64_t));
    std::vector<int64_t> choices;
    std::vector<int64_t> begins(experts + 1);
    for (const Problem &problem : b.problems)
      for (const int32_t expert : problem.topk) {
        choices.push_back(expert);
        ++begins[size_t(expert) + 1];
      }
    std::partial_sum(begins.begin(), begins.end(), begins.begin());
    for (const Problem &problem : b.problems) // experts are in blocks over the ranks
      for (const Item &item : problem.received)
        if (item.source >= 0)
          expected.push_back(int64_t(item.source) * int64_t(b.tokens) + item.token);
    expected.insert(expected.end(), begins.begin(), begins.end());
    put("topk_idx", choices);
    setUp("plan", {{"experts", experts}});
  }

  Check checkOutput() override {
    Check found;
    std::vector<int64_t> given(expected.size());
    std::memcpy(given.data(), at(output), outputBytes);
    for (size_t i = 0; i < expected.size(); ++i)
      found.wrongRows += given[i] != expected[i];
    return found;
  }

private:
  std::vector<int64_t> expected;
};

class TorchCombine final : public TorchShuffle {
public:
  TorchCombine(DeviceCombine &b, TorchPeer &p) : TorchShuffle(b, p), combine(b) {
    std::vector<size_t> begins; // of each rank's rows of the experts
    size_t count = 0;
    for (const Problem &problem : b.problems) {
      begins.push_back(count);
      count += problem.received.size();
    }
    const size_t rows = reserve("rows", count * b.bytes);
    reserve("to_wire", items() * sizeof(int64_t));
    reserve("weights", items() * sizeof(float));
    map(b.ranks * b.tokens * b.bytes);
    std::vector<int64_t> toWire;
    std::vector<float> weights;
    for (size_t rank = 0; rank < b.ranks; ++rank) {
      b.of(rank).fillExpertRows(at(rows) + begins[rank] * b.bytes, b.bytes);
      for (const ItemPlace &item : b.places.items[rank])
        toWire.push_back(int64_t(begins[item.rank] + item.row));
      weights.insert(weights.end(), b.problems[rank].weights.begin(), b.problems[rank].weights.end());
    }
    put("to_wire", toWire);
    put("weights", weights);
    setUp("combine", {{"rows", count}});
  }

  /// Exact, or within what the order of a sum, and products that are not rounded, can do.
  Check checkOutput() override {
    Check exact, rounded;
    for (size_t rank = 0; rank < bench.ranks; ++rank) {
      CombineData &data = combine.of(rank);
      const size_t bytes = bench.tokens * bench.bytes;
      std::memcpy(data.result.data(), at(output) + rank * bytes, bytes);
      exact.wrongRows += data.checkDefinition().wrongRows;
      const Check near = data.checkReordered();
      rounded.wrongRows += near.wrongRows;
      rounded.error = std::max(rounded.error.value_or(0), near.error.value_or(0));
    }
    return exact.wrongRows ? rounded : exact;
  }

private:
  DeviceCombine &combine;
};

/// {what tables call it, what torch_peer.py does}
using Ways = std::vector<std::pair<const char *, const char *>>;

void add(Methods &methods, const std::shared_ptr<TorchShuffle> &shuffle, const Ways &ways) {
  for (const auto &[name, way] : ways)
    methods.push_back(std::make_unique<TorchMethod>(shuffle, name, way));
}

} // namespace

void addTorchDispatch(DeviceDispatch &bench, TorchPeer &peer, Methods &methods) {
  const auto shuffle = std::make_shared<TorchDispatch>(bench, peer);
  add(methods, shuffle, {{"torch: index_select, copy, index_select", "steps"}, {"torch: one index_select", "once"}});
  if (bench.bytes % sizeof(int64_t) == 0) // kernels that move an element at a time are faster with larger ones
    add(methods, shuffle,
        {{"torch: index_select, copy, index_select; as int64", "steps, words"},
         {"torch: one index_select; as int64", "once, words"}});
  add(methods, shuffle, {{"torch.compile: fused permute", "compiled"}});
}

void addTorchPlanning(DeviceDispatch &bench, TorchPeer &peer, Methods &methods) {
  const auto shuffle = std::make_shared<TorchPlanning>(bench, peer);
  add(methods, shuffle, {{"torch: argsort, bincount, cumsum", "steps"}});
  if (bench.problems.front().options.experts < INT16_MAX)
    add(methods, shuffle, {{"torch: sort of int16, searchsorted", "short"}});
}

void addTorchCombine(DeviceCombine &bench, TorchPeer &peer, Methods &methods) {
  add(methods, std::make_shared<TorchCombine>(bench, peer),
      {{"torch: index_select, copy, weighted sum", "steps"},
       {"torch: index_select, copy, weighted sum; in order", "in order"},
       {"torch.compile: fused weighted sum", "compiled"}});
}

} // namespace faro::bench
