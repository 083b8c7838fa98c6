#include "tests/runtime/engine/HandMade.h"

#include "tests/runtime/HandMadeTables.h"

#include <cstring>

namespace faro::test {

std::function<void()> onStore;

static void push(const void *src, int64_t stride, const uint32_t *offsets, const uint64_t *dst, int64_t begin,
                 int64_t end) {
  for (int64_t t = begin; t < end; ++t)
    for (uint32_t i = offsets[t]; i < offsets[t + 1]; ++i) {
      auto *to = reinterpret_cast<std::byte *>(dst[i]);
      std::memcpy(to, static_cast<const std::byte *>(src) + t * stride, RowBytes);
      std::memset(to + RowBytes, 0, RowStride - RowBytes);
      if (onStore)
        onStore();
    }
}

static void pull(void *out, int64_t stride, const uint32_t *offsets, const uint64_t *rows, const float *weights,
                 int64_t begin, int64_t end) {
  for (int64_t t = begin; t < end; ++t)
    for (uint32_t c = 0; c < Columns; ++c) {
      float sum = 0;
      for (uint32_t i = offsets[t]; i < offsets[t + 1]; ++i) {
        float value; // a slice may be read at any address
        std::memcpy(&value, reinterpret_cast<const std::byte *>(rows[i]) + c * sizeof value, sizeof value);
        const volatile float product = weights[i] * value; // rounded first
        sum += product;
      }
      std::memcpy(static_cast<std::byte *>(out) + t * stride + c * sizeof sum, &sum, sizeof sum);
    }
}

uint32_t EditableSchedule::find(const std::string &name) const {
  for (uint32_t s = 0; s < stages.size(); ++s)
    if (stages[s].table.name == name)
      return s;
  std::abort(); // the test names a stage that is not there
}

namespace {

constexpr uint32_t Tx = 0, Rx = 1;

/// Builds stages by name, as one writes them.
class Writer {
public:
  explicit Writer(const ModuleShape &shape) {
    schedule.rings = {{"tx", shape.slotBytes, shape.slots, 0}, {"rx", shape.slotBytes, shape.slots, 0}};
  }
  faro_abi_stage &add(const char *name, faro_abi_stage_op op, std::vector<const char *> after, uint32_t kernel = ~0u) {
    EditableSchedule::Stage stage{};
    const bool adds = !schedule.rings.empty() && (op == FARO_ABI_STAGE_PULL || op == FARO_ABI_STAGE_SETTLE);
    stage.table.name = name;
    stage.table.op = op;
    stage.table.kernel = kernel;
    stage.table.streaming_kernel = FARO_ABI_NO_KERNEL;
    stage.table.share_kernel = adds ? 1 : FARO_ABI_NO_KERNEL;
    stage.table.from = stage.table.into = FARO_ABI_NO_RING;
    for (const char *before : after)
      stage.after.push_back(schedule.find(before));
    schedule.stages.push_back(stage);
    return schedule.stages.back().table;
  }
  void flag(const char *notify, const char *await, uint32_t number, std::vector<const char *> after) {
    add(notify, FARO_ABI_STAGE_NOTIFY, std::move(after)).flag = number;
    add(await, FARO_ABI_STAGE_AWAIT, {notify}).flag = number;
  }
  void slices(const char *maker, faro_abi_stage_op op, std::vector<const char *> after, uint32_t kernel,
              bool byReference) {
    faro_abi_stage &make = add(maker, op, std::move(after), kernel);
    make.gather = byReference ? FARO_ABI_BY_REFERENCE : FARO_ABI_BY_COPY;
    make.into = Tx;
    make.acquires = 1u << Tx;
    faro_abi_stage &wire = add("there", FARO_ABI_STAGE_WIRE, {maker});
    wire.from = Tx;
    wire.into = Rx;
    wire.acquires = 1u << Rx;
    wire.releases = 1u << Tx;
  }
  void fanOut(std::vector<const char *> after) {
    faro_abi_stage &out = add("out", FARO_ABI_STAGE_FAN_OUT, std::move(after), 0);
    out.from = Rx;
    out.releases = 1u << Rx;
  }
  EditableSchedule schedule;
};

EditableSchedule dispatchAcross(const ModuleShape &shape) {
  Writer w(shape);
  w.flag("open", "in", 0, {});
  w.add("hand", FARO_ABI_STAGE_HAND, {"in"}, 0);
  w.flag("give", "have", 1, {"hand"});
  w.slices("full", FARO_ABI_STAGE_GATHER, {"in", "have"}, 0, shape.byReference);
  w.fanOut({"in", "there"});
  w.add("push", FARO_ABI_STAGE_PUSH, {"in"}, 0);
  w.flag("sent", "all", 2, {"push", "out"});
  return w.schedule;
}

EditableSchedule combineAcross(const ModuleShape &shape) {
  Writer w(shape);
  w.flag("open", "in", 0, {});
  w.add("ask", FARO_ABI_STAGE_ASK, {});
  w.slices("part", FARO_ABI_STAGE_REDUCE, {"in", "ask"}, 1, false);
  if (shape.settles)
    w.add("some", FARO_ABI_STAGE_SETTLE, {"in", "there"}, 1).from = Rx;
  w.fanOut({"in", shape.settles ? "some" : "there"});
  w.flag("land", "landed", 1, {"out"});
  w.add("sum", FARO_ABI_STAGE_PULL, {shape.settles ? "some" : "in", "landed"}, 1);
  w.flag("said", "all", 2, {"sum", "part"});
  return w.schedule;
}

EditableSchedule direct(faro_abi_stage_op move, uint32_t kernel) {
  Writer w({});
  w.schedule.rings.clear();
  w.flag("open", "in", 0, {});
  w.add("move", move, {"in"}, kernel);
  w.flag("sent", "all", 1, {"move"});
  return w.schedule;
}

/// Everything that a module points to.
struct Tables {
  std::vector<EditableSchedule> schedules;
  std::vector<std::vector<faro_abi_stage>> stages;
  std::vector<faro_abi_schedule> abi;
  faro_abi_program programs[2] = {};
  faro_abi_kernel kernels[2] = {{"push", reinterpret_cast<void (*)()>(push)},
                                {"pull", reinterpret_cast<void (*)()>(pull)}};
  faro_abi_kernel_set set = {"plain C++", FARO_ABI_CPU_X86_64, 2, kernels};
  faro_abi_module module = moduleHead("a person", "made by hand");
};

} // namespace

Expected<std::shared_ptr<const Module>> makeModule(const ModuleShape &shape) {
  auto tables = std::make_shared<Tables>();
  tables->schedules = {direct(FARO_ABI_STAGE_PUSH, 0), dispatchAcross(shape), direct(FARO_ABI_STAGE_PULL, 1),
                       combineAcross(shape)};
  if (shape.edit)
    shape.edit(tables->schedules[1], tables->schedules[3]);
  for (EditableSchedule &schedule : tables->schedules) {
    tables->stages.emplace_back();
    for (EditableSchedule::Stage &stage : schedule.stages) {
      stage.table.after = stage.after.data();
      stage.table.after_count = uint32_t(stage.after.size());
      tables->stages.back().push_back(stage.table);
    }
    const bool across = !schedule.rings.empty(), combines = tables->abi.size() >= 2;
    tables->abi.push_back({combines ? "combine" : "dispatch",
                           uint32_t(across ? FARO_ABI_HIERARCHICAL : FARO_ABI_DIRECT),
                           uint32_t(across && combines ? FARO_ABI_F32 : 0), across && combines ? RowStride : 0,
                           uint32_t(schedule.stages.size()), uint32_t(schedule.rings.size()),
                           tables->stages.back().data(), schedule.rings.data()});
  }
  for (uint32_t p = 0; p < 2; ++p) {
    faro_abi_program &program = tables->programs[p];
    program.name = p ? "combine" : "dispatch";
    program.op = p ? FARO_ABI_COMBINE : FARO_ABI_DISPATCH;
    program.schedule_count = 2;
    program.row = {FARO_ABI_F32, 0, Columns, RowBytes, RowStride};
    program.layout = {{FARO_ABI_KEY_EXPERT, FARO_ABI_KEY_SOURCE, FARO_ABI_KEY_TOKEN, FARO_ABI_KEY_CHOICE}, 1};
    program.routes = {Topk, Experts, FARO_ABI_PLACEMENT_ROUND_ROBIN, 0, nullptr};
    program.streaming_threshold = uint64_t(1) << 40;
    program.schedules = &tables->abi[2 * p];
  }
  faro_abi_module &m = tables->module;
  m.program_count = 2;
  m.kernel_set_count = 1;
  m.programs = tables->programs;
  m.kernel_sets = &tables->set;
  return Module::adopt(&m, tables, "by hand");
}

} // namespace faro::test
