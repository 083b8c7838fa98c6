// Object files in this process's memory, ready to run.
#pragma once

#include "runtime/abi/faro_abi.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <memory>

namespace llvm::orc {
class LLJIT;
}

namespace faro::compiler {

class JitModule {
public:
  /// Copies and links an object, or an archive of some, that refers to nothing outside itself, and finds its
  /// FARO_ABI_SYMBOL.
  static llvm::Expected<std::unique_ptr<JitModule>> load(llvm::StringRef code);
  ~JitModule();

  /// Valid for as long as this lives.
  const faro_abi_module *table() const { return table_; }

private:
  JitModule();
  std::unique_ptr<llvm::orc::LLJIT> jit;
  const faro_abi_module *table_ = nullptr;
};

} // namespace faro::compiler
