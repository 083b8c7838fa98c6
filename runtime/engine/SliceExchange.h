// What crosses nodes for one session: rings of slots, the slices in them, the tokens that say which slots are free, and
// the asks of combines. Runs come and go; this stays, so that slices of a call that a peer has begun earlier find their
// slots, and memory is made once.
#pragma once

#include "faro/communicator.h"
#include "faro/module.h"

namespace faro {

class SliceExchange final : public Receiver {
public:
  /// Collective. The rings of all hierarchical schedules of the module; their memory is made when first used.
  static Expected<std::unique_ptr<SliceExchange>> create(std::shared_ptr<Communicator> communicator,
                                                         std::shared_ptr<const Module> module);
  ~SliceExchange() override;
};

} // namespace faro
