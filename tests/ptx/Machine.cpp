#include "tests/ptx/Machine.h"

#include "tests/ptx/LaunchMemory.h"

#include <algorithm>
#include <chrono>
#include <list>
#include <thread>
#include <utility>

namespace faro::test::ptx {
namespace {

class Launch : private LaunchMemory {
public:
  Launch(const Function &function, Grid grid, const std::vector<uint64_t> &parameters, const Reach &reach)
      : LaunchMemory(function, grid, reach), parameters(parameters) {}

  Work work;
  /// A block begins when the one before it is over; or when all that have begun rest, as they may for long.
  Fault run() {
    for (uint32_t next = grid.blocks; (next > 0 || !begun.empty()) && fault.code == NoFault;) {
      if (next > 0 && std::ranges::all_of(begun, &Block::rests))
        begin(--next);
      for (auto each = begun.begin(); each != begun.end();) {
        block = &*each;
        if (!runRound())
          return fault;
        const auto ran = each++;
        if (block->isDone())
          over.splice(over.end(), begun, ran);
      }
      if (next == 0 && !begun.empty() && std::ranges::all_of(begun, &Block::rests))
        std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
    return fault;
  }

private:
  void begin(uint32_t number) {
    if (over.empty())
      begun.emplace_back(function, grid.threads);
    else
      begun.splice(begun.end(), over, over.begin());
    begun.back().begin(number, grid.blocks, grid.threads);
  }
  /// A stretch of each of the block's warps.
  bool runRound() {
    block->rests = false;
    for (size_t w = block->warps.size(); w-- > 0;) {
      warp = &block->warps[w];
      if (!warp->isDone() && !warp->meets && !runTurn())
        return false;
    }
    if (block->isDone())
      return end();
    if (!block->meet(function) && !block->rests)
      std::this_thread::yield(); // what they wait for is another rank's, or the host's
    return true;
  }
  bool end() {
    for (const Warp &each : block->warps)
      for (const uint64_t steps : each.steps) {
        work.all += steps;
        work.longest = std::max(work.longest, steps);
      }
    return block->bulk.isIdle() || fail(LaunchFailed, "ends with bulk copies under way");
  }
  bool runTurn() {
    constexpr int Stretch = 1024; // instructions
    warp->beginTurn();
    for (int i = 0; i < Stretch && !warp->isDone() && !warp->meets; ++i)
      if (!step())
        return false;
    return true;
  }

  bool computeLanes(Lanes lanes) {
    const auto operand = [this](size_t i) { return i < at->count ? row(i) : warp->row(Nowhere); };
    const auto first = uint32_t(std::countr_zero(lanes)), last = uint32_t(std::bit_width(lanes));
    lane = first;
    uint64_t results[WarpThreads];
    if (!compute(*at, {operand(1), operand(2), operand(3), results, first, last}))
      return fail(IllegalInstruction, "the PTX machine does not know it of this type");
    uint64_t *to = warp->row(at->operands[0]);
    if (at->operands[0] == Nowhere)
      return true;
    if (uint32_t(std::popcount(lanes)) == last - first)
      std::copy(results + first, results + last, to + first);
    else
      eachLane(lanes, [&](uint32_t each) { to[each] = results[each]; });
    return true;
  }

  // Bulk copies.
  Barrier *barrierAt(uint64_t place) {
    const auto found = block->bulk.barriers.find(place);
    if (found != block->bulk.barriers.end())
      return &found->second;
    fail(IllegalInstruction, fmt::format("there is no mbarrier at {:#x}", place));
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
           fail(IllegalInstruction, fmt::format("{} bytes are not a multiple of 16", copy.bytes));
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
      if (!accesses.read(copy.global, copy.bytes, self(), block->epoch, /*readOnly=*/true))
        return fail(LaunchFailed, fmt::format("a bulk copy reads {:#x}, which the same launch writes", copy.global));
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
    block->bulk.open.push_back(std::move(copy));
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
    for (; block->bulk.groups.size() - block->bulk.read > mayBeLeft; ++block->bulk.read)
      if (!take(block->bulk.groups[block->bulk.read]))
        return false;
    if (at->onlyRead)
      return true;
    for (; block->bulk.groups.size() > mayBeLeft; block->bulk.groups.pop_front(), --block->bulk.read)
      for (const BulkCopy &copy : block->bulk.groups.front())
        if (!write(copy.global, copy.taken.data(), copy.bytes, 16))
          return false;
    return true;
  }

  /// One instruction of the threads whose turn it is.
  bool step() {
    Warp::Group &group = warp->group();
    at = &function.code[group.next++];
    ++group.steps;
    Lanes lanes = group.lanes;
    if (at->guard >= 0)
      lanes &= at->guardIsNegated ? ~warp->holding(uint32_t(at->guard)) : warp->holding(uint32_t(at->guard));
    if (lanes != 0 && !stepOf(lanes))
      return false;
    if (!warp->isTogether() && at->op != Op::Meet)
      warp->meet();
    return true;
  }

  bool stepOf(Lanes lanes) {
    switch (at->op) {
    case Op::Return:
      warp->end(lanes);
      return true;
    case Op::Branch:
      warp->part(lanes, at->target);
      return true;
    case Op::Meet:
      warp->arrive();
      return true;
    case Op::Rest:
      block->rests = true;
      return true;
    case Op::Fence:
      std::atomic_thread_fence(std::memory_order_seq_cst);
      return true;
    case Op::Move:
      if (at->operands[1] == Clock)
        std::fill_n(warp->row(Clock), WarpThreads,
                    uint64_t(std::chrono::steady_clock::now().time_since_epoch().count()));
      return computeLanes(lanes);
    case Op::Load:
      if (isOneAddress(lanes))
        return loadForAll(lanes);
      [[fallthrough]];
    default:
      return isOfRegisters(at->op) ? computeLanes(lanes) : eachLane(lanes, [&](uint32_t each) {
        lane = each;
        return stepOfLane();
      });
    }
  }

  /// What a thread does with memory.
  bool stepOfLane() {
    switch (at->op) {
    case Op::LoadParameter:
      set(0, parameters[at->operands[1]], at->type.bits);
      return true;
    case Op::Load:
      return load(self());
    case Op::Store:
      return store();
    case Op::StoreShared: {
      std::byte *to = sharedAt(get(0) + uint64_t(at->offset), 4, 4);
      const auto value = uint32_t(get(1));
      if (to)
        std::memcpy(to, &value, sizeof value);
      return to;
    }
    case Op::Unpack: {
      const uint32_t each = at->type.bits / at->elements;
      const uint64_t value = get(at->elements);
      for (uint32_t i = 0; i < at->elements; ++i)
        set(i, value >> (i * each), each);
      return true;
    }
    case Op::Pack: {
      const uint32_t each = at->type.bits / at->elements;
      uint64_t value = 0;
      for (uint32_t i = 0; i < at->elements; ++i)
        value |= masked(get(1 + i), each) << (i * each);
      set(0, value, at->type.bits);
      return true;
    }
    case Op::BarrierInit:
      if (!sharedAt(get(0) + uint64_t(at->offset), 8, 8))
        return false;
      block->bulk.barriers[get(0) + uint64_t(at->offset)] = {get(1), get(1), 0, 0, {}};
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
      block->bulk.groups.push_back(std::exchange(block->bulk.open, {}));
      return true;
    case Op::BulkWait:
      return waitForGroups();
    default:
      return fail(IllegalInstruction, "the PTX machine does not know it");
    }
  }

  const std::vector<uint64_t> &parameters;
  std::list<Block> begun, over; ///< the latter for others to come
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
