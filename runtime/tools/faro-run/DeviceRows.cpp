#include "runtime/tools/faro-run/DeviceRows.h"

namespace faro::run {

static cuda::api::Pointer address(const void *data) { return reinterpret_cast<uintptr_t>(data); }
static void *pointer(const cuda::Memory &memory) { return reinterpret_cast<void *>(uintptr_t(memory.address())); }

Expected<std::unique_ptr<DeviceRows>> DeviceRows::open(int number) {
  auto opened = cuda::Device::open(number);
  if (!opened)
    return opened.status();
  auto rows = std::make_unique<DeviceRows>();
  rows->device = std::move(*opened);
  FARO_RETURN_IF_ERROR(rows->device->makeCurrent());
  auto stream = cuda::Stream::create(rows->device);
  if (!stream)
    return stream.status();
  rows->stream = std::move(*stream);
  return rows;
}

Expected<ConstRows> DeviceRows::putTokens(ConstRows host) {
  auto memory = cuda::Memory::allocate(device, size_t(host.rows * host.stride));
  if (!memory)
    return memory.status();
  tokens = std::move(*memory);
  FARO_RETURN_IF_ERROR(stream->toDevice(tokens.address(), host.data, tokens.size()));
  FARO_RETURN_IF_ERROR(stream->wait());
  return ConstRows{pointer(tokens), host.rows, host.stride};
}

Expected<Rows> DeviceRows::makeCombined(Rows host) {
  auto memory = cuda::Memory::allocate(device, size_t(host.rows * host.stride));
  if (!memory)
    return memory.status();
  combined = std::move(*memory);
  FARO_RETURN_IF_ERROR(putCombined(host));
  return Rows{pointer(combined), host.rows, host.stride};
}

Status DeviceRows::putCombined(Rows host) {
  FARO_RETURN_IF_ERROR(stream->toDevice(combined.address(), host.data, combined.size()));
  return stream->wait();
}

Status DeviceRows::getCombined(Rows host) {
  FARO_RETURN_IF_ERROR(stream->toHost(host.data, combined.address(), combined.size()));
  return stream->wait();
}

Expected<Rows> DeviceRows::getReceived(const Rows &onDevice) {
  received.resize(size_t(onDevice.rows * onDevice.stride));
  FARO_RETURN_IF_ERROR(stream->toHost(received.data(), address(onDevice.data), received.size()));
  FARO_RETURN_IF_ERROR(stream->wait());
  return Rows{received.data(), onDevice.rows, onDevice.stride};
}

Status DeviceRows::put(const Rows &onDevice, const std::byte *host) {
  FARO_RETURN_IF_ERROR(stream->toDevice(address(onDevice.data), host, size_t(onDevice.rows * onDevice.stride)));
  return stream->wait();
}

} // namespace faro::run
