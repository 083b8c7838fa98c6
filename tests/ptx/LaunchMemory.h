// The memory of a launch, as the thread whose turn it is reads and writes it.
#pragma once

#include "tests/ptx/Accesses.h"
#include "tests/ptx/Arithmetic.h"
#include "tests/ptx/Block.h"
#include "tests/ptx/Machine.h"

#include <atomic>
#include <bit>
#include <cstring>
#include <fmt/format.h>
#include <iterator>

// The machine is compiled without sanitizers. That of threads is told what passes between a kernel and a host beside
// it.
extern "C" {
__attribute__((weak)) void __tsan_acquire(void *word);
__attribute__((weak)) void __tsan_release(void *word);
}

namespace faro::test::ptx {

class LaunchMemory {
protected:
  LaunchMemory(const Function &function, Grid grid, const Reach &reach)
      : function(function), grid(grid), reach(reach) {}

  bool fail(int code, const std::string &what) {
    fault = {code, fmt::format("{}, line {}, block {}, thread {}: {}", function.name, at ? at->line : 0, block->number,
                               thread(), what)};
    return false;
  }

  uint32_t thread() const { return warp->firstThread + lane; }
  uint32_t self() const { return 1 + block->number * grid.threads + thread(); }

  const uint64_t *row(size_t operand) const { return warp->row(at->operands[operand]); }
  uint64_t get(size_t operand) const { return row(operand)[lane]; }
  void set(size_t operand, uint64_t value, uint32_t bits) {
    if (const uint32_t to = at->operands[operand]; to != Nowhere)
      warp->row(to)[lane] = masked(value, bits);
  }

  /// Where the host has memory of the device; null, with the fault said, where it is nobody's or not aligned.
  std::byte *global(uint64_t address, size_t bytes, size_t alignment) {
    if ((address & (alignment - 1)) != 0) {
      fail(MisalignedAddress, fmt::format("{:#x} is not a multiple of {}", address, alignment));
      return nullptr;
    }
    for (const Range &range : ranges)
      if (address >= range.begin && address < range.end && bytes <= range.end - address)
        return range.host + (address - range.begin);
    const Range found = reach(address);
    if (address < found.begin || address >= found.end || bytes > found.end - address) {
      fail(IllegalAddress, fmt::format("{:#x} of {} bytes is in no allocation", address, bytes));
      return nullptr;
    }
    ranges[oldest++ % std::size(ranges)] = found;
    return found.host + (address - found.begin);
  }
  std::byte *sharedAt(uint64_t address, size_t bytes, size_t alignment) {
    if (address % alignment == 0 && address >= SharedBase && address + bytes <= SharedBase + block->shared.size())
      return &block->shared[address - SharedBase];
    fail(address % alignment ? MisalignedAddress : IllegalAddress,
         fmt::format("{:#x} of {} bytes is not in the block's shared memory, or not aligned", address, bytes));
    return nullptr;
  }

  bool load(uint32_t reader) {
    const uint32_t each = at->type.bits / 8;
    const size_t bytes = size_t(each) * at->elements;
    const uint64_t address = get(at->elements) + uint64_t(at->offset);
    std::byte *from = global(address, bytes, bytes);
    if (!from)
      return false;
    if (at->isSynchronising) {
      block->acquired = std::atomic_ref(*reinterpret_cast<uint64_t *>(from)).load(std::memory_order_acquire);
      if (__tsan_acquire)
        __tsan_acquire(from);
      set(0, block->acquired, 64);
      return true;
    }
    if (!accesses.read(address, bytes, reader, block->epoch, at->isReadOnly))
      return fail(LaunchFailed, fmt::format("reads {:#x}, which the same launch writes", address));
    for (uint32_t i = 0; i < at->elements; ++i) {
      uint64_t value = 0;
      std::memcpy(&value, from + size_t(i) * each, each);
      set(i, value, at->type.bits);
    }
    return true;
  }

  /// Often a warp reads what is the same for all of it.
  bool isOneAddress(Lanes lanes) const {
    const uint64_t *addresses = row(at->elements);
    return !at->isSynchronising && !std::has_single_bit(lanes) &&
           eachLane(lanes, [&](uint32_t each) { return addresses[each] == addresses[std::countr_zero(lanes)]; });
  }
  bool loadForAll(Lanes lanes) {
    lane = uint32_t(std::countr_zero(lanes));
    if (!load(Accesses::Several))
      return false;
    for (uint32_t i = 0; i < at->elements; ++i)
      if (uint64_t *to = warp->row(at->operands[i]); at->operands[i] != Nowhere)
        eachLane(lanes, [&](uint32_t each) { to[each] = to[lane]; });
    return true;
  }

  bool store() {
    const uint32_t each = at->type.bits / 8;
    const size_t bytes = size_t(each) * at->elements;
    const uint64_t address = get(0) + uint64_t(at->offset);
    std::byte values[64];
    for (uint32_t i = 0; i < at->elements; ++i) {
      const uint64_t value = get(1 + i);
      std::memcpy(values + size_t(i) * each, &value, each);
    }
    if (!at->isSynchronising)
      return write(address, values, bytes, bytes);
    std::byte *to = global(address, bytes, bytes);
    if (!to)
      return false;
    if (__tsan_release)
      __tsan_release(to);
    std::atomic_ref(*reinterpret_cast<uint64_t *>(to)).store(get(1), std::memory_order_release);
    return true;
  }
  bool write(uint64_t address, const std::byte *from, size_t bytes, size_t alignment) {
    std::byte *to = global(address, bytes, alignment);
    if (!to)
      return false;
    // Who writes what is there already harms nobody.
    if (std::memcmp(to, from, bytes) == 0)
      return true;
    if (!accesses.write(address, bytes, self(), block->epoch))
      return fail(LaunchFailed, fmt::format("writes {:#x}, which another thread of the launch uses", address));
    std::memcpy(to, from, bytes);
    return true;
  }

  const Function &function;
  const Grid grid;
  Block *block = nullptr; ///< the current one, as the others here
  Warp *warp = nullptr;
  uint32_t lane = 0;
  const Instruction *at = nullptr;
  Accesses accesses;
  Fault fault;

private:
  const Reach &reach;
  Range ranges[8]; ///< found last
  unsigned oldest = 0;
};

} // namespace faro::test::ptx
