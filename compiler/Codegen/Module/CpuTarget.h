// The processors that kernels are compiled for.
//
//   ahead of time: every level of aotTargets(), one kernel set each; the loader takes the highest that the machine has
//   just in time : hostTarget(), one kernel set for this very machine
#pragma once

#include "compiler/Codegen/Passes.h"
#include "runtime/abi/faro_abi.h"

#include "llvm/Support/Error.h"

#include <memory>
#include <string>
#include <vector>

namespace llvm {
class TargetMachine;
}

namespace faro::compiler {

struct CpuTarget {
  std::string name;     ///< for people
  uint32_t level = 0;   ///< faro_abi_cpu_level
  std::string cpu;      ///< LLVM's name of the processor
  std::string features; ///< LLVM's list, "+avx2,-sse4a,..."; empty: what `cpu` says
  /// LLVM's name of the processor whose pipelines instructions are ordered for; empty: `cpu`.
  std::string tune;
  KeptPrefetches prefetches = {};
  bool hasF16c = false; ///< vcvtph2ps and vcvtps2ph: f16 conversions need no integer arithmetic
  /// How kernels for this processor are best written.
  EmitKernelsOptions kernels = {};
};

/// x86-64, x86-64-v3 and x86-64-v4, the last two also as AMD's memory has it, and x86-64-v3 as that of its family 17h.
std::vector<CpuTarget> aotTargets();

/// This machine, by the features that it reports (its name may promise more than a hypervisor lets through). An error
/// on anything but x86-64.
llvm::Expected<CpuTarget> hostTarget();

/// Generates position-independent code for x86-64 Linux. The processor of each function is an attribute of the
/// function.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>> makeTargetMachine();

} // namespace faro::compiler
