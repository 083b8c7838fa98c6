// A small exhaustive model checker for protocols of flags in shared memory: every order in which a few actors'
// operations may take effect, on a memory that is as weak as a device's seen from its system.
//
//   programs, one an actor ──► check ──► nothing, or the shortest way to a fault, as text
//
// An actor's operations take effect in any order, each at once for everybody, but for what this keeps in order:
//
//   an acquire     before everything that follows in its program
//   a release      after everything that precedes it, reads too
//   one location   operations on it as the program has them; a read may see its actor's own write before others do
//   any wait       before the writes that follow, acquire or not: nobody stores what it only guesses
//
// So plain writes become visible early, late and in any order, and plain reads are made ahead of a relaxed wait or
// behind a relaxed write. What an actor has acquired all others may see: releases and acquires are cumulative. Real
// memory may besides show a write to one actor before another; who hears of it by releases and acquires cannot tell.
//
// Data are tags: a write stores one, a read says which it must find. Another one, older or newer, is a race; each word
// of a row has its own, so a torn row is one too. When nobody can go on and not all are done, it is a deadlock.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace faro::test {

enum class Order : uint8_t { Relaxed, Acquire, Release };

/// A location, or with `slotIn` the location as far behind it as the number that is found there: a slot of a ring.
struct Place {
  uint8_t at = 0;
  int16_t slotIn = -1;
};

struct Operation {
  enum Kind : uint8_t { Write, Add, Read, Await, AwaitAtLeast, Take } kind;
  Place place;
  uint8_t tag; ///< what is written, added, to be found, or waited for
  Order order = Order::Relaxed;
  uint8_t slots = 0, most = 0; ///< of Take
};

/// What one thread does: a proxy's, a kernel's, a rank's. No branches: a loop is written out.
struct Actor {
  std::string name;
  std::vector<Operation> program;

  void write(Place place, uint8_t tag, Order order = Order::Relaxed) {
    program.push_back({Operation::Write, place, tag, order});
  }
  /// Adds 1, atomically.
  void add(Place place, Order order) { program.push_back({Operation::Add, place, 1, order}); }
  void read(Place place, uint8_t tag) { program.push_back({Operation::Read, place, tag}); }
  void await(Place place, uint8_t tag, Order order) { program.push_back({Operation::Await, place, tag, order}); }
  void awaitAtLeast(Place place, uint8_t tag, Order order) {
    program.push_back({Operation::AwaitAtLeast, place, tag, order});
  }
  /// Waits until one of the slots that `place` begins is 0, sets any such one to `owner` and `place.slotIn` to its
  /// number, atomically. Waits as well while the owner has `most` of them.
  void take(Place place, uint8_t owner, uint8_t slots, uint8_t most, Order order) {
    program.push_back({Operation::Take, place, owner, order, slots, most});
  }
};

struct Model {
  std::vector<std::string> names; ///< of locations
  std::vector<uint8_t> initial;
  std::deque<Actor> actors; ///< stay where they are
  /// Of each state of the memory: what is wrong with it, or nothing.
  std::function<std::string(std::span<const uint8_t> memory)> invariant;

  uint8_t location(std::string name, uint8_t value = 0) {
    names.push_back(std::move(name));
    initial.push_back(value);
    return uint8_t(names.size() - 1);
  }
  Actor &actor(std::string name) { return actors.emplace_back(Actor{std::move(name), {}}); }
};

struct Outcome {
  size_t states = 0; ///< found, all different
  std::string fault; ///< and the steps that lead to it; empty when there is none
};

/// Breadth first, so that no way to a fault is shorter than the one that is told.
Outcome check(const Model &model);

} // namespace faro::test
