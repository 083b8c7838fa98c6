// LLVM's passes over kernels for CUDA devices.
#pragma once

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace faro::compiler {

/// The passes that change what is written for devices. By any thread.
void optimiseForDevice(llvm::Module &module, llvm::TargetMachine &machine);

} // namespace faro::compiler
