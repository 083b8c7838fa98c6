// From an LLVM module to machine code.
//
//   LLVM IR ──optimise──► LLVM IR ──generate──► object | assembly ──linkShared──► .so   (ahead of time)
//   LLVM IR ──generateInParts──► archive of objects ──JitModule::load──► memory         (just in time)
#pragma once

#include "llvm/ADT/StringRef.h"
#include "llvm/IR/PassManager.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"

#include <functional>
#include <memory>
#include <string>

namespace llvm {
class LLVMContext;
class Module;
class TargetMachine;
} // namespace llvm

namespace faro::compiler {

/// Tells `report` of each error, in LLVM's words, and LLVM goes on. Its own way with one is to end the process.
void onErrors(llvm::LLVMContext &context, std::function<void(std::string message)> report);

void runPasses(llvm::ModulePassManager passes, llvm::Module &module, llvm::TargetMachine &machine);

/// The passes that kernels gain from; each function for its own processor.
void optimise(llvm::Module &module, llvm::TargetMachine &machine);

enum class Output { Object, Assembly };
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> generate(llvm::Module &module, llvm::TargetMachine &machine,
                                                             Output output);

/// Links one object into a shared library at `path`, with a linker from $FARO_LINKER, the one found when Faro was
/// built, or PATH. The library refers to nothing outside itself. It appears under its name whole or not at all, and
/// nothing else stays behind.
llvm::Error linkShared(llvm::StringRef object, llvm::StringRef path);

} // namespace faro::compiler
