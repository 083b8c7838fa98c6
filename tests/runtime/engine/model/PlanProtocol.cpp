#include "PlanProtocol.h"

#include <fmt/format.h>

namespace faro::test {

namespace {

enum Meeting : uint8_t { Counted, Pushed, Ready, Pulled, Meetings };
constexpr const char *Names[] = {"counted", "pushed", "ready", "pulled"};

/// Where things lie: all ranks' in one numbering.
struct Layout {
  uint8_t ranks, words, board, rows, results;

  uint8_t word(Meeting meeting, uint8_t to, uint8_t from) const {
    return uint8_t(words + (meeting * ranks + to) * ranks + from);
  }
  uint8_t count(uint8_t to, uint8_t from) const { return uint8_t(board + to * ranks + from); }
  uint8_t row(uint8_t to, uint8_t from) const { return uint8_t(rows + to * ranks + from); }
  uint8_t result(uint8_t rank) const { return uint8_t(results + rank); }
};

Layout layOut(const PlanProtocol &p, Model &model) {
  Layout layout{p.ranks, 0, 0, 0, 0};
  const auto pairs = [&](const std::string &what) {
    for (uint8_t to = 0; to < p.ranks; ++to)
      for (uint8_t from = 0; from < p.ranks; ++from)
        model.location(fmt::format("{} {}->{}", what, from, to));
  };
  for (const char *name : Names)
    pairs(name);
  layout.board = uint8_t(model.names.size());
  pairs("counts");
  layout.rows = uint8_t(model.names.size());
  pairs("rows");
  layout.results = uint8_t(model.names.size());
  for (uint8_t rank = 0; rank < p.ranks; ++rank)
    model.location(fmt::format("results of {}", rank));
  return layout;
}

/// What one rank's stream does.
class Stream {
public:
  Stream(const PlanProtocol &p, const Layout &layout, Actor &actor, uint8_t rank)
      : p(p), layout(layout), actor(actor), rank(rank) {}

  void run() {
    uint8_t number = 0;
    for (const PlanCall call : p.calls)
      call == PlanCall::Dispatch ? dispatch(++number) : combine(++number);
  }

private:
  /// What a rank tells itself is in order anyway.
  template <typename Body> void peers(Body body) {
    for (uint8_t step = 1; step < p.ranks; ++step)
      body(uint8_t((rank + step) % p.ranks));
  }

  void tell(Meeting meeting) {
    ++told[meeting];
    peers([&](uint8_t peer) { actor.write({layout.word(meeting, peer, rank)}, told[meeting], p.signal); });
  }
  void await(Meeting meeting) {
    peers([&](uint8_t peer) {
      if (!p.awaitsAll && p.ranks > 1 && peer == (rank + 1) % p.ranks)
        return;
      const Place word{layout.word(meeting, rank, peer)};
      p.exactly ? actor.await(word, told[meeting], p.poll) : actor.awaitAtLeast(word, told[meeting], p.poll);
    });
  }
  void meet(Meeting meeting, bool isThere) {
    if (!isThere)
      return;
    tell(meeting);
    await(meeting);
  }

  void dispatch(uint8_t number) {
    const auto store = [&] { peers([&](uint8_t peer) { actor.write({layout.count(peer, rank)}, number); }); };
    if (p.tellsFirst)
      tell(Counted);
    store();
    if (p.tellsFirst)
      await(Counted);
    else
      meet(Counted, p.hasCounted);
    peers([&](uint8_t peer) { actor.read({layout.count(rank, peer)}, number); });
    peers([&](uint8_t peer) { actor.write({layout.row(peer, rank)}, number); });
    meet(Pushed, p.hasPushed);
    peers([&](uint8_t peer) { actor.read({layout.row(rank, peer)}, number); });
  }

  /// In place, results lie where another rank stores rows in the next dispatch.
  void combine(uint8_t number) {
    const auto result = [&](uint8_t of) {
      return p.inPlace ? layout.row(of, uint8_t((of + 1) % p.ranks)) : layout.result(of);
    };
    actor.write({result(rank)}, number);
    meet(Ready, p.hasReady);
    peers([&](uint8_t peer) { actor.read({result(peer)}, number); });
    meet(Pulled, p.hasPulled);
  }

  const PlanProtocol &p;
  const Layout &layout;
  Actor &actor;
  const uint8_t rank;
  uint8_t told[Meetings] = {};
};

} // namespace

Model modelOf(const PlanProtocol &p) {
  Model model;
  const Layout layout = layOut(p, model);
  for (uint8_t rank = 0; rank < p.ranks; ++rank)
    Stream(p, layout, model.actor(fmt::format("rank {}", rank)), rank).run();
  return model;
}

} // namespace faro::test
