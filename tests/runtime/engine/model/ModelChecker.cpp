#include "ModelChecker.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <string_view>
#include <unordered_set>

namespace faro::test {

namespace {

constexpr size_t MostLocations = 64, MostActors = 8, MostOperations = 255;
/// How far behind its first operation that has not happened an actor looks for others that may happen now. Waits stop
/// it earlier in all our programs.
constexpr size_t Window = 32;

struct State {
  std::array<uint8_t, MostLocations> memory{};
  std::array<uint8_t, MostActors> first{};  ///< of each actor: the first operation that has not happened
  std::array<uint32_t, MostActors> ahead{}; ///< bit i: the i-th one behind it has happened
  bool operator==(const State &) const = default;
};
static_assert(std::has_unique_object_representations_v<State>, "its bytes are hashed");

struct Step {
  uint32_t before = 0; ///< index of the state it was made in
  uint8_t actor = 0, operation = 0;
};

bool waits(const Operation &each) {
  return each.kind == Operation::Await || each.kind == Operation::AwaitAtLeast || each.kind == Operation::Take;
}
bool onlyReads(const Operation &each) {
  return each.kind == Operation::Read || each.kind == Operation::Await || each.kind == Operation::AwaitAtLeast;
}

class Search {
public:
  explicit Search(const Model &model) : model(model), seen(1024, Hash{states}, Equal{states}) {}
  Outcome run();

private:
  // The set holds numbers of states, not a second copy of them.
  struct Hash {
    const std::deque<State> &states;
    size_t operator()(uint32_t i) const {
      return std::hash<std::string_view>()({reinterpret_cast<const char *>(&states[i]), sizeof(State)});
    }
  };
  struct Equal {
    const std::deque<State> &states;
    bool operator()(uint32_t a, uint32_t b) const { return states[a] == states[b]; }
  };

  static bool happened(const State &state, size_t actor, size_t i) {
    const size_t first = state.first[actor];
    return i < first || (i > first && i - first < Window && state.ahead[actor] >> (i - first) & 1);
  }
  uint8_t locationOf(const State &state, Place place) const {
    return uint8_t(place.at + (place.slotIn < 0 ? 0 : state.memory[place.slotIn]));
  }
  bool inOrder(const State &state, size_t actor, size_t i) const;
  uint8_t visible(const State &state, size_t actor, size_t i) const;
  void happen(State state, Step step);
  /// False when the operation has to wait.
  bool tryStep(const State &state, Step step);
  std::string say(const State &state, const Step &step) const;
  std::string deadlock(const State &state) const;
  std::string tell(uint32_t at, const std::string &fault) const;

  const Model &model;
  std::deque<State> states; ///< those before the one that is looked at have been expanded
  std::deque<Step> steps;   ///< that led to each
  std::unordered_set<uint32_t, Hash, Equal> seen;
};

/// Whether nothing that has not happened yet keeps operation i of the actor from happening.
bool Search::inOrder(const State &state, size_t actor, size_t i) const {
  const auto &program = model.actors[actor].program;
  const Operation &later = program[i];
  for (size_t j = state.first[actor]; j < i; ++j) {
    if (happened(state, actor, j))
      continue;
    const Operation &earlier = program[j];
    if (later.order == Order::Release || earlier.order == Order::Acquire || (waits(earlier) && !onlyReads(later)))
      return false;
    const bool ownWriteIsSeen = earlier.kind == Operation::Write && onlyReads(later);
    if (locationOf(state, earlier.place) == locationOf(state, later.place) && !ownWriteIsSeen)
      return false;
  }
  return true;
}

/// What operation i of the actor finds: the last that the actor itself is about to write there, or what all see.
uint8_t Search::visible(const State &state, size_t actor, size_t i) const {
  const auto &program = model.actors[actor].program;
  const uint8_t at = locationOf(state, program[i].place);
  for (size_t j = i; j-- > state.first[actor];)
    if (program[j].kind == Operation::Write && !happened(state, actor, j) && locationOf(state, program[j].place) == at)
      return program[j].tag;
  return state.memory[at];
}

/// Notes the state after the step, unless it was met before.
void Search::happen(State state, Step step) {
  uint8_t &first = state.first[step.actor];
  uint32_t &ahead = state.ahead[step.actor];
  ahead |= 1u << (step.operation - first);
  for (; ahead & 1; ahead >>= 1)
    ++first;
  states.push_back(state);
  steps.push_back(step);
  if (!seen.insert(uint32_t(states.size() - 1)).second) {
    states.pop_back();
    steps.pop_back();
  }
}

bool Search::tryStep(const State &before, Step step) {
  const Operation &each = model.actors[step.actor].program[step.operation];
  const uint8_t found = visible(before, step.actor, step.operation);
  State state = before;
  switch (each.kind) {
  case Operation::Write:
    state.memory[locationOf(state, each.place)] = each.tag;
    break;
  case Operation::Add:
    state.memory[each.place.at] += each.tag;
    break;
  case Operation::Read: // its tag was compared
    break;
  case Operation::Await:
    if (found != each.tag)
      return false;
    break;
  case Operation::AwaitAtLeast:
    if (found < each.tag)
      return false;
    break;
  case Operation::Take: {
    const auto owners = std::span(state.memory).subspan(each.place.at, each.slots);
    const bool mayHaveOne = std::ranges::count(owners, each.tag) < each.most;
    bool taken = false;
    for (uint8_t slot = 0; mayHaveOne && slot < each.slots; ++slot) {
      if (owners[slot] != 0)
        continue;
      State next = before;
      next.memory[each.place.at + slot] = each.tag;
      next.memory[each.place.slotIn] = slot;
      happen(next, step);
      taken = true;
    }
    return taken;
  }
  }
  happen(state, step);
  return true;
}

std::string Search::say(const State &state, const Step &step) const {
  const Actor &actor = model.actors[step.actor];
  const Operation &each = actor.program[step.operation];
  const std::string &name = model.names[locationOf(state, each.place)];
  switch (each.kind) {
  case Operation::Write:
    return fmt::format("{}: {} = {}", actor.name, name, each.tag);
  case Operation::Add:
    return fmt::format("{}: {} += {}", actor.name, name, each.tag);
  case Operation::Read:
    return fmt::format("{}: reads {} = {}, expects {}", actor.name, name, visible(state, step.actor, step.operation),
                       each.tag);
  case Operation::Await:
    return fmt::format("{}: awaits {} = {}", actor.name, name, each.tag);
  case Operation::AwaitAtLeast:
    return fmt::format("{}: awaits {} >= {}", actor.name, name, each.tag);
  case Operation::Take:
    return fmt::format("{}: takes a slot of {} and those behind it", actor.name, model.names[each.place.at]);
  }
  return {};
}

std::string Search::deadlock(const State &state) const {
  std::string text = "nobody can go on:";
  for (size_t a = 0; a < model.actors.size(); ++a)
    if (const uint8_t first = state.first[a]; first < model.actors[a].program.size())
      text += fmt::format("\n      {}, finds {}", say(state, {0, uint8_t(a), first}), visible(state, a, first));
  return text;
}

/// The fault, and how the state was reached.
std::string Search::tell(uint32_t at, const std::string &fault) const {
  std::vector<std::string> lines;
  for (; at != 0; at = steps[at].before)
    lines.push_back(say(states[steps[at].before], steps[at]));
  std::string text = fault;
  for (size_t i = lines.size(); i-- > 0;)
    text += fmt::format("\n  {:2}. {}", lines.size() - i, lines[i]);
  return text;
}

Outcome Search::run() {
  State start;
  std::ranges::copy(model.initial, start.memory.begin());
  states.push_back(start);
  steps.emplace_back();
  seen.insert(0);
  for (uint32_t at = 0; at < states.size(); ++at) {
    const State &state = states[at];
    if (const std::string wrong = model.invariant ? model.invariant(state.memory) : ""; !wrong.empty())
      return {states.size(), tell(at, wrong)};
    bool over = true, stuck = true;
    for (uint8_t a = 0; a < model.actors.size(); ++a) {
      const auto &program = model.actors[a].program;
      const size_t end = std::min(program.size(), state.first[a] + Window);
      over &= state.first[a] == program.size();
      for (size_t i = state.first[a]; i < end; ++i) {
        if (happened(state, a, i))
          continue;
        if (inOrder(state, a, i)) {
          const Step step{at, a, uint8_t(i)};
          if (program[i].kind == Operation::Read && visible(state, a, i) != program[i].tag)
            return {states.size(), tell(at, say(state, step))};
          stuck &= !tryStep(state, step);
        }
        if (program[i].order == Order::Acquire)
          break; // what follows waits for it
      }
    }
    if (stuck && !over)
      return {states.size(), tell(at, deadlock(state))};
  }
  return {states.size(), ""};
}

} // namespace

Outcome check(const Model &model) {
  size_t longest = 0;
  for (const Actor &actor : model.actors)
    longest = std::max(longest, actor.program.size());
  if (model.names.size() > MostLocations || model.actors.size() > MostActors || longest > MostOperations)
    return {0,
            fmt::format("{} locations, {} actors and programs of {} operations; expected at most {}, {} and {}",
                        model.names.size(), model.actors.size(), longest, MostLocations, MostActors, MostOperations)};
  return Search(model).run();
}

} // namespace faro::test
