// One CUDA device, as a rank uses it: memory, streams, and a module's kernels.
#pragma once

#include "faro/module.h"
#include "runtime/device/cuda/Driver.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace faro::cuda {

/// Holds the device's primary context, which all of a process's users of the device share (PyTorch's too). Any thread
/// may use it after makeCurrent().
class Device : public std::enable_shared_from_this<Device> {
public:
  /// `number`: as the driver counts the devices that this process may use. Errors: INVALID_ARGUMENT (no such device),
  /// UNAVAILABLE.
  static Expected<std::shared_ptr<Device>> open(std::shared_ptr<const Driver> driver, int number);
  /// With this machine's driver. Errors: also as of Driver::get.
  static Expected<std::shared_ptr<Device>> open(int number);
  ~Device();
  Device(const Device &) = delete;
  Device &operator=(const Device &) = delete;

  const Driver &driver() const { return *driver_; }
  int number() const { return number_; }
  const std::string &name() const { return name_; }
  uint32_t architecture() const { return architecture_; } ///< 90 for compute capability 9.0
  uint32_t multiprocessors() const { return multiprocessors_; }
  /// As many as a caller asks for (cudaMultiprocessors); 0: all. INVALID_ARGUMENT when there are less.
  Expected<uint32_t> share(uint32_t asked) const;

  /// For the calling thread, until it makes another one current.
  Status makeCurrent() const;
  /// What other devices (a network's) have written into this one's memory, and said so, is what kernels see that are
  /// launched from now on. Costs a call of the driver on devices that do not see to it themselves. It must be current.
  Status flushRemoteWrites() const;

  /// A kernel that was launched. By any thread.
  void noteLaunch(const std::string &kernel) const;
  /// What the driver says of work that should be over; with the kernel that was launched last, and what can be done,
  /// when one has failed.
  Status check(api::Result ofWork) const;

private:
  friend class InContext;
  Device() = default;
  std::shared_ptr<const Driver> driver_;
  int number_ = 0;
  api::Ordinal ordinal = 0;
  api::Context context = nullptr;
  std::string name_;
  uint32_t architecture_ = 0, multiprocessors_ = 0;
  bool ordersRemoteWrites = false;
  mutable std::mutex mutex;
  mutable std::string lastLaunched;
};

/// For as long as this lives the device is current for the thread, and captures of other threads' streams do not
/// forbid it calls (nor do its calls spoil them); then what was before is again. For the library's own calls: what a
/// thread has current is its framework's.
class InContext {
public:
  explicit InContext(const Device &device);
  InContext(InContext &&other) noexcept = default;
  InContext &operator=(InContext &&) = delete;
  ~InContext();
  /// Whether it could be made current.
  const Status &status() const { return status_; }

private:
  std::shared_ptr<const Driver> driver; ///< null: nothing to undo
  api::Context before = nullptr;
  bool hasSwitched = false;
  int captureMode = 0; ///< before
  Status status_;
};

/// Memory of a device, freed with this. The device must be current when it is made.
class Memory {
public:
  static Expected<Memory> allocate(std::shared_ptr<const Device> device, size_t bytes);
  /// The same in zeros, which are there when this returns: put by a stream of its own, behind nobody's work.
  static Expected<Memory> zeroed(std::shared_ptr<const Device> device, size_t bytes);
  Memory() = default;
  Memory(Memory &&other) noexcept { swap(other); }
  Memory &operator=(Memory &&other) noexcept {
    swap(other);
    return *this;
  }
  ~Memory();

  api::Pointer address() const { return address_; } ///< 0 for no bytes
  size_t size() const { return size_; }

private:
  void swap(Memory &other) noexcept {
    std::swap(device, other.device);
    std::swap(address_, other.address_);
    std::swap(size_, other.size_);
  }
  std::shared_ptr<const Device> device;
  api::Pointer address_ = 0;
  size_t size_ = 0;
};

class Event;

/// Work in order, beside that of other streams.
class Stream {
public:
  static Expected<std::unique_ptr<Stream>> create(std::shared_ptr<const Device> device);
  /// A stream of somebody else (CUstream, in the device's primary context), who must keep it longer than this.
  static std::unique_ptr<Stream> borrow(std::shared_ptr<const Device> device, void *stream);
  ~Stream();
  Stream(const Stream &) = delete;
  Stream &operator=(const Stream &) = delete;

  /// Page-locked host memory must stay as it is until the stream has come to it; other memory is read at once.
  Status toDevice(api::Pointer to, const void *from, size_t bytes);
  Status toHost(void *to, api::Pointer from, size_t bytes);
  Status fill(api::Pointer to, uint8_t with, size_t bytes);
  Status zero(api::Pointer to, size_t bytes) { return fill(to, 0, bytes); }
  /// Within the device.
  Status copy(api::Pointer to, api::Pointer from, size_t bytes);
  /// `rows` rows of `bytes` bytes, each way so many bytes apart, within the device.
  Status copyRows(api::Pointer to, size_t toStride, api::Pointer from, size_t fromStride, size_t bytes, size_t rows);
  /// What is put into it from now on comes behind what another stream's event is behind.
  Status follow(const Event &);
  /// The same, of an event of somebody else (CUevent).
  Status followEvent(void *event);
  /// Until all that was put into it is done; a kernel that failed is an error here. Not bounded: what a kernel waits
  /// for has to be.
  Status wait();

  api::Stream handle() const { return stream; }
  const Device &device() const { return *device_; }

private:
  explicit Stream(std::shared_ptr<const Device> device) : device_(std::move(device)) {}
  std::shared_ptr<const Device> device_;
  api::Stream stream = nullptr;
  bool borrowed = false;
};

/// A place in a stream, and, where it is timed, which costs the device something, when the device came by.
class Event {
public:
  enum Kind { Untimed, Timed };
  static Expected<std::unique_ptr<Event>> create(std::shared_ptr<const Device> device, Kind kind = Untimed);
  ~Event();
  Event(const Event &) = delete;
  Event &operator=(const Event &) = delete;

  /// Behind what is in the stream now.
  Status record(Stream &);
  /// True when the device has come by. A kernel before it that failed is an error here.
  Expected<bool> test() const;
  /// Until the device has come by. Not bounded, like Stream::wait.
  Status wait();
  /// Milliseconds of the device's clock, to half a microsecond. The device must have come by both, which are timed.
  Expected<double> since(const Event &begin) const;

private:
  friend class Stream;
  explicit Event(std::shared_ptr<const Device> device) : device(std::move(device)) {}
  std::shared_ptr<const Device> device;
  api::Event event = nullptr;
};

/// How many blocks, of how many threads. Kernels are right with any.
struct Grid {
  uint32_t blocks = 1, threads = 256;
  /// How many multiprocessors there are for it, each with no more blocks than its registers hold at a time: others
  /// would come when these are done, to fewer and fewer multiprocessors. 0: the kernel wants all of its blocks.
  uint32_t multiprocessors = 0;
  /// Whether they are less than the device has. Then each has one block, for a device spreads blocks over all that it
  /// has. A push goes by bulk copies where it can: one thread of a block moves whole rows, and needs no registers for
  /// them.
  bool few = false;
  /// For `tokens` rows of `bytes` bytes: a thread for each 16 bytes, or for as few of them as keep to 512 threads (1024
  /// where a block has a multiprocessor); enough blocks for all tokens, up to those that `multiprocessors` hold at a
  /// time with 2048 threads each. `all`: that the device has.
  static Grid of(uint64_t tokens, uint64_t bytes, uint32_t multiprocessors, uint32_t all);
};

/// A module's kernels on a device.
class Kernels {
public:
  /// Loads the module's image for the device; or, where the driver does not read machine code as new as that, its PTX.
  /// Errors: UNAVAILABLE (no image for it), DATA_LOSS (the driver refuses the image, with what it says; a kernel is
  /// missing).
  static Expected<std::unique_ptr<Kernels>> load(std::shared_ptr<const Device> device,
                                                 std::shared_ptr<const Module> module);
  ~Kernels();
  Kernels(const Kernels &) = delete;
  Kernels &operator=(const Kernels &) = delete;

  /// Kernel `index` of the module's kernel sets as faro_abi_push_fn; all addresses are of the device.
  Status push(uint32_t index, Stream &, Grid, api::Pointer source, int64_t sourceStride, api::Pointer offsets,
              api::Pointer destinations, int64_t begin, int64_t end) const;
  bool hasResidentPush(uint32_t index) const { return resident[index]; }
  bool hasResidentPushes() const {
    return std::any_of(resident.begin(), resident.end(), [](api::Function each) { return each; });
  }
  /// As faro_abi_resident_push_fn; the kernel must have that form.
  Status residentPush(uint32_t index, Stream &, Grid, api::Pointer queue, api::Pointer states, uint64_t launch,
                      uint64_t lingerNs) const;
  /// As faro_abi_pull_fn.
  Status pull(uint32_t index, Stream &, Grid, api::Pointer out, int64_t outStride, api::Pointer offsets,
              api::Pointer rows, api::Pointer weights, int64_t begin, int64_t end) const;
  /// Now rather than at the first launch, which would wait for kernels that wait for this one.
  Status loadAll() const;
  /// As faro_abi_plan_fn.
  Status plan(uint32_t index, Stream &, Grid, api::Pointer area, api::Pointer given, api::Pointer tokens,
              int64_t number) const;

private:
  Kernels() = default;
  /// `unread`: whether the driver says that it does not know this kind of image.
  Status loadImage(const faro_abi_image &image, bool *unread);
  Status launch(api::Function function, const std::string &name, Stream &, Grid, void **parameters) const;
  Expected<uint32_t> blocksAtATime(api::Function function, uint32_t threads) const;
  Expected<Grid> fitted(api::Function function, Grid) const;

  std::shared_ptr<const Device> device;
  std::shared_ptr<const Module> module;
  api::Module loaded = nullptr;
  std::vector<api::Function> functions; ///< by kernel index; null for streaming forms
  std::vector<api::Function> bulk;      ///< the same by bulk copies; null where there is none
  std::vector<api::Function> resident;  ///< the same that wait for pushes, likewise
  /// What the driver said, by function and threads. Kernels are launched by one thread at a time.
  mutable std::map<std::pair<api::Function, uint32_t>, uint32_t> occupancy;
};

} // namespace faro::cuda
