#include "plugins/ucx/UcsStatus.h"

#include "plugins/ucx/Log.h"

#include <fmt/format.h>

namespace faro::ucx {

faro_status toCode(ucs_status_t status) {
  switch (status) {
  case UCS_OK:
    return FARO_OK;
  case UCS_ERR_INVALID_PARAM:
  case UCS_ERR_OUT_OF_RANGE:
  case UCS_ERR_INVALID_ADDR:
  case UCS_ERR_BUFFER_TOO_SMALL:
  case UCS_ERR_EXCEEDS_LIMIT:
  case UCS_ERR_ALREADY_EXISTS:
    return FARO_INVALID_ARGUMENT;
  case UCS_ERR_NO_MEMORY:
    return FARO_OUT_OF_MEMORY;
  case UCS_ERR_NO_DEVICE:
  case UCS_ERR_NO_RESOURCE:
  case UCS_ERR_UNSUPPORTED:
  case UCS_ERR_NOT_IMPLEMENTED:
  case UCS_ERR_UNREACHABLE:
    return FARO_UNAVAILABLE;
  case UCS_ERR_NO_ELEM:
    return FARO_NOT_FOUND;
  case UCS_ERR_TIMED_OUT:
    return FARO_DEADLINE_EXCEEDED;
  case UCS_ERR_CONNECTION_RESET:
  case UCS_ERR_ENDPOINT_TIMEOUT:
  case UCS_ERR_NOT_CONNECTED:
  case UCS_ERR_REJECTED:
  case UCS_ERR_CANCELED: // what our own endpoint's pending operations get once its peer has failed
    return FARO_PEER_FAILED;
  case UCS_ERR_MESSAGE_TRUNCATED:
    return FARO_DATA_LOSS;
  default:
    return FARO_INTERNAL;
  }
}

Status toStatus(ucs_status_t status, const std::string &what) {
  const std::string &logged = loggedError();
  return Status(toCode(status), fmt::format("{}: {} (UCX {}{}{})", what, ucs_status_string(status), int(status),
                                            logged.empty() ? "" : ": ", logged));
}

} // namespace faro::ucx
