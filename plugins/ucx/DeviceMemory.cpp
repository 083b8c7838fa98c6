#include "plugins/ucx/DeviceMemory.h"

#include "plugins/ucx/UcsStatus.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <iterator>
#include <system_error>

namespace faro::ucx {

/// What lets InfiniBand's driver register a device's memory, where UCX looks for it, too. A driver that hands out
/// dma-bufs does without; that cannot be seen from here, and counts as a wire that copies.
constexpr const char *PeerMemory[] = {"/sys/module/nvidia_peermem", "/sys/module/nv_peermem", "/sys/module/nv_peer_mem",
                                      "/sys/kernel/mm/memory_peers/nv_mem"};

faro_device_reach deviceReachOf(ucp_context_h context, bool onlyTcp) {
  ucp_context_attr_t attributes{};
  attributes.field_mask = UCP_ATTR_FIELD_MEMORY_TYPES;
  // A UCX without CUDA takes a device's address for one of the host's, and dies of it.
  if (ucp_context_query(context, &attributes) != UCS_OK || !(attributes.memory_types & UCS_BIT(UCS_MEMORY_TYPE_CUDA)))
    return FARO_DEVICE_NEVER;
  const auto exists = [](const char *path) {
    std::error_code error;
    return std::filesystem::exists(path, error);
  };
  return !onlyTcp && std::ranges::any_of(PeerMemory, exists) ? FARO_DEVICE_DIRECT : FARO_DEVICE_STAGED;
}

Expected<std::unique_ptr<DeviceMemory>> DeviceMemory::create(std::shared_ptr<Context> context, void *address,
                                                             size_t size) {
  ucp_mem_map_params_t params{};
  params.field_mask =
      UCP_MEM_MAP_PARAM_FIELD_ADDRESS | UCP_MEM_MAP_PARAM_FIELD_LENGTH | UCP_MEM_MAP_PARAM_FIELD_MEMORY_TYPE;
  params.address = address;
  params.length = size;
  params.memory_type = UCS_MEMORY_TYPE_CUDA;
  ucp_mem_h handle = nullptr;
  if (ucs_status_t status = ucp_mem_map(context->handle(), &params, &handle); status != UCS_OK)
    return toStatus(status, fmt::format("registering {} bytes of a device with UCX", size));
  return std::unique_ptr<DeviceMemory>(new DeviceMemory(std::move(context), handle));
}

DeviceMemory::~DeviceMemory() { ucp_mem_unmap(context_->handle(), handle_); }

} // namespace faro::ucx
