// What a rank that was killed outright cannot tidy up.
#pragma once

#include <span>
#include <sys/types.h>

namespace faro::run {

/// Removes the System V segments that these children, which are gone, have made and nobody is attached to: UCX marks a
/// segment for removal as soon as it exists, but not in the same call.
void removeSegmentsOf(std::span<const pid_t> children);

} // namespace faro::run
