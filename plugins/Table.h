// The table that a transport plugin returns, from a struct with the entries as static functions.
#pragma once

#include "plugins/LastError.h"

#include <cstddef>
#include <exception>
#include <fmt/format.h>
#include <new>
#include <span>

namespace faro::plugin {

/// What each `open` has to look at first.
inline faro_status checkConfig(const faro_transport_config *config, faro_transport_context **out) {
  if (!config || !out || config->struct_size < sizeof(faro_transport_config) || !config->job)
    return fail(FARO_INVALID_ARGUMENT, "open needs a configuration with a job name, of this version's size");
  if (config->rank >= config->world_size)
    return fail(FARO_INVALID_ARGUMENT,
                fmt::format("rank {} is outside of a world of {}", config->rank, config->world_size));
  return FARO_OK;
}

/// What each `alloc` has to look at first.
inline faro_status checkRegion(size_t size) {
  return size ? FARO_OK : fail(FARO_INVALID_ARGUMENT, "a region of 0 bytes was asked for; it must have at least one");
}

/// What each `attach` has to look at first.
inline faro_status checkDeviceMemory(const faro_device_memory *memory) {
  return memory && memory->address && memory->size && memory->copy
             ? FARO_OK
             : fail(FARO_INVALID_ARGUMENT, "attach needs an address, a size that is not 0, and a way to copy");
}

/// Of null there are none, whatever the size says.
inline std::span<const std::byte> bytesOf(const void *data, size_t size) {
  return {static_cast<const std::byte *>(data), data ? size : 0};
}

/// An entry from which no exception leaves: who calls it is C, or UCX's C below it. Memory may be short.
template <auto Entry> struct Guarded;
template <typename... Arguments, faro_status (*Entry)(Arguments...)> struct Guarded<Entry> {
  static faro_status call(Arguments... arguments) {
    try {
      return Entry(arguments...);
    } catch (const std::bad_alloc &) {
      return FARO_OUT_OF_MEMORY; // what could be said would need some
    } catch (const std::exception &error) {
      return fail(FARO_INTERNAL, error.what());
    }
  }
};

/// Entries: all that faro_transport has after last_error, under the same names.
template <typename Entries> constexpr faro_transport makeTable(const char *name, uint32_t capabilities) {
  return {
      .version = FARO_TRANSPORT_VERSION,
      .struct_size = sizeof(faro_transport),
      .name = name,
      .capabilities = capabilities,
      .last_error = [] { return lastError().c_str(); },
      .open = Guarded<Entries::open>::call,
      .leave = Entries::leave,
      .close = Entries::close,
      .address = Guarded<Entries::address>::call,
      .connect = Guarded<Entries::connect>::call,
      .alloc = Guarded<Entries::alloc>::call,
      .base = Entries::base,
      .key = Guarded<Entries::key>::call,
      .release = Entries::release,
      .map = Guarded<Entries::map>::call,
      .pointer = Entries::pointer,
      .unmap = Entries::unmap,
      .put = Guarded<Entries::put>::call,
      .flush = Guarded<Entries::flush>::call,
      .send = Guarded<Entries::send>::call,
      .deliver = Guarded<Entries::deliver>::call,
      .device_reach = Entries::device_reach,
      .attach = Guarded<Entries::attach>::call,
      .detach = Entries::detach,
      .progress = Entries::progress,
      .sleep = Guarded<Entries::sleep>::call,
      .wake = Entries::wake,
      .peer_state = Guarded<Entries::peer_state>::call,
  };
}

} // namespace faro::plugin
