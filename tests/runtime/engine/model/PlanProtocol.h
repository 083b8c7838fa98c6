// The meetings of kernels that plan batches on devices (docs/cuda.md, "Planning on the device"), for the model checker.
//
//   dispatch   my counts to all boards, meet counted, read my board, rows to all peers, meet pushed, read my rows
//   combine    my results, meet ready, read all peers' results, meet pulled
//
// A meeting: a word to each peer, which counts up, then wait for each peer's.
#pragma once

#include "ModelChecker.h"

namespace faro::test {

enum class PlanCall : uint8_t { Dispatch, Combine };

/// The protocol as it is; mutants differ from it.
struct PlanProtocol {
  uint8_t ranks = 2;
  std::vector<PlanCall> calls = {PlanCall::Dispatch, PlanCall::Combine, PlanCall::Dispatch};
  bool inPlace = false; ///< results lie where rows were received

  bool hasCounted = true, hasPushed = true, hasReady = true, hasPulled = true;
  Order signal = Order::Release, poll = Order::Acquire;
  bool awaitsAll = true;   ///< or all but the next rank
  bool exactly = false;    ///< waits for the very word, not for one that is at least it
  bool tellsFirst = false; ///< counts are told before they are stored
};

Model modelOf(const PlanProtocol &protocol);

} // namespace faro::test
