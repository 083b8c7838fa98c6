#include "runtime/core/TransportPlugin.h"

#include "runtime/core/SharedLibrary.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <mutex>

namespace faro {

static Status checkTable(const faro_transport *table, const std::string &path) {
  if (!table)
    return Status(FARO_INTERNAL, fmt::format("{}: {} returned no table", path, FARO_TRANSPORT_ENTRY));
  // Only the version lies at the same place in all versions.
  if (table->version != FARO_TRANSPORT_VERSION)
    return Status(FARO_VERSION_MISMATCH, fmt::format("{}: a transport of version {}; this runtime needs version {}",
                                                     path, table->version, FARO_TRANSPORT_VERSION));
  if (table->struct_size < sizeof(faro_transport))
    return Status(FARO_VERSION_MISMATCH,
                  fmt::format("{}: a transport table of {} bytes; this runtime needs {}: build the plugin "
                              "against this version's faro/transport.h",
                              path, table->struct_size, sizeof(faro_transport)));
  const bool always = table->last_error && table->open && table->close && table->address && table->connect &&
                      table->alloc && table->base && table->key && table->release && table->progress;
  const uint32_t can = table->capabilities;
  const bool announced =
      (!(can & FARO_CAN_MAP) || (table->map && table->pointer && table->unmap)) &&
      (!(can & FARO_CAN_PUT) || (table->map && table->unmap && table->put && table->flush)) &&
      (!(can & FARO_CAN_MESSAGE) || table->send) && (!(can & FARO_CAN_SLEEP) || (table->sleep && table->wake)) &&
      (!(can & FARO_CAN_DETECT) || table->peer_state) && (!(can & FARO_CAN_DELIVER) || table->deliver) &&
      (!(can & FARO_CAN_DEVICE) || (table->deliver && table->device_reach && table->attach && table->detach));
  if (!always || !announced)
    return Status(FARO_INTERNAL,
                  fmt::format("{}: the transport '{}' announces capabilities {:#x} but leaves entries for them "
                              "empty",
                              path, table->name ? table->name : "?", can));
  return Status::ok();
}

Expected<const faro_transport *> loadTransport(const std::string &name) {
  struct Loaded {
    std::shared_ptr<SharedLibrary> library;
    const faro_transport *table;
  };
  static std::mutex mutex;
  static auto &transports =
      *new std::map<std::string, Loaded>(); // guarded by mutex; never destroyed: ranks may outlive it

  // The name becomes part of a file's name.
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  if (name.empty() || !std::all_of(name.begin(), name.end(), plain))
    return Status(
        FARO_INVALID_ARGUMENT,
        fmt::format("'{}' cannot be the name of a transport: small letters, digits and _; e.g. ucx, local", name));
  std::lock_guard lock(mutex);
  if (auto found = transports.find(name); found != transports.end())
    return found->second.table;
  auto library = SharedLibrary::openBeside(fmt::format("libfaro_transport_{}.so", name), "FARO_PLUGIN_PATH");
  if (!library)
    return Status(library.status().code(),
                  fmt::format("the transport '{}' could not be loaded: {}", name, library.status().message()));
  const auto entry = reinterpret_cast<faro_transport_entry_fn>((*library)->find(FARO_TRANSPORT_ENTRY));
  if (!entry)
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("{}: no transport (it has no symbol {})", (*library)->path(), FARO_TRANSPORT_ENTRY));
  const faro_transport *table = entry();
  FARO_RETURN_IF_ERROR(checkTable(table, (*library)->path()));
  transports[name] = {*library, table};
  return table;
}

Status transportError(const faro_transport &transport, faro_status code, const std::string &doing) {
  return Status(code, fmt::format("{}: {}", doing, transport.last_error()));
}

} // namespace faro
