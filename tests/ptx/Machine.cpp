#include "tests/ptx/Machine.h"

#include "tests/ptx/Accesses.h"
#include "tests/ptx/Arithmetic.h"
#include "tests/ptx/BulkCopies.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

namespace faro::test::ptx {
namespace {

constexpr std::byte Rubbish{0xee};

struct Thread {
  uint32_t number = 0, block = 0;
  size_t next = 0;
  bool isDone = false;
  uint64_t steps = 0;
  std::vector<uint64_t> file;
};

class Launch {
public:
  Launch(const Function &function, Grid grid, const std::vector<uint64_t> &parameters, const Reach &reach)
      : function(function), grid(grid), parameters(parameters), reach(reach), threads(grid.threads) {
    for (Thread &thread : threads)
      thread.file = function.file;
  }

  Work work;
  Fault run() {
    for (uint32_t block = grid.blocks; block-- > 0 && fault.code == NoFault;)
      runBlock(block);
    return fault;
  }

private:
  void runBlock(uint32_t block) {
    constexpr int Stretch = 1024; // instructions
    shared.assign(function.sharedBytes, Rubbish);
    bulk = {};
    for (uint32_t t = 0; t < grid.threads; ++t) {
      threads[t].number = t;
      threads[t].block = block;
      threads[t].next = 0;
      threads[t].isDone = false;
      threads[t].steps = 0;
      threads[t].file[ThreadInBlock] = t;
      threads[t].file[ThreadsOfBlock] = grid.threads;
      threads[t].file[BlockInGrid] = block;
      threads[t].file[BlocksOfGrid] = grid.blocks;
    }
    for (uint32_t left = grid.threads; left > 0;) {
      for (uint32_t t = grid.threads; t-- > 0;) {
        current = &threads[t];
        file = current->file.data();
        if (current->isDone)
          continue;
        for (int i = 0; i < Stretch && !current->isDone; ++i)
          if (!step())
            return;
        left -= current->isDone;
      }
      if (left > 0)
        std::this_thread::yield(); // what they wait for is another rank's
    }
    for (const Thread &thread : threads) {
      work.all += thread.steps;
      work.longest = std::max(work.longest, thread.steps);
    }
    if (!bulk.isIdle())
      fail(LaunchFailed, "ends with bulk copies under way");
  }

  bool fail(int code, const std::string &what) {
    fault = {code, function.name + ", line " + std::to_string(at ? at->line : 0) + ", block " +
                       std::to_string(current->block) + ", thread " + std::to_string(current->number) + ": " + what};
    return false;
  }

  uint32_t self() const { return 1 + current->block * grid.threads + current->number; }

  uint64_t get(size_t operand) const { return file[at->operands[operand]]; }
  void set(size_t operand, uint64_t value, uint32_t bits) {
    if (const uint32_t to = at->operands[operand]; to != Nowhere)
      file[to] = masked(value, bits);
  }

  /// Where the host has memory of the device; null, with the fault said, where it is nobody's or not aligned.
  std::byte *global(uint64_t address, size_t bytes, size_t alignment) {
    if ((address & (alignment - 1)) != 0) {
      fail(MisalignedAddress, hex(address) + " is not a multiple of " + std::to_string(alignment));
      return nullptr;
    }
    for (const Range &range : ranges)
      if (address >= range.begin && address < range.end && bytes <= range.end - address)
        return range.host + (address - range.begin);
    const Range found = reach(address);
    if (address < found.begin || address >= found.end || bytes > found.end - address) {
      fail(IllegalAddress, hex(address) + " of " + std::to_string(bytes) + " bytes is in no allocation");
      return nullptr;
    }
    ranges[oldest++ % std::size(ranges)] = found;
    return found.host + (address - found.begin);
  }
  std::byte *sharedAt(uint64_t address, size_t bytes, size_t alignment) {
    if (address % alignment == 0 && address >= SharedBase && address + bytes <= SharedBase + shared.size())
      return &shared[address - SharedBase];
    fail(address % alignment ? MisalignedAddress : IllegalAddress,
         hex(address) + " of " + std::to_string(bytes) + " bytes is not in the block's shared memory, or not aligned");
    return nullptr;
  }
  static std::string hex(uint64_t value) {
    constexpr char Digits[] = "0123456789abcdef";
    std::string text;
    for (; text.empty() || value; value /= 16)
      text.insert(text.begin(), Digits[value % 16]);
    return "0x" + text;
  }

  bool load() {
    const uint32_t each = at->type.bits / 8;
    const size_t bytes = size_t(each) * at->elements;
    const uint64_t address = get(at->elements) + uint64_t(at->offset);
    std::byte *from = global(address, bytes, bytes);
    if (!from)
      return false;
    if (at->isSynchronising) {
      set(0, std::atomic_ref(*reinterpret_cast<uint64_t *>(from)).load(std::memory_order_acquire), 64);
      return true;
    }
    if (!accesses.read(address, bytes, self(), at->isReadOnly))
      return fail(LaunchFailed, "reads " + hex(address) + ", which the same launch writes");
    for (uint32_t i = 0; i < at->elements; ++i) {
      uint64_t value = 0;
      std::memcpy(&value, from + size_t(i) * each, each);
      set(i, value, at->type.bits);
    }
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
    if (to)
      std::atomic_ref(*reinterpret_cast<uint64_t *>(to)).store(get(1), std::memory_order_release);
    return to;
  }
  bool write(uint64_t address, const std::byte *from, size_t bytes, size_t alignment) {
    std::byte *to = global(address, bytes, alignment);
    if (!to)
      return false;
    // Who writes what is there already harms nobody.
    if (std::memcmp(to, from, bytes) == 0)
      return true;
    if (!accesses.write(address, bytes, self()))
      return fail(LaunchFailed, "writes " + hex(address) + ", which another thread of the launch uses");
    std::memcpy(to, from, bytes);
    return true;
  }

  bool compute() {
    const auto operand = [this](size_t i) { return i < at->count ? get(i) : 0; };
    const std::optional<uint64_t> result = valueOf(*at, operand(1), operand(2), operand(3));
    if (!result)
      return fail(IllegalInstruction, "the PTX machine does not know it of this type");
    set(0, *result, 64);
    return true;
  }

  // Bulk copies.
  Barrier *barrierAt(uint64_t place) {
    const auto found = bulk.barriers.find(place);
    if (found != bulk.barriers.end())
      return &found->second;
    fail(IllegalInstruction, "there is no mbarrier at " + hex(place));
    return nullptr;
  }
  bool bulkLoad() {
    const BulkCopy copy{get(1), get(0), get(2), {}};
    Barrier *barrier = barrierAt(get(3));
    std::byte *to = isBulk(copy) ? sharedAt(copy.shared, copy.bytes, 16) : nullptr;
    if (!barrier || !to)
      return false;
    std::memset(to, int(Rubbish), copy.bytes);
    barrier->loads.push_back(copy);
    return true;
  }
  bool isBulk(const BulkCopy &copy) {
    return (copy.bytes > 0 && copy.bytes % 16 == 0) ||
           fail(IllegalInstruction, std::to_string(copy.bytes) + " bytes are not a multiple of 16");
  }
  bool await() {
    Barrier *barrier = barrierAt(get(1));
    if (!barrier)
      return false;
    for (const BulkCopy &copy : std::exchange(barrier->loads, {})) {
      const std::byte *from = global(copy.global, copy.bytes, 16);
      std::byte *to = from ? sharedAt(copy.shared, copy.bytes, 16) : nullptr;
      if (!to)
        return false;
      if (!accesses.read(copy.global, copy.bytes, self(), /*readOnly=*/true))
        return fail(LaunchFailed, "a bulk copy reads " + hex(copy.global) + ", which the same launch writes");
      std::memcpy(to, from, copy.bytes);
      barrier->bytes -= int64_t(copy.bytes);
    }
    if (barrier->isOver())
      barrier->next();
    set(0, (barrier->phase & 1) != (get(2) & 1), 1);
    return true;
  }
  bool bulkStore() {
    BulkCopy copy{get(0), get(1), get(2), {}};
    if (!isBulk(copy) || !sharedAt(copy.shared, copy.bytes, 16) || !global(copy.global, copy.bytes, 16))
      return false;
    bulk.open.push_back(std::move(copy));
    return true;
  }
  bool take(std::vector<BulkCopy> &group) {
    for (BulkCopy &copy : group) {
      const std::byte *from = sharedAt(copy.shared, copy.bytes, 16);
      if (!from)
        return false;
      copy.taken.assign(from, from + copy.bytes);
    }
    return true;
  }
  bool waitForGroups() {
    const uint64_t mayBeLeft = get(0);
    for (; bulk.groups.size() - bulk.read > mayBeLeft; ++bulk.read)
      if (!take(bulk.groups[bulk.read]))
        return false;
    if (at->onlyRead)
      return true;
    for (; bulk.groups.size() > mayBeLeft; bulk.groups.pop_front(), --bulk.read)
      for (const BulkCopy &copy : bulk.groups.front())
        if (!write(copy.global, copy.taken.data(), copy.bytes, 16))
          return false;
    return true;
  }

  bool step() {
    at = &function.code[current->next++];
    ++current->steps;
    if (at->guard >= 0 && bool(file[at->guard]) == at->guardIsNegated)
      return true;
    switch (at->op) {
    case Op::Return:
      current->isDone = true;
      return true;
    case Op::Branch:
      current->next = at->target;
      return true;
    case Op::Fence:
      std::atomic_thread_fence(std::memory_order_seq_cst);
      return true;
    case Op::LoadParameter:
      set(0, parameters[at->operands[1]], at->type.bits);
      return true;
    case Op::Load:
      return load();
    case Op::Store:
      return store();
    case Op::StoreShared: {
      std::byte *to = sharedAt(get(0) + uint64_t(at->offset), 4, 4);
      const auto value = uint32_t(get(1));
      if (to)
        std::memcpy(to, &value, sizeof value);
      return to;
    }
    case Op::Move:
      if (at->operands[1] == Clock)
        file[Clock] = uint64_t(std::chrono::steady_clock::now().time_since_epoch().count());
      set(0, get(1), at->type.bits);
      return true;
    case Op::Pack: {
      const uint32_t each = at->type.bits / at->elements;
      uint64_t value = 0;
      for (uint32_t i = 0; i < at->elements; ++i)
        value |= masked(get(1 + i), each) << (i * each);
      set(0, value, at->type.bits);
      return true;
    }
    case Op::Unpack: {
      const uint32_t each = at->type.bits / at->elements;
      const uint64_t value = get(at->elements);
      for (uint32_t i = 0; i < at->elements; ++i)
        set(i, value >> (i * each), each);
      return true;
    }
    case Op::Select:
      set(0, get(3) ? get(1) : get(2), at->type.bits);
      return true;
    case Op::BarrierInit:
      if (!sharedAt(get(0) + uint64_t(at->offset), 8, 8))
        return false;
      bulk.barriers[get(0) + uint64_t(at->offset)] = {get(1), get(1), 0, 0, {}};
      return true;
    case Op::BarrierExpect: {
      Barrier *barrier = barrierAt(get(1));
      if (!barrier || barrier->missing == 0)
        return barrier && fail(IllegalInstruction, "one arrival more than the mbarrier expects");
      --barrier->missing;
      barrier->bytes += int64_t(get(2));
      return true;
    }
    case Op::BarrierTryWait:
      return await();
    case Op::BulkLoad:
      return bulkLoad();
    case Op::BulkStore:
      return bulkStore();
    case Op::BulkCommit:
      bulk.groups.push_back(std::exchange(bulk.open, {}));
      return true;
    case Op::BulkWait:
      return waitForGroups();
    default:
      return compute();
    }
  }

  const Function &function;
  const Grid grid;
  const std::vector<uint64_t> &parameters;
  const Reach &reach;
  std::vector<Thread> threads;
  Thread *current = nullptr;
  uint64_t *file = nullptr; // the current thread's
  const Instruction *at = nullptr;
  std::vector<std::byte> shared;
  BulkCopies bulk; // groups are a thread's own: here one thread of a block copies
  Accesses accesses;
  Range ranges[8];
  unsigned oldest = 0;
  Fault fault;
};

} // namespace

Fault run(const Function &function, Grid grid, const std::vector<uint64_t> &parameters, const Reach &reach,
          Work *work) {
  Launch launch(function, grid, parameters, reach);
  const Fault fault = launch.run();
  if (work)
    *work = launch.work;
  return fault;
}

} // namespace faro::test::ptx
