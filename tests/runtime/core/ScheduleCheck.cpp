// Schedules over nodes are checked before the engine relies on them: each way in which they may be wrong is refused.
#include "runtime/core/ScheduleCheck.h"

#include "tests/runtime/HandMadeTables.h"

#include <algorithm>
#include <functional>
#include <gtest/gtest.h>
#include <random>
#include <vector>

using namespace faro;

namespace {

constexpr uint32_t Tx = 0, Rx = 1, Kernels = 3;

/// What faroc makes of a dispatch or combine over nodes, for a test to break in one place.
struct Schedule {
  explicit Schedule(faro_abi_op op) {
    program.op = op;
    rings = {{"tx", 4096, 8, 0}, {"rx", 4096, 8, 0}};
    if (op == FARO_ABI_DISPATCH)
      makeDispatch();
    else
      makeCombine();
    schedule.stages = stages.data();
    schedule.stage_count = uint32_t(stages.size());
    schedule.rings = rings.data();
    schedule.ring_count = uint32_t(rings.size());
  }

  std::string check() {
    for (size_t s = 0; s < stages.size(); ++s)
      stages[s].after = after[s].data();
    return checkSchedule(program, schedule, Kernels);
  }

  faro_abi_stage &stage(uint32_t op) { return *std::ranges::find(stages, op, &faro_abi_stage::op); }
  std::vector<uint32_t> &afterOf(uint32_t op) { return after[size_t(&stage(op) - stages.data())]; }

  faro_abi_program program = test::dispatchOf("shuffle", 100, 256, nullptr);
  faro_abi_schedule schedule{"across", FARO_ABI_HIERARCHICAL, 0, 0, 0, 0, nullptr, nullptr};
  std::vector<faro_abi_stage> stages;
  std::vector<std::vector<uint32_t>> after;
  std::vector<faro_abi_ring> rings;

private:
  uint32_t add(const char *name, uint32_t op, std::vector<uint32_t> waits, uint32_t flag = 0) {
    const bool kernel = op >= FARO_ABI_STAGE_PUSH && op != FARO_ABI_STAGE_ASK && op != FARO_ABI_STAGE_WIRE;
    const bool share = op == FARO_ABI_STAGE_PULL || op == FARO_ABI_STAGE_SETTLE;
    faro_abi_stage stage{name,
                         op,
                         FARO_ABI_ON_CORE,
                         flag,
                         kernel ? 0 : FARO_ABI_NO_KERNEL,
                         FARO_ABI_NO_KERNEL,
                         share ? 0 : FARO_ABI_NO_KERNEL,
                         FARO_ABI_BY_COPY,
                         FARO_ABI_NO_RING,
                         FARO_ABI_NO_RING,
                         0,
                         0,
                         uint32_t(waits.size()),
                         nullptr};
    stages.push_back(stage);
    after.push_back(std::move(waits));
    return uint32_t(stages.size() - 1);
  }
  uint32_t slices(const char *name, uint32_t op, std::vector<uint32_t> waits, uint32_t from, uint32_t into) {
    const uint32_t s = add(name, op, std::move(waits));
    stages[s].from = from;
    stages[s].into = into;
    stages[s].acquires = into == FARO_ABI_NO_RING ? 0 : 1u << into;
    stages[s].releases = from == FARO_ABI_NO_RING ? 0 : 1u << from;
    return s;
  }

  void makeDispatch() {
    const uint32_t open = add("notify open", FARO_ABI_STAGE_NOTIFY, {});
    const uint32_t in = add("await open", FARO_ABI_STAGE_AWAIT, {open});
    const uint32_t hand = add("hand", FARO_ABI_STAGE_HAND, {in});
    const uint32_t gather = slices("gather", FARO_ABI_STAGE_GATHER, {in, hand}, FARO_ABI_NO_RING, Tx);
    const uint32_t wire = slices("wire", FARO_ABI_STAGE_WIRE, {gather}, Tx, Rx);
    const uint32_t out = slices("fan_out", FARO_ABI_STAGE_FAN_OUT, {in, wire}, Rx, FARO_ABI_NO_RING);
    const uint32_t push = add("push", FARO_ABI_STAGE_PUSH, {in});
    const uint32_t done = add("notify done", FARO_ABI_STAGE_NOTIFY, {push, out}, 1);
    add("await done", FARO_ABI_STAGE_AWAIT, {done}, 1);
  }
  void makeCombine() {
    schedule.partial = FARO_ABI_F32;
    schedule.partial_stride = 448; // 100 x f32 in whole lines
    const uint32_t ask = add("ask", FARO_ABI_STAGE_ASK, {});
    const uint32_t open = add("notify open", FARO_ABI_STAGE_NOTIFY, {});
    const uint32_t in = add("await open", FARO_ABI_STAGE_AWAIT, {open});
    const uint32_t reduce = slices("reduce", FARO_ABI_STAGE_REDUCE, {in, ask}, FARO_ABI_NO_RING, Tx);
    const uint32_t wire = slices("wire", FARO_ABI_STAGE_WIRE, {reduce}, Tx, Rx);
    const uint32_t settle = slices("settle", FARO_ABI_STAGE_SETTLE, {in, wire}, Rx, FARO_ABI_NO_RING);
    stages[settle].releases = 0;
    const uint32_t out = slices("fan_out", FARO_ABI_STAGE_FAN_OUT, {in, settle}, Rx, FARO_ABI_NO_RING);
    const uint32_t landed = add("notify landed", FARO_ABI_STAGE_NOTIFY, {out}, 1);
    const uint32_t all = add("await landed", FARO_ABI_STAGE_AWAIT, {landed}, 1);
    const uint32_t pull = add("pull", FARO_ABI_STAGE_PULL, {settle, all});
    const uint32_t done = add("notify done", FARO_ABI_STAGE_NOTIFY, {pull, reduce}, 2);
    add("await done", FARO_ABI_STAGE_AWAIT, {done}, 2);
  }
};

struct Fault {
  const char *expected;
  std::function<void(Schedule &)> inflict;
};

void expectFaults(faro_abi_op op, const std::vector<Fault> &faults) {
  for (const Fault &fault : faults) {
    Schedule schedule(op);
    fault.inflict(schedule);
    const std::string wrong = schedule.check();
    EXPECT_NE(wrong.find(fault.expected), std::string::npos) << fault.expected << ": '" << wrong << "'";
  }
}

} // namespace

TEST(ScheduleCheck, acceptsWhatTheCompilerMakes) {
  EXPECT_EQ(Schedule(FARO_ABI_DISPATCH).check(), "");
  EXPECT_EQ(Schedule(FARO_ABI_COMBINE).check(), "");
}

TEST(ScheduleCheck, refusesEachFaultOfADispatch) {
  expectFaults(
      FARO_ABI_DISPATCH,
      {
          {"no name, path or stages", [](Schedule &s) { s.schedule.name = nullptr; }},
          {"path 2", [](Schedule &s) { s.schedule.path = 2; }},
          {"65 stages", [](Schedule &s) { s.schedule.stage_count = 65; }},
          {"9 rings", [](Schedule &s) { s.schedule.ring_count = 9; }},
          {"2 rings for path 0", [](Schedule &s) { s.schedule.path = FARO_ABI_DIRECT; }},
          {"2 rings", [](Schedule &s) { s.schedule.rings = nullptr; }},
          {"partial rows", [](Schedule &s) { s.schedule.partial_stride = 64; }},
          {"ring 0 has 0 slots", [](Schedule &s) { s.rings[Tx].slots = 0; }},
          {"ring 1 has 8 slots of 100 bytes", [](Schedule &s) { s.rings[Rx].slot_bytes = 100; }},
          {"ring 1 has 8 slots of 1152921504606846976", [](Schedule &s) { s.rings[Rx].slot_bytes = 1ull << 60; }},
          {"unknown operation 12", [](Schedule &s) { s.stages[3].op = 12; }},
          {"resource 3", [](Schedule &s) { s.stages[3].resource = 3; }},
          {"(ask) moves rows against the direction",
           [](Schedule &s) { s.stage(FARO_ABI_STAGE_HAND).op = FARO_ABI_STAGE_ASK; }},
          {"names flag 4", [](Schedule &s) { s.stages[0].flag = 4; }},
          {"a kernel that is not there", [](Schedule &s) { s.stage(FARO_ABI_STAGE_FAN_OUT).kernel = Kernels; }},
          {"a kernel that is not there", [](Schedule &s) { s.stage(FARO_ABI_STAGE_PUSH).streaming_kernel = Kernels; }},
          {"unknown way, 2", [](Schedule &s) { s.stage(FARO_ABI_STAGE_GATHER).gather = 2; }},
          {"(gather) has into ring 2 of 2", [](Schedule &s) { s.stage(FARO_ABI_STAGE_GATHER).into = 2; }},
          {"(gather) has from ring 0 of 2", [](Schedule &s) { s.stage(FARO_ABI_STAGE_GATHER).from = Tx; }},
          {"(wire) has from ring -1 of 2", [](Schedule &s) { s.stage(FARO_ABI_STAGE_WIRE).from = FARO_ABI_NO_RING; }},
          {"(push) has into ring 0", [](Schedule &s) { s.stage(FARO_ABI_STAGE_PUSH).into = Tx; }},
          {"(wire) takes or gives back slots of rings 0x7, of 2",
           [](Schedule &s) { s.stage(FARO_ABI_STAGE_WIRE).releases = 5; }},
          {"(push) takes or gives back slots of rings 0x1",
           [](Schedule &s) { s.stage(FARO_ABI_STAGE_PUSH).acquires = 1; }},
          {"stage 1 waits for 2 others, of 1", [](Schedule &s) { s.stages[1].after_count = 2; }},
          {"stage 1 waits for a later one", [](Schedule &s) { s.after[1][0] = 1; }},
          {"before the other ranks are ready", [](Schedule &s) { s.afterOf(FARO_ABI_STAGE_HAND)[0] = 0; }},
          {"2 stages of operation push", [](Schedule &s) { s.stage(FARO_ABI_STAGE_HAND).op = FARO_ABI_STAGE_PUSH; }},
          {"0 stages of operation push", [](Schedule &s) { s.stage(FARO_ABI_STAGE_PUSH).op = FARO_ABI_STAGE_NOTIFY; }},
          {"0 stages that zero padding, expected 1", [](Schedule &s) { s.program.layout.align = 2; }},
          {"1 stages that zero padding, expected 0", [](Schedule &s) { s.stages.back().op = FARO_ABI_STAGE_PAD; }},
          {"flag 0 is raised by 1 stages and awaited by 2", [](Schedule &s) { s.stages.back().flag = 0; }},
          {"flag 0 is raised by 0 stages and awaited by 1", [](Schedule &s) { s.stages[0].flag = 3; }},
          {"no chain", [](Schedule &s) { s.stage(FARO_ABI_STAGE_WIRE).into = Tx; }},
          {"no chain", [](Schedule &s) { s.stage(FARO_ABI_STAGE_FAN_OUT).from = Tx; }},
          {"does not wait for its writer", [](Schedule &s) { s.afterOf(FARO_ABI_STAGE_WIRE)[0] = 1; }},
          {"does not wait for its writer", [](Schedule &s) { s.afterOf(FARO_ABI_STAGE_FAN_OUT)[1] = 1; }},
          {"ring 0 are taken by 0 stages and given back by 1",
           [](Schedule &s) { s.stage(FARO_ABI_STAGE_GATHER).acquires = 0; }},
          {"ring 1 are taken by 1 stages and given back by 0",
           [](Schedule &s) { s.stage(FARO_ABI_STAGE_FAN_OUT).releases = 0; }},
          {"ring 1 are taken by 2 stages", [](Schedule &s) { s.stage(FARO_ABI_STAGE_GATHER).acquires |= 2; }},
      });
}

TEST(ScheduleCheck, refusesEachFaultOfACombine) {
  expectFaults(
      FARO_ABI_COMBINE,
      {
          {"partial rows of 100 columns of element 0", [](Schedule &s) { s.schedule.partial = 0; }},
          {"partial rows of 100 columns of element 2", [](Schedule &s) { s.schedule.partial = FARO_ABI_F16; }},
          {"stride 396", [](Schedule &s) { s.schedule.partial_stride = 396; }},
          {"stride 464", [](Schedule &s) { s.schedule.partial_stride = 464; }},
          {"stride 448", [](Schedule &s) { s.schedule.partial = FARO_ABI_BF16; }},
          {"(pad) moves rows against the direction", [](Schedule &s) { s.stages.back().op = FARO_ABI_STAGE_PAD; }},
          {"(push) moves rows against the direction",
           [](Schedule &s) { s.stage(FARO_ABI_STAGE_PULL).op = FARO_ABI_STAGE_PUSH; }},
          {"names no kernel for this node's shares",
           [](Schedule &s) { s.stage(FARO_ABI_STAGE_SETTLE).share_kernel = FARO_ABI_NO_KERNEL; }},
          {"names no kernel for this node's shares",
           [](Schedule &s) { s.stage(FARO_ABI_STAGE_PULL).share_kernel = Kernels; }},
          {"names a kernel for shares, which it does not add",
           [](Schedule &s) { s.stage(FARO_ABI_STAGE_REDUCE).share_kernel = 0; }},
          {"before the other ranks are ready", [](Schedule &s) { s.afterOf(FARO_ABI_STAGE_REDUCE)[0] = 0; }},
          {"(settle) has from ring -1 of 2",
           [](Schedule &s) { s.stage(FARO_ABI_STAGE_SETTLE).from = FARO_ABI_NO_RING; }},
          {"stage 5 (settle) reads slots of ring 0, expected ring 1, as stage 6 (fan_out) does",
           [](Schedule &s) { s.stage(FARO_ABI_STAGE_SETTLE).from = Tx; }},
          {"does not wait for its writer", [](Schedule &s) { s.afterOf(FARO_ABI_STAGE_SETTLE)[1] = 1; }},
          {"ring 1 are given back by stage 6 while stage 5 may read them",
           [](Schedule &s) { s.afterOf(FARO_ABI_STAGE_FAN_OUT)[1] = 4; }},
          {"0 stages of operation ask", [](Schedule &s) { s.stages[0].op = FARO_ABI_STAGE_NOTIFY; }},
      });
}

/// What is read from a damaged table is never followed out of it. (The sanitizers look.)
TEST(ScheduleCheck, survivesAnyNumbers) {
  std::mt19937 random(5);
  uint32_t refused = 0;
  for (int round = 0; round < 20000; ++round) {
    Schedule s(round % 2 ? FARO_ABI_DISPATCH : FARO_ABI_COMBINE);
    faro_abi_stage &stage = s.stages[random() % s.stages.size()];
    uint32_t *const fields[] = {
        &stage.op,           &stage.resource,   &stage.flag,         &stage.kernel,   &stage.streaming_kernel,
        &stage.share_kernel, &stage.gather,     &stage.from,         &stage.into,     &stage.acquires,
        &stage.releases,     &s.rings[0].slots, &s.schedule.partial, &s.schedule.path};
    *fields[random() % std::size(fields)] = random() % 3 ? uint32_t(random() % 16) : uint32_t(random());
    std::vector<uint32_t> &waits = s.after[random() % s.after.size()];
    if (!waits.empty() && random() % 4 == 0)
      waits[random() % waits.size()] = uint32_t(random());
    refused += !s.check().empty();
  }
  EXPECT_GT(refused, 15000u);
}
