// One dispatch and one combine of a shape, as a user would write them.
#pragma once

#include <cstdint>
#include <string>

namespace faro::support {

struct SpecShape {
  uint64_t columns = 1;
  std::string element = "bf16";
  std::string order = "expert, source, token"; ///< of the layout
  uint32_t align = 1;
  uint32_t topk = 1, experts = 1;
  std::string placement; ///< of the experts: "" for the default
  std::string partial;   ///< what travels of a combine across nodes: "" for the default
};

/// A module for any mesh, with the functions @dispatch and @combine.
std::string specText(const SpecShape &shape);

} // namespace faro::support
