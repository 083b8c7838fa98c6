// Memory of a ring's slots, which the wire reads and writes. Where rows are on a device, its kernels do too:
//
//   together   head | rows ...     host memory; kernels on a device reach it over the bus
//   apart      head                host memory
//              rows ...            the device's memory; the wire reaches it
#pragma once

#include "runtime/engine/SliceShape.h"

#include <cstddef>
#include <functional>
#include <memory>

namespace faro {

/// Memory that kernels on a device reach, until this goes away.
class SlotBacking {
public:
  virtual ~SlotBacking() = default;
  const uint64_t address; ///< of its first byte, for kernels

protected:
  explicit SlotBacking(uint64_t address) : address(address) {}
};

/// What makes slots that kernels on a device reach: one of the two. Neither: kernels run on the host.
struct SlotMaker {
  using Backing = Expected<std::unique_ptr<SlotBacking>>;
  std::function<Backing(std::byte *memory, uint64_t bytes)> pin; ///< host memory that a slot has
  std::function<Backing(uint64_t bytes)> rows;                   ///< memory for rows apart, aligned to 256

  bool forDevice() const { return pin || rows; }
};

/// A slot: a slice's head, and where its rows are.
struct Slot {
  std::byte *bytes;
  uint64_t forKernels; ///< of the slot, as kernels see it; rows apart: of these
  bool apart;          ///< rows

  /// Of row 0, as kernels see it, behind a head of so many bytes.
  uint64_t rowsAt(uint64_t headBytes) const { return apart ? forKernels : forKernels + headBytes; }
};

/// Slots; heads are aligned to 64 bytes and zero at first.
class SlotMemory {
public:
  /// Bytes ahead of the first slot, which so begins no page. Over tcp, UCX 1.13 puts 13 bytes of its own ahead of a
  /// slice, and the kernel would copy what begins a page to 13 bytes behind the begin of another. For that `rep movsb`
  /// takes 20 times as long on Zen 3: to less than a line behind where it reads, counted within pages, at 2 GB/s, else
  /// at 40 (measured; glibc's bug 30994 names Zen 4, too).
  static constexpr uint64_t Lead = 64;

  static Expected<std::unique_ptr<SlotMemory>> create(const RingShape &ring, const SlotMaker &maker);
  ~SlotMemory();
  SlotMemory(const SlotMemory &) = delete;
  SlotMemory &operator=(const SlotMemory &) = delete;
  Slot slot(uint32_t index) const { return {first() + index * hostBytes, forKernels + index * kernelBytes, apart}; }

private:
  SlotMemory() = default;
  std::byte *first() const { return static_cast<std::byte *>(mapping) + Lead; }
  void *mapping = nullptr;
  uint64_t bytes = 0;                      ///< of it
  uint64_t hostBytes = 0, kernelBytes = 0; ///< from slot to slot
  uint64_t forKernels = 0;
  bool apart = false;
  std::unique_ptr<SlotBacking> backing;
};

} // namespace faro
