// What every way of dispatching needs, whatever it communicates by: the tokens, and the check of what came of them.
#pragma once

#include "faro/communicator.h"
#include "tests/bench/shuffle_data.h"

namespace faro::bench {

class DispatchData : public ShuffleData {
public:
  explicit DispatchData(const Problem &problem);

  Buffer tokens; ///< [T, H], and one cache line: a limit reads up to the end of the last row's

  char *token(size_t t) { return tokens.data() + t * bytes; }

  /// Compares rows that lie `stride` bytes apart with the definition.
  Check check(const void *rows, size_t count, size_t stride) const;

  void wipe() override {}
  void flush() override { tokens.flush(); }
};

/// This project; `place` says who this rank is and where the others are. Collective.
std::unique_ptr<Method> faroDispatch(DispatchData &bench, Control &control, const CommunicatorOptions &place);

} // namespace faro::bench
