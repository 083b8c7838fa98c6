// Generated code kept between processes: one file per (spec, compiler, machine), holding what JitModule loads.
//
//   file = header (magic, version, size of the code, SHA-256 of the code) + code
//
// Several processes may read and write at once: a file is written under a name of its own and renamed, so that a reader
// sees a whole file or none. What does not check out (torn, of another version, of another user) is passed over and
// written anew. When there are more than some thousand files, the oldest go, and so does what a process that was killed
// left half written. Nothing here is an error: a folder that cannot be used costs time only.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/MemoryBuffer.h"

#include <memory>
#include <string>

namespace faro::compiler {

class ObjectCache {
public:
  /// `directory`: null for $FARO_CACHE_DIR, else $XDG_CACHE_HOME/faro, else ~/.cache/faro; "" for none.
  explicit ObjectCache(const char *directory);

  /// Tells this build of the compiler from others: sizes and times of its library, LLVM's and MLIR's. Two builds of one
  /// release may lay out tables or write kernels differently. Empty where they cannot be found: nothing is kept then.
  static const std::string &compilerIdentity();

  /// A name for what is made of `parts`; any difference in them gives another.
  static std::string key(llvm::ArrayRef<llvm::StringRef> parts);

  /// The code stored under `key`, checked; null when there is none.
  std::unique_ptr<llvm::MemoryBuffer> find(llvm::StringRef key) const;

  static constexpr size_t MostFiles = 4096; ///< some 100 MB

  /// Stores code, or leaves everything as it was.
  void store(llvm::StringRef key, llvm::StringRef code) const;

private:
  void dropOldest() const;
  std::string pathOf(llvm::StringRef key) const;
  std::string directory; ///< empty: no cache
};

} // namespace faro::compiler
