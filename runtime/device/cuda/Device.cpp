#include "runtime/device/cuda/Device.h"

#include <fmt/format.h>

namespace faro::cuda {

//===------------------------------------------------------------ device ---===//

Expected<std::shared_ptr<Device>> Device::open(std::shared_ptr<const Driver> driver, int number) {
  std::shared_ptr<Device> device(new Device());
  device->driver_ = std::move(driver);
  device->number_ = number;
  const Driver &cuda = *device->driver_;
  int devices = 0;
  FARO_RETURN_IF_ERROR(cuda.check(cuda.deviceGetCount(&devices), "cuDeviceGetCount"));
  if (number < 0 || number >= devices)
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("there is no CUDA device {}; this process may use {} (CUDA_VISIBLE_DEVICES), numbered "
                              "from 0",
                              number, devices));
  FARO_RETURN_IF_ERROR(cuda.check(cuda.deviceGet(&device->ordinal, number), fmt::format("cuDeviceGet {}", number)));
  char name[256] = {};
  FARO_RETURN_IF_ERROR(cuda.check(cuda.deviceGetName(name, sizeof name - 1, device->ordinal), "cuDeviceGetName"));
  device->name_ = name;
  int major = 0, minor = 0, multiprocessors = 0, ordering = 0, flushes = 0;
  for (const auto &[value, attribute] : {std::pair(&major, int(api::MajorVersion)),
                                         {&minor, int(api::MinorVersion)},
                                         {&multiprocessors, int(api::MultiprocessorCount)},
                                         {&ordering, int(api::RemoteWritesOrdering)},
                                         {&flushes, int(api::RemoteWritesFlushes)}})
    FARO_RETURN_IF_ERROR(
        cuda.check(cuda.deviceGetAttribute(value, attribute, device->ordinal), "cuDeviceGetAttribute"));
  device->architecture_ = uint32_t(10 * major + minor);
  device->multiprocessors_ = uint32_t(multiprocessors);
  // A device for which the host cannot flush has no network write into it.
  device->ordersRemoteWrites = ordering >= api::OrderedForOwner || !(flushes & api::FlushedByHost);
  FARO_RETURN_IF_ERROR(cuda.check(cuda.primaryCtxRetain(&device->context, device->ordinal),
                                  fmt::format("cuDevicePrimaryCtxRetain of device {} ({})", number, device->name_)));
  return device;
}

Expected<uint32_t> Device::share(uint32_t asked) const {
  if (asked > multiprocessors_)
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("cudaMultiprocessors: expected at most the {} of device {} ({}), or 0 for all; found {}",
                              multiprocessors_, number_, name_, asked));
  return asked ? asked : multiprocessors_;
}

Expected<std::shared_ptr<Device>> Device::open(int number) {
  auto driver = Driver::get();
  if (!driver)
    return driver.status();
  return open(*driver, number);
}

Device::~Device() {
  if (context)
    (void)driver_->primaryCtxRelease(ordinal);
}

Status Device::makeCurrent() const { return driver_->check(driver_->ctxSetCurrent(context), "cuCtxSetCurrent"); }

InContext::InContext(const Device &device) {
  const Driver &cuda = device.driver();
  status_ = cuda.check(cuda.ctxGetCurrent(&before), "cuCtxGetCurrent");
  hasSwitched = status_ && before != device.context;
  if (hasSwitched)
    status_ = device.makeCurrent();
  if (!status_)
    return;
  driver = device.driver_;
  captureMode = api::CaptureThreadLocal;
  status_ = cuda.check(cuda.threadExchangeCaptureMode(&captureMode), "cuThreadExchangeStreamCaptureMode");
}

InContext::~InContext() {
  if (!driver)
    return;
  (void)driver->threadExchangeCaptureMode(&captureMode);
  if (hasSwitched)
    (void)driver->ctxSetCurrent(before);
}

Status Device::flushRemoteWrites() const {
  constexpr int CurrentContext = 0; // CUflushGPUDirectRDMAWritesTarget
  return ordersRemoteWrites ? Status::ok()
                            : driver_->check(driver_->flushRemoteWrites(CurrentContext, api::OrderedForOwner),
                                             fmt::format("cuFlushGPUDirectRDMAWrites on {}", name_));
}

void Device::noteLaunch(const std::string &kernel) const {
  const std::lock_guard lock(mutex);
  lastLaunched = kernel;
}

Status Device::check(api::Result ofWork) const {
  const Status said = driver().check(ofWork, fmt::format("work on {} failed", name()));
  // CUDA_ERROR_ILLEGAL_ADDRESS to CUDA_ERROR_LAUNCH_FAILED: the context is lost.
  if (ofWork < 700 || ofWork > 719)
    return said;
  const std::lock_guard lock(mutex);
  return {said.code(),
          fmt::format("{}; Faro launched last: {}. This process can use the device no more, only rows in host "
                      "memory; start another one (compute-sanitizer says which access it was)",
                      said.message(), lastLaunched.empty() ? "nothing" : lastLaunched)};
}

//===------------------------------------------------------------ memory ---===//

Expected<Memory> Memory::allocate(std::shared_ptr<const Device> device, size_t bytes) {
  Memory memory;
  if (bytes > 0)
    FARO_RETURN_IF_ERROR(device->driver().check(device->driver().memAlloc(&memory.address_, bytes),
                                                fmt::format("cuMemAlloc of {} bytes on {}", bytes, device->name())));
  memory.size_ = bytes;
  memory.device = std::move(device);
  return memory;
}

Expected<Memory> Memory::zeroed(std::shared_ptr<const Device> device, size_t bytes) {
  auto memory = allocate(device, bytes);
  auto stream = Stream::create(std::move(device));
  for (const Status &status : {memory.status(), stream.status()})
    FARO_RETURN_IF_ERROR(status);
  FARO_RETURN_IF_ERROR((*stream)->zero(memory->address(), bytes));
  FARO_RETURN_IF_ERROR((*stream)->wait());
  return memory;
}

Memory::~Memory() {
  if (!address_)
    return;
  if (const InContext current(*device); current.status())
    (void)device->driver().memFree(address_);
}

//===------------------------------------------------------------ stream ---===//

Expected<std::unique_ptr<Stream>> Stream::create(std::shared_ptr<const Device> device) {
  std::unique_ptr<Stream> made(new Stream(std::move(device)));
  const Driver &cuda = made->device_->driver();
  FARO_RETURN_IF_ERROR(cuda.check(cuda.streamCreate(&made->stream, api::StreamNonBlocking), "cuStreamCreate"));
  return made;
}

std::unique_ptr<Stream> Stream::borrow(std::shared_ptr<const Device> device, void *stream) {
  std::unique_ptr<Stream> made(new Stream(std::move(device)));
  made->stream = static_cast<api::Stream>(stream);
  made->borrowed = true;
  return made;
}

Stream::~Stream() {
  if (!stream || borrowed)
    return;
  if (const InContext current(*device_); current.status())
    (void)device_->driver().streamDestroy(stream);
}

Status Stream::toDevice(api::Pointer to, const void *from, size_t bytes) {
  const Driver &cuda = device_->driver();
  return bytes == 0 ? Status::ok()
                    : cuda.check(cuda.memcpyHtoDAsync(to, from, bytes, stream),
                                 fmt::format("cuMemcpyHtoDAsync of {} bytes", bytes));
}

Status Stream::toHost(void *to, api::Pointer from, size_t bytes) {
  const Driver &cuda = device_->driver();
  return bytes == 0 ? Status::ok()
                    : cuda.check(cuda.memcpyDtoHAsync(to, from, bytes, stream),
                                 fmt::format("cuMemcpyDtoHAsync of {} bytes", bytes));
}

Status Stream::fill(api::Pointer to, uint8_t with, size_t bytes) {
  const Driver &cuda = device_->driver();
  return bytes == 0 ? Status::ok()
                    : cuda.check(cuda.memsetD8Async(to, with, bytes, stream),
                                 fmt::format("cuMemsetD8Async of {} bytes", bytes));
}

Status Stream::copy(api::Pointer to, api::Pointer from, size_t bytes) {
  const Driver &cuda = device_->driver();
  return bytes == 0 ? Status::ok()
                    : cuda.check(cuda.memcpyDtoDAsync(to, from, bytes, stream),
                                 fmt::format("cuMemcpyDtoDAsync of {} bytes", bytes));
}

Status Stream::copyRows(api::Pointer to, size_t toStride, api::Pointer from, size_t fromStride, size_t bytes,
                        size_t rows) {
  if (rows == 0)
    return Status::ok();
  api::Copy2D copy{};
  copy.fromKind = copy.toKind = api::DeviceMemory;
  copy.from = from;
  copy.fromPitch = fromStride;
  copy.to = to;
  copy.toPitch = toStride;
  copy.widthBytes = bytes;
  copy.height = rows;
  const Driver &cuda = device_->driver();
  return cuda.check(cuda.memcpy2DAsync(&copy, stream),
                    fmt::format("cuMemcpy2DAsync of {} rows of {} bytes", rows, bytes));
}

/// What a query's result says.
static Expected<bool> isOver(const Device &device, api::Result result) {
  constexpr api::Result NotReady = 600; // CUDA_ERROR_NOT_READY
  if (result == NotReady)
    return false;
  FARO_RETURN_IF_ERROR(device.check(result));
  return true;
}

Status Stream::follow(const Event &event) { return followEvent(event.event); }

Status Stream::followEvent(void *event) {
  const Driver &cuda = device_->driver();
  return cuda.check(cuda.streamWaitEvent(stream, static_cast<api::Event>(event), 0), "cuStreamWaitEvent");
}

Status Stream::wait() { return device_->check(device_->driver().streamSynchronize(stream)); }

//===------------------------------------------------------------- event ---===//

Expected<std::unique_ptr<Event>> Event::create(std::shared_ptr<const Device> device, Kind kind) {
  std::unique_ptr<Event> made(new Event(std::move(device)));
  const Driver &cuda = made->device->driver();
  FARO_RETURN_IF_ERROR(
      cuda.check(cuda.eventCreate(&made->event, kind == Timed ? 0 : api::EventWithoutTime), "cuEventCreate"));
  return made;
}

Event::~Event() {
  if (!event)
    return;
  if (const InContext current(*device); current.status())
    (void)device->driver().eventDestroy(event);
}

Status Event::record(Stream &stream) {
  return device->driver().check(device->driver().eventRecord(event, stream.handle()), "cuEventRecord");
}

Expected<bool> Event::test() const { return isOver(*device, device->driver().eventQuery(event)); }

Status Event::wait() { return device->check(device->driver().eventSynchronize(event)); }

Expected<double> Event::since(const Event &begin) const {
  float milliseconds = 0;
  FARO_RETURN_IF_ERROR(device->driver().check(device->driver().eventElapsedTime(&milliseconds, begin.event, event),
                                              "cuEventElapsedTime"));
  return double(milliseconds);
}

} // namespace faro::cuda
