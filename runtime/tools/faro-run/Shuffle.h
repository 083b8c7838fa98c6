// The calls of one rank's shuffle: by a session, or by one that is planned on the device.
//
//   prepare ─► dispatch ─► (experts) ─► combine
#pragma once

#include "faro/session.h"
#include "runtime/tools/faro-run/Inputs.h"
#include "runtime/tools/faro-run/Job.h"

#include <optional>

namespace faro::run {

class Shuffle {
public:
  virtual ~Shuffle() = default;

  /// Collective, like all that follow. Finds where rows go, for the routing that it was made with.
  virtual Status prepare() = 0;
  /// Makes the memory that the prepared dispatch needs, unless it is there.
  virtual Status reserve() = 0;
  /// `x`: where the shuffle's rows are, on the host or on a device; so is what comes back. Valid until the next.
  virtual Expected<Received> dispatch(ConstRows x) = 0;
  /// Memory for the outputs of experts that change something.
  virtual Expected<Rows> expertRows() = 0;
  /// `y`: the rows received, where experts change nothing, else the memory of expertRows.
  virtual Status combine(ConstRows y, Rows out) = 0;
  /// Where the rows came from; nothing where the shuffle does not know.
  virtual Expected<std::optional<std::vector<Source>>> sources() = 0;
  virtual SessionStatistics statistics() const = 0;
};

/// All of these outlive the shuffle.
struct ShuffleTerms {
  const Options &options;
  const Job &job;
  const Inputs &inputs;
  const RankInput &own; ///< of the rank
  StageObserver onStage;
};

Expected<std::unique_ptr<Shuffle>> sessionShuffle(std::shared_ptr<Communicator> communicator, ShuffleTerms terms);
/// Errors: also UNAVAILABLE for what cannot be planned on a device (faro/device_shuffle.h).
Expected<std::unique_ptr<Shuffle>> plannedShuffle(std::shared_ptr<Communicator> communicator, ShuffleTerms terms);

} // namespace faro::run
