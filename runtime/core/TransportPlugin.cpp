#include "runtime/core/TransportPlugin.h"

#include "runtime/core/SharedLibrary.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
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
  const auto lacks = [&](const char *what) {
    return Status(FARO_INTERNAL, fmt::format("{}: the transport '{}' announces capabilities {:#x} and has no {}", path,
                                             table->name ? table->name : "?", table->capabilities, what));
  };
  const auto has = [](auto *entry) { return entry != nullptr; };
  struct Entry {
    uint32_t neededBy; ///< capabilities; 0: by all transports
    bool isThere;
    const char *name;
  };
  const Entry entries[] = {{0, has(table->name), "name"},
                           {0, has(table->last_error), "last_error"},
                           {0, has(table->open), "open"},
                           {0, has(table->leave), "leave"},
                           {0, has(table->close), "close"},
                           {0, has(table->address), "address"},
                           {0, has(table->connect), "connect"},
                           {0, has(table->alloc), "alloc"},
                           {0, has(table->base), "base"},
                           {0, has(table->key), "key"},
                           {0, has(table->release), "release"},
                           {0, has(table->progress), "progress"},
                           {FARO_CAN_MAP | FARO_CAN_PUT, has(table->map), "map"},
                           {FARO_CAN_MAP, has(table->pointer), "pointer"},
                           {FARO_CAN_MAP | FARO_CAN_PUT, has(table->unmap), "unmap"},
                           {FARO_CAN_PUT, has(table->put), "put"},
                           {FARO_CAN_PUT, has(table->flush), "flush"},
                           {FARO_CAN_MESSAGE, has(table->send), "send"},
                           {FARO_CAN_SLEEP, has(table->sleep), "sleep"},
                           {FARO_CAN_SLEEP, has(table->wake), "wake"},
                           {FARO_CAN_DETECT, has(table->peer_state), "peer_state"},
                           {FARO_CAN_DELIVER | FARO_CAN_DEVICE, has(table->deliver), "deliver"},
                           {FARO_CAN_DEVICE, has(table->device_reach), "device_reach"},
                           {FARO_CAN_DEVICE, has(table->attach), "attach"},
                           {FARO_CAN_DEVICE, has(table->detach), "detach"}};
  for (const Entry &entry : entries)
    if (!entry.isThere && (entry.neededBy == 0 || (table->capabilities & entry.neededBy)))
      return lacks(entry.name);
  return Status::ok();
}

namespace {
/// UCX takes SIGHUP when it is loaded, to turn on its debugging, from whoever had it; unless UCX_DEBUG_SIGNO names
/// another signal. A process whose terminal is gone has better things to do.
class HangupKept {
public:
  HangupKept() : asked_(std::getenv("UCX_DEBUG_SIGNO")) { ::sigaction(SIGHUP, nullptr, &before_); }
  ~HangupKept() {
    if (!asked_)
      ::sigaction(SIGHUP, &before_, nullptr);
  }
  HangupKept(const HangupKept &) = delete;
  HangupKept &operator=(const HangupKept &) = delete;

private:
  const bool asked_;
  struct sigaction before_{};
};
} // namespace

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
  const HangupKept kept;
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
  const char *why = transport.last_error();
  return Status(code, fmt::format("{}: {}", doing, why && *why ? why : "the transport does not say why"));
}

} // namespace faro
