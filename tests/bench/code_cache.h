// Where modules compiled just in time are kept during one run of the benchmark.
#pragma once

#include "faro/status.h"
#include "tests/bench/control.h"

#include <string>

namespace faro::bench {

/// An empty folder, removed with its contents at the end. Named to the compiler by FARO_CACHE_DIR.
class CodeCache {
public:
  CodeCache() = default;
  ~CodeCache();
  CodeCache(const CodeCache &) = delete;
  CodeCache &operator=(const CodeCache &) = delete;

  Status create();
  /// Collective. Code compiled by one rank serves all of them, and is gone after the run, unless the user keeps a cache
  /// of his own.
  void share(Control &control);
  const std::string &path() const { return folder; }
  static void use(const std::string &path);

private:
  std::string folder;
};

} // namespace faro::bench
