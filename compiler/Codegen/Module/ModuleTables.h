// What a module's constant tables say, between the schedule (xfer.program operations) and LLVM constants.
//
//   xfer.program ... ──collectTables──► ModuleTables ──emitTables──► @faro_module and what it points to
#pragma once

#include "compiler/Codegen/Module/CpuTarget.h"
#include "runtime/abi/faro_abi.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/LogicalResult.h"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace llvm {
class Module;
}
namespace mlir {
class ModuleOp;
}

namespace faro::compiler {

struct StageTable {
  std::string name;
  uint32_t op = 0; ///< faro_abi_stage_op
  uint32_t resource = 0;
  uint32_t flag = 0;
  uint32_t kernel = FARO_ABI_NO_KERNEL;
  uint32_t streamingKernel = FARO_ABI_NO_KERNEL;
  uint32_t shareKernel = FARO_ABI_NO_KERNEL;
  uint32_t gather = FARO_ABI_BY_COPY;
  uint32_t from = FARO_ABI_NO_RING, into = FARO_ABI_NO_RING;
  uint32_t acquires = 0, releases = 0;
  std::vector<uint32_t> after;
};

struct RingTable {
  std::string name;
  uint64_t slotBytes = 0;
  uint32_t slots = 0;
};

struct ScheduleTable {
  std::string name;
  uint32_t path = 0; ///< faro_abi_path
  uint32_t partial = 0;
  uint64_t partialStride = 0;
  std::vector<StageTable> stages;
  std::vector<RingTable> rings;
};

struct ProgramTable {
  std::string name;
  uint32_t op = 0; ///< faro_abi_op
  faro_abi_row row{};
  faro_abi_layout layout{};
  uint32_t topk = 0, experts = 0, placement = 0;
  std::vector<uint32_t> table;
  uint64_t streamingThreshold = 0;
  std::vector<ScheduleTable> schedules;
  std::optional<faro_abi_plan_kernels> plan;
};

struct ImageTable {
  std::string target;  ///< "cuda:sm_90"
  uint32_t format = 0; ///< faro_abi_image_format
  uint32_t architecture = 0;
  std::string data;
};

struct ModuleTables {
  faro_abi_mesh mesh{};
  std::vector<ProgramTable> programs;
  std::vector<ImageTable> images;   ///< of CUDA devices
  std::vector<std::string> kernels; ///< symbols; a kernel's place here is its index in every kernel set
};

/// Reads the xfer.program operations of a verified module; a fault is diagnosed at its operation.
llvm::FailureOr<ModuleTables> collectTables(mlir::ModuleOp module);

/// "faroc 0.1.0, LLVM 22.1.8".
std::string producer();

/// The symbol of `kernel` compiled for `target`.
std::string kernelSymbol(llvm::StringRef kernel, const CpuTarget &target);

/// Adds the constant tables, ending in the exported FARO_ABI_SYMBOL, to a module that holds kernelSymbol(k, t) for each
/// kernel and target. Without targets its one kernel set holds names only.
void emitTables(llvm::Module &module, const ModuleTables &tables, llvm::ArrayRef<CpuTarget> targets,
                llvm::StringRef specText);

} // namespace faro::compiler
