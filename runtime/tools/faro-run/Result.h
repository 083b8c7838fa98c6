// What a rank tells whoever started it.
#pragma once

#include "faro/communicator.h"
#include "runtime/tools/faro-run/Verify.h"

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace faro::run {

/// A part of a rank's work, for the trace: a call, or what a stage of its schedule did. Times are nanoseconds of
/// CLOCK_MONOTONIC, the same for all ranks of a node.
struct TraceEvent {
  static constexpr int Call = -1;
  std::string name;
  uint32_t repeat = 0;
  uint64_t beginNs = 0, durationNs = 0;
  int resource = Call; ///< faro_abi_resource of a stage
  int64_t slice = -1;  ///< -1: none
  uint32_t peer = 0;   ///< of a slice: the other end of its flow
};

/// What a rank did between nodes in one call.
struct Wire {
  uint64_t rows = 0; ///< tokens, or partial sums of tokens
  uint64_t bytes = 0, slices = 0;
  uint64_t rowsReceived = 0;
  uint64_t waitNs = 0;         ///< a slice was ready, and the other side had no slot
  uint64_t deviceBytes = 0;    ///< of bytes: sent from the memory of a device
  uint64_t residentPushes = 0; ///< by kernels that were there, waiting for them
};

struct RankResult {
  uint32_t rank = 0;
  int64_t tokens = 0;
  int64_t rows = 0;                                       ///< received, padding included
  int64_t items = 0;                                      ///< received, without padding
  std::vector<uint64_t> prepareNs, dispatchNs, combineNs; ///< per repeat
  uint64_t reserveNs = 0;                                 ///< for making shared memory before the first dispatch
  uint64_t windowBytes = 0, stagedBytes = 0, windowGrowths = 0;
  Wire dispatchWire, combineWire;
  uint64_t movedRows = 0; ///< of dispatchWire.rows and other ranks': handed over by this rank, for another one to send
  Findings findings;
  std::vector<TraceEvent> trace; ///< empty unless asked for
};

nlohmann::json toJson(const RankResult &result);
nlohmann::json toJson(const Status &error);

/// One message of a rank, as a line of JSON: its result, or the error that ended it.
std::string encodeResult(const RankResult &result);
std::string encodeError(const Status &error);
/// The message of a line. Errors: the rank's own, or DATA_LOSS for a line that is none of the above.
Expected<RankResult> decode(const std::string &line);

/// Which of two errors of one job explains more: a rank that was told to stop, or that lost a peer, explains less than
/// the one that something happened to. Smaller is better.
int explanatoryRank(StatusCode code);

} // namespace faro::run
