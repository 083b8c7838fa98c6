#include "tests/bench/code_cache.h"

#include "tests/bench/require.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>

namespace faro::bench {

Status CodeCache::create() {
  std::error_code ignored;
  std::string name = (std::filesystem::temp_directory_path(ignored) / "faro-bench-XXXXXX").string();
  if (!mkdtemp(name.data()))
    return Status(
        FARO_PERMISSION_DENIED,
        fmt::format("no temporary folder {}: {}; set TMPDIR to one that can be written", name, std::strerror(errno)));
  folder = name;
  return Status::ok();
}

CodeCache::~CodeCache() {
  std::error_code ignored;
  if (!folder.empty())
    std::filesystem::remove_all(folder, ignored);
}

void CodeCache::share(Control &control) {
  if (std::getenv("FARO_CACHE_DIR"))
    return;
  if (control.rank == 0)
    require(create(), "the code cache");
  use(control.fromRankZero(folder));
}

void CodeCache::use(const std::string &path) { setenv("FARO_CACHE_DIR", path.c_str(), 1); }

} // namespace faro::bench
