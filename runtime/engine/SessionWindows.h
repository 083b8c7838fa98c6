// The memory that the ranks of a node share for a session's rows. It grows with the batches and is used by all of them.
//
//   tokens ─dispatch─► received ─(experts)─► outputs ─combine─► tokens         origins: where received rows came from
//               └─► transit ═ wire ═►           ◄═ wire ═ partials ◄─┘         where ranks are on several nodes
#pragma once

#include "runtime/core/SymmetricMemory.h"
#include "runtime/engine/Batch.h"

#include <span>

namespace faro {

/// Which of a rank's windows holds the rows that others pull; said with the flag that opens a combine.
enum WindowName : uint8_t { ReceivedWindow = 1, OutputsWindow = 2 };

/// Bytes of the transit windows a row: of the row, and of its places (bindings/TransitWindow.h).
uint64_t transitRowBytes(const faro_abi_program &dispatch);
uint64_t transitPlaceBytes(const faro_abi_program &dispatch);

class SessionWindows {
public:
  /// `gather` must be usable as long as windows grow.
  /// `rows`: memory of the windows that hold rows.
  SessionWindows(const std::shared_ptr<Communicator> &communicator, const NodeGather &gather,
                 const NodeMemoryMaker &rows);

  // Room for a batch's rows. Collective on the node when there is not enough, and what was there is lost.
  /// What a dispatch fills: received rows and rows in transit.
  Status ensureReceived(const Batch &);
  Status ensureOutputs(const Batch &);
  bool outputsFit(const Batch &) const;
  Status ensureOrigins(const Batch &);
  Status ensurePartials(const NodePlan &, uint64_t partialStride);

  /// Adds up all windows.
  uint64_t growths() const;
  uint64_t bytes() const;

  Window received, outputs, origins, transit, transitPlaces, partials;
  uint64_t receivedOf = 0, outputsOf = 0; ///< hashes of the batches whose rows these windows hold; 0: nobody's

private:
  /// Of a window with a batch's received rows.
  std::vector<uint64_t> bytesOf(const Batch &, uint64_t bytesPerRow) const;

  const std::span<const uint32_t> node; ///< its ranks
};

} // namespace faro
