#include "SignalProtocol.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace faro::test {

namespace {

enum Flag : uint8_t { Open, Done, Meet, Flags };
constexpr const char *FlagNames[] = {"open", "done", "meet"};

/// Where things lie: all ranks' in one numbering.
struct Layout {
  std::vector<Flag> flags;               ///< in use
  std::array<uint8_t, Flags> words{};    ///< of a flag: [rank that awaits][rank that raises][epoch % words]
  std::array<uint8_t, Flags> arrivals{}; ///< of a flag: [rank that awaits]
  uint8_t rows = 0;                      ///< [rank that keeps them][rank that pushed][word]
  uint8_t results = 0;                   ///< [rank]
  uint8_t letters = 0;                   ///< [rank][epoch % letters]
};

/// Adds what the calls use.
Layout layOut(const SignalProtocol &p, Model &model) {
  Layout layout;
  const auto next = [&model] { return uint8_t(model.names.size()); };
  const auto uses = [&p](Call call) { return std::ranges::find(p.calls, call) != p.calls.end(); };
  const auto pairs = [&](const char *what, uint8_t each) {
    for (uint8_t to = 0; to < p.ranks; ++to)
      for (uint8_t from = 0; from < p.ranks; ++from)
        for (uint8_t i = 0; i < each; ++i)
          model.location(fmt::format("{} {}->{} [{}]", what, from, to, i));
  };
  const auto singles = [&](const std::string &what, uint8_t each) {
    for (uint8_t rank = 0; rank < p.ranks; ++rank)
      for (uint8_t i = 0; i < each; ++i)
        model.location(each == 1 ? fmt::format("{} of {}", what, rank) : fmt::format("{} of {} [{}]", what, rank, i));
  };
  for (const Flag flag : {Open, Done, Meet}) {
    if (flag == Meet ? !uses(Call::Meet) : !uses(Call::Push) && !uses(Call::Pull))
      continue;
    layout.flags.push_back(flag);
    layout.words[flag] = next();
    pairs(FlagNames[flag], p.words);
    layout.arrivals[flag] = next();
    if (p.look != Look::Words)
      singles(fmt::format("{}: arrivals", FlagNames[flag]), 1);
  }
  layout.rows = next();
  if (uses(Call::Push))
    pairs("rows", p.wordsOfRow);
  layout.results = next();
  if (uses(Call::Pull))
    singles("result", 1);
  layout.letters = next();
  if (uses(Call::Meet))
    singles("letter", p.letters);
  return layout;
}

/// A rank may be ahead of another by one epoch of a flag and never by two. It has begun an epoch once its first word of
/// it is visible anywhere.
std::string tooFarAhead(const SignalProtocol &p, const Layout &layout, std::span<const uint8_t> memory, Flag flag) {
  std::vector<uint8_t> raised(p.ranks);
  const uint8_t *word = &memory[layout.words[flag]];
  for (uint8_t to = 0; to < p.ranks; ++to)
    for (uint8_t from = 0; from < p.ranks; ++from)
      for (uint8_t i = 0; i < p.words; ++i, ++word)
        raised[from] = std::max(raised[from], *word);
  const auto [behind, before] = std::ranges::minmax_element(raised);
  if (*before - *behind <= p.mostAhead)
    return {};
  return fmt::format("rank {} raises epoch {} of {} while rank {} has raised {}", before - raised.begin(), *before,
                     FlagNames[flag], behind - raised.begin(), *behind);
}

/// One rank's program.
class Rank {
public:
  Rank(const SignalProtocol &p, const Layout &layout, Actor &actor, uint8_t me)
      : p(p), layout(layout), actor(actor), me(me) {
    for (uint8_t i = 1; i < p.ranks; ++i)
      peers.push_back(uint8_t((me + i) % p.ranks));
  }

  void add(Call call) {
    ++calls;
    if (call == Call::Push)
      push();
    else if (call == Call::Pull)
      pull();
    else
      meet();
  }

private:
  Place word(Flag flag, uint8_t to, uint8_t from) const {
    return {uint8_t(layout.words[flag] + (to * p.ranks + from) * p.words + epochs[flag] % p.words)};
  }
  Place letter(uint8_t rank) const { return {uint8_t(layout.letters + rank * p.letters + epochs[Meet] % p.letters)}; }
  Place row(uint8_t to, uint8_t from, uint8_t i) const {
    return {uint8_t(layout.rows + (to * p.ranks + from) * p.wordsOfRow + i)};
  }

  /// To the others first, then to itself, as the board does.
  void notify(Flag flag, Order order) {
    for (uint8_t i = 1; i <= p.ranks; ++i) {
      const auto to = uint8_t((me + i) % p.ranks);
      actor.write(word(flag, to, me), epochs[flag], order);
      if (p.look != Look::Words)
        actor.add({uint8_t(layout.arrivals[flag] + to)}, order);
    }
  }

  void await(Flag flag, Order order) {
    if (p.look != Look::Words)
      actor.awaitAtLeast({uint8_t(layout.arrivals[flag] + me)}, uint8_t(epochs[flag] * p.ranks), order);
    for (uint8_t from = 0; from < p.ranks && p.look != Look::Counter; ++from)
      if (p.awaitsAll || from != peers.front())
        actor.await(word(flag, me, from), epochs[flag], order);
  }

  /// The flag, and the data that it is about in the right order or the wrong one.
  template <typename Data> void tell(Flag flag, bool has, Order order, Data data) {
    epochs[flag] += has;
    if (!p.flagFirst)
      data();
    if (has)
      notify(flag, order);
    if (p.flagFirst)
      data();
  }

  void open() {
    if (p.hasOpen)
      await(Open, p.awaitOpen);
  }
  void done() {
    if (p.hasDone)
      await(Done, p.awaitDone);
  }

  void push() {
    tell(Open, p.hasOpen, p.notifyOpen, [] {});
    open();
    tell(Done, p.hasDone, p.notifyDone, [this] {
      for (const uint8_t to : peers)
        for (uint8_t i = 0; i < p.wordsOfRow; ++i)
          actor.write(row(to, me, i), calls);
    });
    done();
    for (const uint8_t from : peers)
      for (uint8_t i = 0; i < p.wordsOfRow; ++i)
        actor.read(row(me, from, i), calls);
  }

  void pull() {
    tell(Open, p.hasOpen, p.notifyOpen, [this] { actor.write({uint8_t(layout.results + me)}, calls); });
    open();
    for (const uint8_t from : peers)
      actor.read({uint8_t(layout.results + from)}, calls);
    tell(Done, p.hasDone, p.notifyDone, [] {});
    done();
  }

  void meet() {
    tell(Meet, true, p.notifyDone, [this] { actor.write(letter(me), calls); });
    await(Meet, p.awaitDone);
    for (const uint8_t from : peers) {
      actor.read(letter(from), calls);
      if (p.readsValues)
        actor.read(word(Meet, me, from), epochs[Meet]); // SignalBoard::valueOf
    }
  }

  const SignalProtocol &p;
  const Layout &layout;
  Actor &actor;
  const uint8_t me;
  std::vector<uint8_t> peers; ///< beginning behind me
  uint8_t calls = 0;
  std::array<uint8_t, Flags> epochs{};
};

} // namespace

Model modelOf(const SignalProtocol &p) {
  Model model;
  const Layout layout = layOut(p, model);
  for (uint8_t me = 0; me < p.ranks; ++me) {
    Rank rank(p, layout, model.actor(fmt::format("rank {}", me)), me);
    for (const Call call : p.calls)
      rank.add(call);
  }
  model.invariant = [p, layout](std::span<const uint8_t> memory) {
    for (const Flag flag : layout.flags)
      if (std::string wrong = tooFarAhead(p, layout, memory, flag); !wrong.empty())
        return wrong;
    return std::string();
  };
  return model;
}

} // namespace faro::test
