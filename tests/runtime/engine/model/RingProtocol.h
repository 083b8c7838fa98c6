// Slices from rank to rank through rings (runtime/engine/SliceRings.h), for the model checker.
//
//   producer ─ fills a slot of tx, posted ─► proxy ═ wire ═ fills a slot of rx, full ─► consumer
//      ▲                                     │  ▲                                        │
//      └─────────────── free ────────────────┘  └──────────────── credit ────────────────┘
//
// Slice n of a flow is posted in entry n mod K of the flow and arrives in slot n mod K of rx. The flows of a rank share
// the slots of tx; the entry says which one it is. The proxy waits for a credit before it sends. Flags hold the number
// of the last slice, counted from 1.
//
// Where the engine plays all three parts in one thread, posted and free are its own variables, and full and credit come
// over the wire. Here each part is an actor, as kernels and a thread that sends for them are, and all four are flags in
// memory: whatever order one thread may come to is among the orders of these.
#pragma once

#include "ModelChecker.h"

namespace faro::test {

/// Who plays which part of a rank.
enum class Parts : uint8_t {
  Apart,         ///< an actor for each producer and consumer of a flow: blocks that run at the same time
  Consumer,      ///< one for all consumers of a rank: slice n of each flow in turn
  Alternating,   ///< one for the producer and the consumer of a rank: it makes a slice, then reads one
  ProducerFirst, ///< the same, but it makes all slices, then reads those that came
};

/// The protocol as it is; mutants differ from it.
struct RingProtocol {
  uint8_t slots = 2, rxSlots = 2, slices = 5;
  uint8_t flows = 1;     ///< from the first rank to the second, sharing tx
  bool bothWays = false; ///< and as many back
  uint8_t wordsOfSlice = 1;
  Parts parts = Parts::Apart;
  bool answers = false;   ///< slice n of flow 0 is made once slice n of flow 1 was read and its credit is back
  bool sentFirst = false; ///< the slot of tx is free before the slice has arrived: a wire may tell either first

  bool fair = true;                            ///< a flow takes no more than its share of tx, rounded up
  bool holdsAndWaits = false;                  ///< a slot of tx is taken before what it is for is there
  bool producerWaits = true;                   ///< for a free slot of tx
  bool proxyWaits = true;                      ///< for a credit
  bool checksPosted = true, checksFull = true; ///< that the flag holds this slice's number, not just any
  bool postFirst = false, fullFirst = false;   ///< flag before data
  bool freeFirst = false, creditFirst = false; ///< given back before it is read
  Order post = Order::Release, full = Order::Release, free = Order::Release, credit = Order::Release;
  Order awaitPost = Order::Acquire, awaitFull = Order::Acquire, awaitCredit = Order::Acquire, take = Order::Acquire;
};

Model modelOf(const RingProtocol &protocol);

} // namespace faro::test
