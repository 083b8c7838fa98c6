#include "compiler/Codegen/Module/CodeGenerators.h"

#include "llvm/Support/TargetSelect.h"

#include <mutex>

namespace faro::compiler {

void initialiseCodeGenerators() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser(); // of kernels written by hand; without one LLVM ends the process
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
}

} // namespace faro::compiler
