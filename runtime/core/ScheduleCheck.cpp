#include "runtime/core/ScheduleCheck.h"

#include "faro/module.h"
#include "runtime/core/StageKinds.h"

#include <fmt/format.h>

namespace faro {
namespace {

/// Slots are memory, and lie in lines; more than this is no ring but a damaged number.
constexpr uint64_t SlotUnit = 64, MostRingBytes = uint64_t(1) << 40;

class ScheduleChecker {
public:
  ScheduleChecker(const faro_abi_program &program, const faro_abi_schedule &schedule, uint32_t kernels)
      : program(program), schedule(schedule), kernels(kernels) {}

  std::string check() {
    std::string wrong = checkTables();
    for (uint32_t r = 0; wrong.empty() && r < schedule.ring_count; ++r)
      wrong = checkRing(r);
    for (uint32_t s = 0; wrong.empty() && s < schedule.stage_count; ++s)
      wrong = checkStage(s);
    if (wrong.empty())
      wrong = checkCounts();
    if (wrong.empty() && schedule.path == FARO_ABI_HIERARCHICAL)
      wrong = checkChain();
    return wrong;
  }

private:
  std::string checkTables() {
    if (!schedule.name || schedule.path > FARO_ABI_HIERARCHICAL || !schedule.stages || schedule.stage_count == 0 ||
        schedule.stage_count > FARO_ABI_MAX_STAGES)
      return fmt::format("no name, path or stages (path {}, {} stages)", schedule.path, schedule.stage_count);
    const bool slices = schedule.path == FARO_ABI_HIERARCHICAL;
    if (schedule.ring_count > (slices ? FARO_ABI_MAX_RINGS : 0) || (schedule.ring_count && !schedule.rings))
      return fmt::format("{} rings for path {}", schedule.ring_count, schedule.path);
    if (!slices || program.op != FARO_ABI_COMBINE)
      return schedule.partial || schedule.partial_stride ? "partial rows, but it has no use for them" : std::string();
    const uint64_t bytes = program.row.columns * elementBytes(schedule.partial);
    if ((schedule.partial != program.row.element && schedule.partial != FARO_ABI_F32) ||
        schedule.partial_stride < bytes || schedule.partial_stride - bytes >= 64)
      return fmt::format("partial rows of {} columns of element {}, stride {}", program.row.columns, schedule.partial,
                         schedule.partial_stride);
    return {};
  }

  std::string checkRing(uint32_t index) {
    const faro_abi_ring &ring = schedule.rings[index];
    if (!ring.name || ring.slots == 0 || ring.slot_bytes < SlotUnit || ring.slot_bytes % SlotUnit != 0 ||
        ring.slot_bytes > MostRingBytes / ring.slots)
      return fmt::format("ring {} has {} slots of {} bytes", index, ring.slots, ring.slot_bytes);
    return {};
  }

  std::string checkStage(uint32_t index) {
    const faro_abi_stage &stage = schedule.stages[index];
    if (!stage.name || stage.op > FARO_ABI_STAGE_SETTLE || stage.resource > FARO_ABI_ON_NIC)
      return fmt::format("stage {} has unknown operation {} or resource {}", index, stage.op, stage.resource);
    const StageKind &rule = kindOf(stage);
    if (rule.count[program.op][schedule.path] == 0)
      return fmt::format("stage {} ({}) moves rows against the direction of its program, or on another path", index,
                         rule.name);
    ++found[stage.op];
    if (rule.flag && stage.flag >= FARO_ABI_FLAGS)
      return fmt::format("stage {} names flag {} of {}", index, stage.flag, FARO_ABI_FLAGS);
    if (rule.flag)
      ++(stage.op == FARO_ABI_STAGE_NOTIFY ? raises : awaits)[stage.flag];
    if (rule.kernel && (stage.kernel >= kernels ||
                        (stage.streaming_kernel != FARO_ABI_NO_KERNEL && stage.streaming_kernel >= kernels)))
      return fmt::format("stage {} names a kernel that is not there", index);
    const bool shares = schedule.path == FARO_ABI_HIERARCHICAL && rule.shares;
    if (shares ? stage.share_kernel >= kernels : stage.share_kernel != FARO_ABI_NO_KERNEL)
      return fmt::format("stage {} ({}) names {}", index, rule.name,
                         shares ? "no kernel for this node's shares" : "a kernel for shares, which it does not add");
    if (stage.op == FARO_ABI_STAGE_GATHER && stage.gather > FARO_ABI_BY_REFERENCE)
      return fmt::format("stage {} gathers in an unknown way, {}", index, stage.gather);
    if (std::string wrong = checkRingsOf(index, rule); !wrong.empty())
      return wrong;
    return checkBefore(index, rule);
  }

  std::string checkRingsOf(uint32_t index, const StageKind &rule) {
    const faro_abi_stage &stage = schedule.stages[index];
    for (auto [named, wanted, word] : {std::tuple(stage.from, rule.from, "from"), {stage.into, rule.into, "into"}})
      if (wanted ? named >= schedule.ring_count : named != FARO_ABI_NO_RING)
        return fmt::format("stage {} ({}) has {} ring {} of {}", index, rule.name, word, int32_t(named),
                           schedule.ring_count);
    const uint32_t masks = stage.acquires | stage.releases;
    if (masks >> schedule.ring_count != 0 || (masks && !rule.onceASlice))
      return fmt::format("stage {} ({}) takes or gives back slots of rings {:#x}, of {} rings", index, rule.name, masks,
                         schedule.ring_count);
    return {};
  }

  std::string checkBefore(uint32_t index, const StageKind &rule) {
    const faro_abi_stage &stage = schedule.stages[index];
    if (stage.after_count > index || (stage.after_count && !stage.after))
      return fmt::format("stage {} waits for {} others, of {}", index, stage.after_count, index);
    bool opened = stage.op == FARO_ABI_STAGE_AWAIT;
    for (uint32_t i = 0; i < stage.after_count; ++i) {
      if (stage.after[i] >= index)
        return fmt::format("stage {} waits for a later one", index);
      before[index] |= before[stage.after[i]] | uint64_t(1) << stage.after[i];
    }
    for (uint32_t s = 0; s < index; ++s)
      opened |= (before[index] >> s & 1) && schedule.stages[s].op == FARO_ABI_STAGE_AWAIT;
    if (rule.reads && !opened)
      return fmt::format("stage {} moves rows before the other ranks are ready", index);
    return {};
  }

  std::string checkCounts() {
    for (uint32_t op = 0; op < std::size(StageKinds); ++op)
      if (const uint8_t wanted = StageKinds[op].count[program.op][schedule.path];
          wanted != AnyNumber && wanted != found[op])
        return fmt::format("{} stages of operation {}, expected {}", found[op], StageKinds[op].name, wanted);
    const uint32_t pads = program.op == FARO_ABI_DISPATCH && program.layout.align > 1;
    if (found[FARO_ABI_STAGE_PAD] != pads)
      return fmt::format("{} stages that zero padding, expected {} for align {}", found[FARO_ABI_STAGE_PAD], pads,
                         program.layout.align);
    for (uint32_t flag = 0; flag < FARO_ABI_FLAGS; ++flag)
      // An await takes what was raised: a second one would wait for ever, and so would one of a flag nobody raises.
      if (const uint32_t raised = raises[flag], awaited = awaits[flag]; raised > 1 || raised != awaited)
        return fmt::format("flag {} is raised by {} stages and awaited by {}, expected one each", flag, raised,
                           awaited);
    return {};
  }

  /// gather or reduce fills a slot that the wire takes, the wire one that settle and fan_out read, and each ring's
  /// slots are taken by who fills them and given back by one stage.
  std::string checkChain() {
    const uint32_t wire = find(FARO_ABI_STAGE_WIRE), out = find(FARO_ABI_STAGE_FAN_OUT);
    const uint32_t fill = find(program.op == FARO_ABI_DISPATCH ? FARO_ABI_STAGE_GATHER : FARO_ABI_STAGE_REDUCE);
    const faro_abi_stage *stages = schedule.stages;
    if (stages[fill].into != stages[wire].from || stages[wire].into != stages[out].from ||
        stages[wire].from == stages[wire].into)
      return fmt::format("slices go into ring {}, by wire from {} into {}, and from {}: no chain", stages[fill].into,
                         stages[wire].from, stages[wire].into, stages[out].from);
    for (uint32_t s = 0; s < schedule.stage_count; ++s)
      if (stages[s].from != FARO_ABI_NO_RING && !(before[s] >> (s == wire ? fill : wire) & 1))
        return "a slot is read by a stage that does not wait for its writer";
    for (uint32_t s = 0; s < schedule.stage_count; ++s)
      if (stages[s].op == FARO_ABI_STAGE_SETTLE && stages[s].from != stages[out].from)
        return fmt::format("stage {} (settle) reads slots of ring {}, expected ring {}, as stage {} (fan_out) does", s,
                           stages[s].from, stages[out].from, out);
    for (uint32_t r = 0; r < schedule.ring_count; ++r) {
      uint32_t takers = 0, givers = 0, taker = 0, giver = 0;
      for (uint32_t s = 0; s < schedule.stage_count; ++s) {
        if (stages[s].acquires >> r & 1)
          taker = s, ++takers;
        if (stages[s].releases >> r & 1)
          giver = s, ++givers;
      }
      if (takers != 1 || givers != 1 || stages[taker].into != r)
        return fmt::format("slots of ring {} are taken by {} stages and given back by {}, expected its writer and one",
                           r, takers, givers);
      for (uint32_t s = 0; s < schedule.stage_count; ++s)
        if (stages[s].from == r && s != giver && !(before[giver] >> s & 1))
          return fmt::format("slots of ring {} are given back by stage {} while stage {} may read them", r, giver, s);
    }
    return {};
  }

  uint32_t find(uint32_t op) const {
    uint32_t s = 0;
    while (schedule.stages[s].op != op)
      ++s;
    return s;
  }

  const faro_abi_program &program;
  const faro_abi_schedule &schedule;
  uint32_t kernels;
  uint32_t found[std::size(StageKinds)] = {};
  uint32_t raises[FARO_ABI_FLAGS] = {}, awaits[FARO_ABI_FLAGS] = {}; ///< stages, by flag
  uint64_t before[FARO_ABI_MAX_STAGES] = {};                         ///< a bit a stage
};

} // namespace

std::string checkSchedule(const faro_abi_program &program, const faro_abi_schedule &schedule, uint32_t kernels) {
  return ScheduleChecker(program, schedule, kernels).check();
}

} // namespace faro
