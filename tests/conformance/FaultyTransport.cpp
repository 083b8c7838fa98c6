// The transport `local` with a fault, which the library's own name says: libfaro_transport_no_send.so has none.
#include "faro/transport.h"

#include <dlfcn.h>
#include <string>

namespace {

const char *nothing() { return nullptr; }
const char *lost() { return "the address was lost"; }
faro_status noAddress(faro_transport_context *, const void **, size_t *) { return FARO_INTERNAL; }

std::string ownName() {
  Dl_info info{};
  return dladdr(reinterpret_cast<void *>(&noAddress), &info) && info.dli_fname ? info.dli_fname : "";
}

} // namespace

extern "C" __attribute__((visibility("default"))) const faro_transport *faro_transport_entry(void) {
  static faro_transport table;
  void *local = dlopen(LOCAL_TRANSPORT, RTLD_NOW | RTLD_LOCAL);
  const auto entry = reinterpret_cast<faro_transport_entry_fn>(local ? dlsym(local, FARO_TRANSPORT_ENTRY) : nullptr);
  if (!entry)
    return nullptr;
  table = *entry();
  const std::string name = ownName();
  const auto is = [&](const char *fault) { return name.find(fault) != std::string::npos; };
  if (is("no_name"))
    table.name = nullptr;
  if (is("no_open"))
    table.open = nullptr;
  if (is("no_send") || is("mute"))
    table.send = nullptr;
  if (is("mute"))
    table.capabilities &= ~uint32_t(FARO_CAN_MESSAGE);
  if (is("lost")) {
    table.address = noAddress;
    table.last_error = lost;
  }
  if (is("silent")) {
    table.address = noAddress;
    table.last_error = nothing;
  }
  return &table;
}
