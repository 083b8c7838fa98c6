#include "plugins/ucx/Version.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <tuple>
#include <ucp/api/ucp.h>

namespace faro::ucx {

Status checkVersion() {
  // A loader gives each process one libucp.so.0, that of whoever came first: MPI's, or a framework's. UCX promises that
  // newer ones serve older programs, not the reverse.
  unsigned major = 0, minor = 0, release = 0;
  ucp_get_version(&major, &minor, &release);
  if (std::tuple(major, minor) >= std::tuple(unsigned(UCP_API_MAJOR), unsigned(UCP_API_MINOR)))
    return Status::ok();
  Dl_info where{};
  const bool known = dladdr(reinterpret_cast<const void *>(&ucp_get_version), &where) && where.dli_fname;
  return Status(
      FARO_VERSION_MISMATCH,
      fmt::format(
          "this process has UCX {}.{}.{}{}, and the transport was built for UCX {}.{}: put the newer one first in "
          "LD_LIBRARY_PATH, or build Faro for the older one (-Ducx_ROOT=<prefix>)",
          major, minor, release, known ? fmt::format(" ({})", where.dli_fname) : "", UCP_API_MAJOR, UCP_API_MINOR));
}

} // namespace faro::ucx
