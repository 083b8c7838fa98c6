#include "runtime/device/cuda/DeviceSlots.h"

#include "runtime/core/TransportPlugin.h"

#include <fmt/format.h>

namespace faro::cuda {

namespace {

class AttachedRows final : public SlotBacking {
public:
  static SlotMaker::Backing create(std::shared_ptr<Communicator> communicator, std::shared_ptr<const Device> device,
                                   uint64_t bytes) {
    FARO_RETURN_IF_ERROR(device->makeCurrent());
    auto memory = Memory::allocate(device, bytes);
    if (!memory)
      return memory.status();
    auto stream = Stream::create(device);
    if (!stream)
      return stream.status();
    std::unique_ptr<AttachedRows> rows(
        new AttachedRows(std::move(communicator), std::move(*memory), std::move(*stream)));
    const faro_transport &transport = rows->communicator->transport();
    const faro_device_memory attached{rows->start(), bytes, copy, rows.get()};
    if (const faro_status code = transport.attach(rows->communicator->transportContext(), &attached))
      return transportError(transport, code, fmt::format("attaching {} bytes of {}", bytes, device->name()));
    rows->attached = true;
    return std::unique_ptr<SlotBacking>(std::move(rows));
  }

  ~AttachedRows() override {
    if (attached)
      communicator->transport().detach(communicator->transportContext(), start());
  }

private:
  AttachedRows(std::shared_ptr<Communicator> communicator, Memory memory, std::unique_ptr<Stream> stream)
      : SlotBacking(memory.address()), communicator(std::move(communicator)), memory(std::move(memory)),
        stream(std::move(stream)) {}

  void *start() const { return reinterpret_cast<void *>(uintptr_t(memory.address())); }

  /// In a stream of its own: it is not to wait for the session's kernels, which wait for nothing either.
  static faro_status copy(void *self, void *to, const void *from, size_t size) {
    Stream &stream = *static_cast<AttachedRows *>(self)->stream;
    return copyAndWait(stream, reinterpret_cast<uintptr_t>(to), reinterpret_cast<uintptr_t>(from), size).code();
  }
  static Status copyAndWait(Stream &stream, api::Pointer to, api::Pointer from, size_t size) {
    const InContext current(stream.device()); // the transport's thread
    FARO_RETURN_IF_ERROR(current.status());
    FARO_RETURN_IF_ERROR(stream.copy(to, from, size));
    return stream.wait();
  }

  const std::shared_ptr<Communicator> communicator;
  const Memory memory;
  const std::unique_ptr<Stream> stream;
  bool attached = false;
};

} // namespace

Expected<faro_device_reach> reachOf(const std::shared_ptr<Communicator> &communicator,
                                    std::shared_ptr<const Device> device) {
  const faro_transport &transport = communicator->transport();
  if (!(transport.capabilities & FARO_CAN_DEVICE))
    return Status(FARO_UNAVAILABLE, "it knows nothing of devices");
  // Whoever cannot says why.
  constexpr uint64_t Little = 64 << 10;
  if (const auto tried = AttachedRows::create(communicator, std::move(device), Little); !tried)
    return tried.status();
  return transport.device_reach(communicator->transportContext());
}

SlotMaker slotsOnDevice(std::shared_ptr<Communicator> communicator, std::shared_ptr<const Device> device) {
  SlotMaker maker;
  maker.rows = [communicator = std::move(communicator), device = std::move(device)](uint64_t bytes) {
    return AttachedRows::create(communicator, device, bytes);
  };
  return maker;
}

} // namespace faro::cuda
