// PTX to machine code, by the toolkit's ptxas. It is looked for in FARO_PTXAS (`none`: there is none), PATH,
// CUDA_HOME/bin and /usr/local/cuda/bin; a machine without one compiles PTX only, which the driver assembles where the
// kernels run.
#pragma once

#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>
#include <vector>

namespace faro::compiler {

/// What ptxas says of one kernel. Spills: bytes that a thread's registers had no room for.
struct KernelUsage {
  std::string kernel;
  uint32_t registers = 0;
  uint32_t spillStores = 0, spillLoads = 0;
  uint32_t stack = 0;
};

struct Assembled {
  std::string cubin;
  std::vector<KernelUsage> usage;
};

/// Its path, or nothing where there is none.
std::string findPtxas();

/// Runs `ptxas` for an architecture (90: sm_90), at most a minute. The error holds what ptxas says.
llvm::Expected<Assembled> assemble(const std::string &ptxas, const std::string &ptx, int architecture);

} // namespace faro::compiler
