#include "Simulator.h"

#include "Events.h"

#include <algorithm>
#include <bitset>
#include <stdexcept>

namespace faro::test {
namespace {

constexpr size_t MostEvents = 512, MostOrders = 20000;
using Events = std::bitset<MostEvents>;

/// One way in which a job can go: what has happened, after what, and who got which slot.
struct Play {
  Events happened;
  std::vector<Events> before; ///< all events that come before each, in every order
  struct Slot {
    std::optional<size_t> holder;  ///< a slice
    std::optional<size_t> freedBy; ///< the event that gave it back last
  };
  std::map<std::string, std::vector<Slot>> slots;
  /// The cell that each access of each event names, now that slots are known.
  std::vector<std::vector<std::string>> cells;
};

class Player {
public:
  explicit Player(const EventList &list) : list(list) {}

  Simulation run() {
    if (list.senseless) {
      simulation.harm = list.senseless;
      return simulation;
    }
    if (list.events.size() > MostEvents)
      throw std::runtime_error("the job has more events than the simulator is made for");
    Play play;
    play.before.resize(list.events.size());
    play.cells.resize(list.events.size());
    for (const auto &[ring, count] : list.sharedSlots)
      play.slots[ring].resize(count);
    go(std::move(play));
    return simulation;
  }

private:
  bool ready(const Play &play, size_t event) const {
    return !play.happened[event] &&
           std::ranges::all_of(list.events[event].after, [&](size_t each) { return play.happened[each]; });
  }

  /// Lets everything happen that needs no choice: it takes no slot away from anybody, so it cannot be too early. Then
  /// plays each choice. Flows of a rank wait for the same stages of that rank, so whoever may choose first at one rank
  /// is the same whatever other ranks do meanwhile: ranks need not be tried in turn.
  void go(Play play) {
    for (bool moved = true; moved;) {
      moved = false;
      for (size_t event = 0; event < list.events.size(); ++event)
        if (list.events[event].takes.empty() && ready(play, event)) {
          happen(play, event, {});
          moved = true;
        }
    }
    if (simulation.harm)
      return;
    std::optional<std::string> ring;
    for (size_t event = 0; event < list.events.size(); ++event)
      if (!list.events[event].takes.empty() && ready(play, event) && !choices(play, event).empty())
        if (!ring || list.events[event].takes.front() < *ring)
          ring = list.events[event].takes.front();
    if (!ring)
      return finish(play);
    for (size_t event = 0; event < list.events.size(); ++event)
      if (!list.events[event].takes.empty() && list.events[event].takes.front() == *ring && ready(play, event))
        for (const std::vector<size_t> &choice : choices(play, event)) {
          Play next = play;
          happen(next, event, choice);
          go(std::move(next));
          if (simulation.harm)
            return;
        }
  }

  /// The ways to take a slot of each ring that an event needs.
  std::vector<std::vector<size_t>> choices(const Play &play, size_t event) const {
    std::vector<std::vector<size_t>> all = {{}};
    for (const std::string &ring : list.events[event].takes) {
      std::vector<std::vector<size_t>> more;
      const std::vector<Play::Slot> &slots = play.slots.at(ring);
      bool unused = false; // slots that nobody has had are alike
      for (size_t slot = 0; slot < slots.size(); ++slot) {
        if (slots[slot].holder || (!slots[slot].freedBy && unused))
          continue;
        unused |= !slots[slot].freedBy;
        for (std::vector<size_t> choice : all) {
          choice.push_back(slot);
          more.push_back(std::move(choice));
        }
      }
      all = std::move(more);
    }
    return all;
  }

  void happen(Play &play, size_t index, const std::vector<size_t> &taken) {
    const Event &event = list.events[index];
    auto comesAfter = [&](size_t other) {
      play.before[index] |= play.before[other];
      play.before[index].set(other);
    };
    for (size_t other : event.after)
      comesAfter(other);
    for (size_t i = 0; i < taken.size(); ++i) {
      Play::Slot &slot = play.slots[event.takes[i]][taken[i]];
      slot.holder = event.slice;
      if (slot.freedBy)
        comesAfter(*slot.freedBy);
    }
    play.happened.set(index);
    for (const Access &access : event.accesses)
      play.cells[index].push_back(cellOf(play, access.cell, event.slice));
    for (const std::string &ring : event.gives) {
      std::vector<Play::Slot> &slots = play.slots[ring];
      const auto held = std::ranges::find(slots, std::optional(event.slice), &Play::Slot::holder);
      if (held == slots.end()) {
        simulation.harm = event.name + " gives back a slot of " + ring + " that it does not have";
        return;
      }
      held->holder.reset();
      held->freedBy = index;
    }
  }

  std::string cellOf(const Play &play, const std::string &cell, size_t slice) const {
    const auto ring = play.slots.find(cell);
    if (ring == play.slots.end())
      return cell;
    const auto held = std::ranges::find(ring->second, std::optional(slice), &Play::Slot::holder);
    // Whoever holds no slot gets at one all the same: any will do to find the harm.
    const size_t slot = held == ring->second.end() ? slice % std::max<size_t>(1, ring->second.size())
                                                   : size_t(held - ring->second.begin());
    return cell + ", slot " + std::to_string(slot);
  }

  void finish(const Play &play) {
    if (++simulation.orders > MostOrders)
      throw std::runtime_error("the job has more orders than the simulator is made for");
    for (size_t event = 0; event < list.events.size(); ++event)
      if (!play.happened[event]) {
        simulation.harm = list.events[event].name + " never happens";
        return;
      }
    for (const auto &[ring, slots] : play.slots)
      if (std::ranges::any_of(slots, [](const Play::Slot &slot) { return slot.holder.has_value(); })) {
        simulation.harm = "a slot of " + ring + " is never given back";
        return;
      }
    for (const auto &[first, second] : list.mustPrecede)
      if (!play.before[second][first]) {
        simulation.harm = list.events[second].name + " may come before " + list.events[first].name;
        return;
      }
    checkMemory(play);
  }

  void checkMemory(const Play &play) {
    struct Use {
      size_t event;
      const Access *access;
    };
    std::map<std::string, std::vector<Use>> uses;
    for (size_t event = 0; event < list.events.size(); ++event)
      for (size_t i = 0; i < list.events[event].accesses.size(); ++i)
        uses[play.cells[event][i]].push_back({event, &list.events[event].accesses[i]});
    for (const auto &[cell, all] : uses)
      for (const Use &use : all) {
        const Use *last = nullptr; // of the writes before it
        for (const Use &other : all) {
          if (&other == &use || !other.access->write)
            continue;
          const bool earlier = play.before[use.event][other.event];
          if (!earlier && !play.before[other.event][use.event]) {
            simulation.harm = list.events[use.event].name + " and " + list.events[other.event].name +
                              " touch the same memory at the same time: " + cell;
            return;
          }
          if (earlier && (!last || play.before[other.event][last->event]))
            last = &other; // writes are in order: all pairs are looked at
        }
        if (!use.access->write && (!last || last->access->value != use.access->value)) {
          simulation.harm = list.events[use.event].name + " finds " + (last ? last->access->value : "nothing") +
                            ", not " + use.access->value + ", in " + cell;
          return;
        }
      }
  }

  const EventList &list;
  Simulation simulation;
};

} // namespace

Simulation simulate(const ScheduleText &schedule, const SimulatedJob &job) {
  const EventList list = makeEvents(schedule, job);
  return Player(list).run();
}

} // namespace faro::test
