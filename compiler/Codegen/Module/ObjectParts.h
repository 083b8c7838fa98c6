// Machine code for a module, just in time: in parts, at the same time. Most of a compilation is LLVM's work on kernels,
// and kernels call nothing but helpers of their own.
//
//   module ──SplitModule──► parts ──optimise, generate (a thread each)──► objects ──► archive
#pragma once

#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"

#include <memory>

namespace llvm {
class Module;
} // namespace llvm

namespace faro::compiler {

/// Optimises `module`, which is used up, and makes machine code of it in at most `most` parts: an `ar` archive of
/// objects that refer to each other and to nothing else. Fewer parts where there are fewer kernels. A helper stays with
/// the kernels that call it. The first fault of a part, in LLVM's words, is the fault of all.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> generateInParts(std::unique_ptr<llvm::Module> module, size_t most);

} // namespace faro::compiler
