#include "faro/status.h"

namespace faro {

const char *statusCodeName(StatusCode code) {
  switch (code) {
  case FARO_OK:
    return "OK";
  case FARO_INVALID_ARGUMENT:
    return "INVALID_ARGUMENT";
  case FARO_NOT_FOUND:
    return "NOT_FOUND";
  case FARO_VERSION_MISMATCH:
    return "VERSION_MISMATCH";
  case FARO_UNAVAILABLE:
    return "UNAVAILABLE";
  case FARO_OUT_OF_MEMORY:
    return "OUT_OF_MEMORY";
  case FARO_DEADLINE_EXCEEDED:
    return "DEADLINE_EXCEEDED";
  case FARO_PEER_FAILED:
    return "PEER_FAILED";
  case FARO_ABORTED:
    return "ABORTED";
  case FARO_DATA_LOSS:
    return "DATA_LOSS";
  case FARO_PERMISSION_DENIED:
    return "PERMISSION_DENIED";
  case FARO_INTERNAL:
    return "INTERNAL";
  }
  return "UNKNOWN";
}

} // namespace faro
