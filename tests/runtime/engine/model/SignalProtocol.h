// The flags of a node's ranks (runtime/engine/SignalBoard.h), and what is done between them, for the model checker.
//
//   push   notify open, await open, rows to all peers, notify done, await done, read my rows       (dispatch)
//   pull   my results, notify open, await open, read all peers' results, notify done, await done   (combine)
//   meet   my letter, notify meet, await meet, read all letters and what came with the flags       (gather, counts)
//
// Nothing else separates one call from the next. What is not here: how ranks sleep. It ends by itself after some
// milliseconds, so it may cost time, and nothing else.
#pragma once

#include "ModelChecker.h"

namespace faro::test {

enum class Call : uint8_t { Push, Pull, Meet };

/// What decides that all have raised a flag: the counter of arrivals, each rank's word, or both, one after the other.
enum class Look : uint8_t { Words, Counter, CounterThenWords };

/// The protocol as it is; mutants differ from it.
struct SignalProtocol {
  uint8_t ranks = 2;
  std::vector<Call> calls = {Call::Push, Call::Push, Call::Push};
  uint8_t wordsOfRow = 1;
  bool readsValues = true; ///< what came with the flags of a meeting

  uint8_t words = 2;   ///< of a flag and source; epochs take turns
  uint8_t letters = 2; ///< of a rank; epochs take turns
  Look look = Look::Words;
  uint8_t mostAhead = 1;               ///< epochs of a flag, of one rank before another
  bool hasOpen = true, hasDone = true; ///< notify and await
  bool awaitsAll = true;               ///< or all but the next rank
  bool flagFirst = false;              ///< notify before the data that it is about
  Order notifyOpen = Order::Release, awaitOpen = Order::Acquire;
  Order notifyDone = Order::Release, awaitDone = Order::Acquire; ///< `meet` too
};

Model modelOf(const SignalProtocol &protocol);

} // namespace faro::test
