// The order of the passes, and why it is so.
//
//   spec ──► Faro ──► Xfer ──► Kernels ──► LLVM ──► Assembly
//            paths    stages   loops       one function a kernel and target
#pragma once

#include "compiler/Codegen/Passes.h"
#include "compiler/Schedule/CostModel.h"

#include <optional>
#include <string_view>

namespace mlir {
class OpPassManager;
}

namespace faro::compiler {

/// The levels at which a compilation can stop and be printed. Each one's text can be given to the compiler again.
enum class Phase { Faro, Xfer, Kernels, LLVM, Assembly };

const char *phaseName(Phase phase);
std::optional<Phase> phaseFromName(std::string_view name);

/// What a spec leaves open.
struct LoweringOptions {
  /// Between nodes, for the choice of slices; nothing: tcp. Schedules have their slices, and none may be given.
  std::optional<WireClass> wire;
  EmitKernelsOptions kernels;
  bool plan = false; ///< kernels that plan batches, too: of use where a device is
};

/// The passes that lead from the phase before to `phase`, on a builtin.module; none for LLVM and Assembly, which
/// leave MLIR.
void buildPhase(mlir::OpPassManager &passes, Phase phase, const LoweringOptions &options = {});

/// The kernels' own module to the llvm dialect.
void buildCpuLowering(mlir::OpPassManager &passes, bool hasF16c, const KeptPrefetches &prefetches);

} // namespace faro::compiler
