// From a schedule to kernels, and from kernels to a machine.
//
//   xfer.program ──xfer-emit-kernels──► module @kernels { func.func ... scf, vector, arith, xfer leaf operations }
//                                          │
//                        CPU: xfer-expand-f16 (where the processor has no F16C), xfer-kernels-to-llvm
//                        CUDA: xfer-kernels-to-gpu, convert-scf-to-cf, xfer-gpu-to-nvvm
//
// The kernels know rows, addresses and loops, and nothing of the machine: what differs is the size of a tile.
#pragma once

#include "mlir/Pass/Pass.h"

#include <memory>

namespace faro::compiler {

/// Another form of a kernel NAME.
enum class KernelForm {
  None,
  Beside, ///< as a second kernel, NAME and a suffix
  Instead ///< as kernel NAME itself
};

struct EmitKernelsOptions {
  /// Bytes of a row that a push holds in registers while it stores them to every destination. 512 (8 AVX-512 registers)
  /// reaches the write-once bound of a CPU; a GPU's thread holds one vector.
  int64_t tile = 512;
  /// Bytes of a row that a push past the cache stores to one destination before it goes on to the next. More than
  /// `tile`: it reads them from the first cache again for each.
  int64_t block = 0;
  /// Bytes of one load or store: a cache line of a CPU, or a GPU's 128 bits.
  int64_t vector = 64;
  /// The same of a pull of one row or two. 0: `vector`.
  int64_t fewRowsVector = 0;
  /// What rows start at a multiple of, the user's too, as far as the size of a row lets them: rows of 574 bytes lie at
  /// multiples of 2. 1 costs a CPU nothing.
  int64_t rowAlignment = 1;
  /// How many bytes a pull asks for before it needs them, of all rows of a token together: bandwidth times latency of a
  /// core. Half as much, or twice, was slower on Zen 5. 0: the next token's rows are asked for instead, and a push asks
  /// for nothing.
  int64_t prefetch = 8192;
  /// Whether a kernel has a form of its own that stores past the cache. A device's has not: what its threads store does
  /// not stay in their first cache in either.
  bool streaming = true;
  /// Pushes by bulk copies, where rows allow that: FARO_ABI_BULK_SUFFIX.
  KernelForm bulk = KernelForm::None;
  /// Pushes that wait for what they are to do while they run: FARO_ABI_RESIDENT_SUFFIX.
  KernelForm resident = KernelForm::None;

  bool operator==(const EmitKernelsOptions &) const = default;
};

/// Which of a kernel's prefetches (xfer.prefetch) a machine keeps: those that its memory gains by.
struct KeptPrefetches {
  bool near = true;
  bool far = false;
  bool page = false;
  bool inOrder = true;

  static constexpr KeptPrefetches none() { return {.near = false, .far = false, .page = false, .inOrder = false}; }
};

/// The widest access of a thread of a CUDA device, in bytes: 32 from sm_100 on, 16 before.
int64_t cudaAccessBytes(int architecture);

/// How kernels for a CUDA device (90: sm_90) are written. The same kernels run on a CPU, slower.
EmitKernelsOptions cudaKernelOptions(int architecture);

std::unique_ptr<mlir::Pass> createEmitKernelsPass(const EmitKernelsOptions &options = {});
/// Behind it: the kernels that plan batches on a device.
std::unique_ptr<mlir::Pass> createEmitPlanPass();
std::unique_ptr<mlir::Pass> createExpandF16Pass();
std::unique_ptr<mlir::Pass> createKernelsToLLVMPass(const KeptPrefetches &prefetches = {});
/// `accessBytes`: the widest access that the device has.
std::unique_ptr<mlir::Pass> createKernelsToGpuPass(int64_t accessBytes = 16);
std::unique_ptr<mlir::Pass> createGpuToNvvmPass();

/// Makes the passes known by their names, for textual pipelines.
void registerCodegenPasses();

} // namespace faro::compiler
