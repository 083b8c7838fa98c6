// A ucp_mem_h: memory of a device that is somebody else's, for slices to leave from and land in.
#pragma once

#include "plugins/ucx/Context.h"

#include <cstddef>

namespace faro::ucx {

/// What UCX knows of devices, and what stands between them and the wire. `onlyTcp`: the wire is nothing else.
faro_device_reach deviceReachOf(ucp_context_h context, bool onlyTcp);

class DeviceMemory {
public:
  /// While this lives, networks that read devices have it registered.
  static Expected<std::unique_ptr<DeviceMemory>> create(std::shared_ptr<Context> context, void *address, size_t size);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory &) = delete;
  DeviceMemory &operator=(const DeviceMemory &) = delete;

private:
  DeviceMemory(std::shared_ptr<Context> context, ucp_mem_h handle) : context_(std::move(context)), handle_(handle) {}
  std::shared_ptr<Context> context_;
  ucp_mem_h handle_;
};

} // namespace faro::ucx
