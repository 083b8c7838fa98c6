// The table that a transport plugin returns, from a struct with the entries as static functions.
#pragma once

#include "plugins/LastError.h"

#include <cstddef>
#include <fmt/format.h>
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

/// Entries: all that faro_transport has after last_error, under the same names.
template <typename Entries> constexpr faro_transport makeTable(const char *name, uint32_t capabilities) {
  return {
      .version = FARO_TRANSPORT_VERSION,
      .struct_size = sizeof(faro_transport),
      .name = name,
      .capabilities = capabilities,
      .last_error = [] { return lastError().c_str(); },
      .open = Entries::open,
      .close = Entries::close,
      .address = Entries::address,
      .connect = Entries::connect,
      .alloc = Entries::alloc,
      .base = Entries::base,
      .key = Entries::key,
      .release = Entries::release,
      .map = Entries::map,
      .pointer = Entries::pointer,
      .unmap = Entries::unmap,
      .put = Entries::put,
      .flush = Entries::flush,
      .send = Entries::send,
      .deliver = Entries::deliver,
      .device_reach = Entries::device_reach,
      .attach = Entries::attach,
      .detach = Entries::detach,
      .progress = Entries::progress,
      .sleep = Entries::sleep,
      .wake = Entries::wake,
      .peer_state = Entries::peer_state,
  };
}

} // namespace faro::plugin
