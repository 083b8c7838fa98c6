#include "plugins/ucx/MemoryHandle.h"

#include "plugins/ucx/RemoteKey.h"
#include "plugins/ucx/UcsStatus.h"

#include <cstdio>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <string>

namespace faro::ucx {

constexpr size_t Alignment = 4096; // promised by faro_transport::alloc

/// What the kernel thinks can be had without swapping; no limit where it does not say.
static uint64_t availableMemory() {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);)
    if (unsigned long long kib = 0; std::sscanf(line.c_str(), "MemAvailable: %llu kB", &kib) == 1)
      return uint64_t(kib) << 10;
  return UINT64_MAX;
}

Expected<std::unique_ptr<MemoryHandle>> MemoryHandle::create(std::shared_ptr<Context> context, size_t size) {
  // UCX would find out by filling /dev/shm, and with it the machine's memory.
  if (const uint64_t available = availableMemory(); size > available)
    return Status(FARO_OUT_OF_MEMORY,
                  fmt::format("a region of {} bytes: this machine has {} bytes available", size, available));
  ucp_mem_map_params_t params{};
  params.field_mask = UCP_MEM_MAP_PARAM_FIELD_ADDRESS | UCP_MEM_MAP_PARAM_FIELD_LENGTH | UCP_MEM_MAP_PARAM_FIELD_FLAGS;
  params.address = nullptr;
  params.length = size;
  params.flags = UCP_MEM_MAP_ALLOCATE;
  ucp_mem_h handle = nullptr;
  if (ucs_status_t status = ucp_mem_map(context->handle(), &params, &handle); status != UCS_OK)
    return Status(FARO_OUT_OF_MEMORY, toStatus(status, fmt::format("a region of {} bytes", size)).message() +
                                          "; is there room left in memory and in /dev/shm, and do `ipcs -l` allow it?");
  std::unique_ptr<MemoryHandle> memory(new MemoryHandle(std::move(context), handle, size));

  ucp_mem_attr_t attributes{};
  attributes.field_mask = UCP_MEM_ATTR_FIELD_ADDRESS;
  if (ucs_status_t status = ucp_mem_query(handle, &attributes); status != UCS_OK)
    return toStatus(status, "asking UCX where a region lies");
  memory->base_ = attributes.address;
  if (reinterpret_cast<uintptr_t>(memory->base_) % Alignment)
    return Status(FARO_INTERNAL,
                  fmt::format("UCX placed a region at {}, which is no multiple of {}; unset UCX_ALLOC_PRIO",
                              memory->base_, Alignment));
  if (memory->context_->mustZero())
    std::memset(memory->base_, 0, size);
  return memory;
}

MemoryHandle::~MemoryHandle() { ucp_mem_unmap(context_->handle(), handle_); }

Expected<std::vector<std::byte>> MemoryHandle::pack() const {
  void *data = nullptr;
  size_t size = 0;
  if (ucs_status_t status = ucp_rkey_pack(context_->handle(), handle_, &data, &size); status != UCS_OK)
    return toStatus(status, "packing the key of a region");
  const PackedKeyHeader header{uint64_t(reinterpret_cast<uintptr_t>(base_)), size_};
  std::vector<std::byte> packed(sizeof header + size);
  std::memcpy(packed.data(), &header, sizeof header);
  std::memcpy(packed.data() + sizeof header, data, size);
  ucp_rkey_buffer_release(data);
  return packed;
}

} // namespace faro::ucx
