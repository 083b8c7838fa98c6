#include "runtime/tools/faro-run/Descriptors.h"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <sys/resource.h>

namespace faro::run {

/// What the rank with the most may have open at once: of each other rank its process and a socket of the transport's;
/// two while both connect to each other at the same time, which ranks of different nodes do; and rank 0 everybody's
/// control connection. With `local` there are only the output's files.
static uint64_t needOf(const Options &options, const std::string &transport) {
  constexpr uint64_t Itself = 32; // about twenty, and some room
  const uint64_t ranks = *options.ranks;
  const uint64_t each = transport != "local" ? (options.nodes == 1 ? 3 : 4) : options.output.empty() ? 0 : 1;
  return Itself + each * ranks;
}

Status allowDescriptors(const Options &options, const std::string &transport) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return Status::ok(); // no limit that could be known
  const uint64_t need = needOf(options, transport);
  if (limit.rlim_cur >= need)
    return Status::ok();
  const rlimit raised{limit.rlim_max, limit.rlim_max};
  if (limit.rlim_max >= need && ::setrlimit(RLIMIT_NOFILE, &raised) == 0)
    return Status::ok();
  return {FARO_UNAVAILABLE, fmt::format("too many open files: {} ranks on {} nodes need about {} in a process, and "
                                        "`ulimit -Hn` allows {}: raise it, or use fewer --ranks",
                                        *options.ranks, options.nodes, need, limit.rlim_max)};
}

} // namespace faro::run
