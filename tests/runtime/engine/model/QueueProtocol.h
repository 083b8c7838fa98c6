// Pushes that kernels take from a queue (runtime/device/cuda/PushQueue.h), for the model checker.
//
//   host ─ fills an entry and its rows, posted ─► block 0, block 1 ─ each its part of the rows, done ─► host
//
// Push n is in entry n mod K, and so are the rows that it reads and stores: a proxy uses slots again. A block may leave
// after any push; the launch behind then begins when all blocks of the first have ended, and goes on where each was.
#pragma once

#include "ModelChecker.h"

namespace faro::test {

/// The protocol as it is; mutants differ from it.
struct QueueProtocol {
  uint8_t entries = 2, pushes = 4;
  std::vector<uint8_t> leavesAfter = {4, 4}; ///< pushes, by block. Less than all: the rest is the next launch's

  bool awaitsAll = true;    ///< the host, all blocks, before it uses an entry again
  bool awaits = true;       ///< it waits at all
  bool awaitsLaunch = true; ///< a launch, the end of the one before
  bool postedFirst = false; ///< flag before data
  bool doneFirst = false;
  Order posted = Order::Release, done = Order::Release, left = Order::Release;
  Order awaitPosted = Order::Acquire, awaitDone = Order::Acquire, awaitLeft = Order::Acquire;
};

Model modelOf(const QueueProtocol &protocol);

} // namespace faro::test
