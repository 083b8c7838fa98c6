// A UCX that says it knows CUDA, where $FAKE_UCX_DEVICE is set: functions that come before the library's, in a test's
// program or by LD_PRELOAD. What it is told is a device's memory is the host's, and the library is told so.
#include <cstdlib>
#include <dlfcn.h>
#include <ucp/api/ucp.h>

namespace {

bool wanted() { return std::getenv("FAKE_UCX_DEVICE") != nullptr; }

/// The library's own, of the one that the caller has loaded.
template <typename Function> Function real(Function, const char *name) {
  return reinterpret_cast<Function>(dlsym(dlopen("libucp.so.0", RTLD_NOW | RTLD_NOLOAD), name));
}
#define REAL(function) real(&function, #function)

template <typename Parameters> Parameters plain(const Parameters *given) {
  Parameters parameters = *given;
  if (wanted() && parameters.memory_type == UCS_MEMORY_TYPE_CUDA)
    parameters.memory_type = UCS_MEMORY_TYPE_HOST;
  return parameters;
}

} // namespace

#pragma GCC visibility push(default)
extern "C" {

ucs_status_t ucp_context_query(ucp_context_h context, ucp_context_attr_t *attributes) {
  const ucs_status_t status = REAL(ucp_context_query)(context, attributes);
  if (wanted() && attributes->field_mask & UCP_ATTR_FIELD_MEMORY_TYPES)
    attributes->memory_types |= UCS_BIT(UCS_MEMORY_TYPE_CUDA);
  return status;
}

ucs_status_t ucp_mem_map(ucp_context_h context, const ucp_mem_map_params_t *given, ucp_mem_h *memory) {
  const auto parameters = plain(given);
  return REAL(ucp_mem_map)(context, &parameters, memory);
}

ucs_status_ptr_t ucp_am_send_nbx(ucp_ep_h to, unsigned id, const void *header, size_t headerSize, const void *buffer,
                                 size_t count, const ucp_request_param_t *given) {
  const auto parameters = plain(given);
  return REAL(ucp_am_send_nbx)(to, id, header, headerSize, buffer, count, &parameters);
}

ucs_status_ptr_t ucp_am_recv_data_nbx(ucp_worker_h worker, void *data, void *buffer, size_t count,
                                      const ucp_request_param_t *given) {
  const auto parameters = plain(given);
  return REAL(ucp_am_recv_data_nbx)(worker, data, buffer, count, &parameters);
}
}
#pragma GCC visibility pop
