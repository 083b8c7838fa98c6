// Kernels as PTX text:
//
//   module @kernels ──toGpu──► gpu.module ──toDeviceCode──► LLVM IR ──writePtx──► text
//                              MLIR: one thread             any thread
#pragma once

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace llvm {
class LLVMContext;
class Module;
class TargetMachine;
} // namespace llvm

namespace faro::compiler {

/// An NVIDIA architecture that PTX can be written for, as its number: 90 for "sm_90". Nothing when it is none.
std::optional<int> parseCudaTarget(std::string_view text);

/// An error for numbers that LLVM knows no architecture of; it names those that it knows.
llvm::Error checkCudaArchitecture(uint32_t architecture);

/// LLVM's code generator for an architecture that it knows.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>> makeDeviceMachine(int architecture);

/// Emitted kernels of `module` to a gpu.module in their place. Faults are diagnosed at the kernels.
llvm::LogicalResult toGpu(mlir::ModuleOp module, int architecture);

/// The gpu.module that toGpu left in `module`.
mlir::gpu::GPUModuleOp gpuModuleOf(mlir::ModuleOp module);

/// Kernels in an LLVM context of their own, so that whichever thread has them may go on.
struct DeviceCode {
  DeviceCode();
  DeviceCode(DeviceCode &&) noexcept;
  ~DeviceCode();
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module; // of the context: gone before it
};

/// Uses `kernels` up. Faults are diagnosed at them.
llvm::FailureOr<DeviceCode> toDeviceCode(mlir::gpu::GPUModuleOp kernels);

/// By any thread.
llvm::Expected<std::string> writePtx(DeviceCode code, int architecture);

} // namespace faro::compiler
