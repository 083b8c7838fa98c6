// One rank's run of a shape, compared with the reference.
#pragma once

#include "faro/session.h"
#include "tests/differential/Shapes.h"

namespace faro::differential {

/// Where the expert rows lie that combine reads.
enum class ExpertMemory { OwnedBySession, InPlace, Elsewhere };

/// Prepares, dispatches, and combines on `session`, twice with the same plan; the first difference from the reference,
/// or an error, or "".
std::string runAndCompare(Session &session, const Module &module, const Topology &topology, uint32_t rank,
                          const std::vector<Input> &inputs, ExpertMemory memory);

} // namespace faro::differential
