// What ucp_config_modify calls a setting of a family of transports ("TCP_" and the like).
#pragma once

#include <string>
#include <ucp/api/ucp.h>

namespace faro::ucx {

/// Before UCX 1.17 such settings go without their family there (unlike in the environment); with it they are ignored,
/// and a warning is all that says so.
inline std::string settingName(const std::string &family, const std::string &name) {
  unsigned major = 0, minor = 0, release = 0;
  ucp_get_version(&major, &minor, &release);
  return (major > 1 || minor >= 17 ? family : "") + name;
}

} // namespace faro::ucx
