// The events of one simulated job, what each waits for, and what each does to memory.
#pragma once

#include "Simulator.h"

#include <deque>
#include <map>

namespace faro::test {

/// An access to a place in memory. Places have names ("W1, from rank 0"), which keep the simulator readable.
struct Access {
  std::string cell; ///< of a slot of a shared ring: the ring's name, as in `Event::takes`
  bool write;
  std::string value; ///< what is written, or what must be there
};

struct Event {
  std::string name;
  std::vector<size_t> after; ///< events that must have happened
  std::vector<Access> accesses;
  /// Rings that all flows of a rank share ("%tx of rank 0"), of which it takes a slot or gives one back.
  std::vector<std::string> takes, gives;
  size_t slice = 0; ///< which slice of which flow it is about, as one number: who holds a slot
};

struct EventList {
  std::deque<Event> events;                  // which stay where they are while others are added
  std::map<std::string, size_t> sharedSlots; ///< how many slots each shared ring has
  /// Pairs of events of which the first must come before the second: a slot is given back after it was taken.
  std::vector<std::pair<size_t, size_t>> mustPrecede;
  std::optional<std::string> senseless; ///< the schedule says something that has no meaning
};

EventList makeEvents(const ScheduleText &schedule, const SimulatedJob &job);

} // namespace faro::test
