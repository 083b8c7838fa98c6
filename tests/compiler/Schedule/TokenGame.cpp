#include "TokenGame.h"

#include <algorithm>
#include <set>

namespace faro::test {

bool getsStuck(const compiler::MarkedGraph &graph, size_t firings, const std::function<void(const Counts &)> &seen) {
  const size_t actors = graph.actors().size();
  auto mayBegin = [&](const Counts &counts, size_t actor) {
    return counts.begun[actor] == counts.ended[actor] && counts.begun[actor] < firings &&
           std::ranges::all_of(
               graph.edges(),
               [&](const compiler::TokenEdge &edge) {
                 return edge.to != actor || counts.ended[edge.from] + edge.tokens > counts.begun[actor];
               });
  };
  bool stuck = false;
  std::vector<Counts> open{{std::vector<size_t>(actors, 0), std::vector<size_t>(actors, 0)}};
  std::set<Counts> known{open.front()};
  while (!open.empty()) {
    const Counts now = std::move(open.back());
    open.pop_back();
    seen(now);
    bool moved = false;
    auto go = [&](std::vector<size_t> Counts::*which, size_t actor) {
      Counts next = now;
      ++(next.*which)[actor];
      moved = true;
      if (known.insert(next).second)
        open.push_back(std::move(next));
    };
    for (size_t actor = 0; actor < actors; ++actor) {
      if (now.begun[actor] > now.ended[actor])
        go(&Counts::ended, actor);
      if (mayBegin(now, actor))
        go(&Counts::begun, actor);
    }
    stuck |= !moved && std::ranges::any_of(now.ended, [&](size_t count) { return count < firings; });
  }
  return stuck;
}

} // namespace faro::test
