#include "runtime/core/ModuleCheck.h"

#include "faro/module.h"
#include "runtime/core/Digest.h"
#include "runtime/core/ScheduleCheck.h"

#include <cstdlib>
#include <cstring>
#include <fmt/format.h>

namespace faro {

static Status corrupt(const std::string &module, const std::string &what) {
  return {FARO_DATA_LOSS, fmt::format("{}: {}; compile the spec again", module, what)};
}

static Status checkHeader(const faro_abi_module &m, const std::string &name) {
  if (m.magic != FARO_ABI_MAGIC)
    return {FARO_INVALID_ARGUMENT,
            fmt::format("{}: its symbol {} is no Faro module (magic {:#010x}, expected {:#010x})", name,
                        FARO_ABI_SYMBOL, m.magic, FARO_ABI_MAGIC)};
  if (m.version != FARO_ABI_VERSION)
    return {FARO_VERSION_MISMATCH,
            fmt::format("{}: module ABI version {}, this runtime reads version {}; compile the spec "
                        "with the faroc of this release",
                        name, m.version, FARO_ABI_VERSION)};
  struct Size {
    const char *what;
    uint32_t found;
    size_t expected;
  };
  for (const Size &size :
       {Size{"module", m.module_size, sizeof(faro_abi_module)},
        Size{"program", m.program_size, sizeof(faro_abi_program)},
        Size{"schedule", m.schedule_size, sizeof(faro_abi_schedule)}, Size{"ring", m.ring_size, sizeof(faro_abi_ring)},
        Size{"stage", m.stage_size, sizeof(faro_abi_stage)},
        Size{"kernel set", m.kernel_set_size, sizeof(faro_abi_kernel_set)}})
    if (size.found != size.expected)
      return {FARO_VERSION_MISMATCH, fmt::format("{}: a {} table of {} bytes, this runtime reads {}", name, size.what,
                                                 size.found, size.expected)};
  if (!m.spec_text || !m.programs || !m.kernel_sets || m.program_count == 0 || m.kernel_set_count == 0)
    return corrupt(name, "it holds no program");
  const Digest hash = sha256(std::as_bytes(std::span(m.spec_text, m.spec_size)));
  if (std::memcmp(hash.data(), m.spec_sha256, hash.size()) != 0)
    return corrupt(name, "the hash of its spec does not match");
  return Status::ok();
}

static std::string checkRow(const faro_abi_row &row) {
  const uint64_t size = elementBytes(row.element);
  if (size == 0)
    return fmt::format("unknown element type {}", row.element);
  if (row.columns == 0 || row.columns > (uint64_t(1) << 40) || row.bytes != row.columns * size ||
      row.stride < row.bytes || row.stride - row.bytes >= 64)
    return fmt::format("a row of {} columns, {} bytes, stride {}", row.columns, row.bytes, row.stride);
  return {};
}

static std::string checkRoutes(const faro_abi_routes &routes) {
  if (routes.topk == 0 || routes.topk > FARO_ABI_MAX_TOPK || routes.topk > routes.experts)
    return fmt::format("top-{} of {} experts", routes.topk, routes.experts);
  const bool table = routes.placement == FARO_ABI_PLACEMENT_TABLE;
  if (routes.placement > FARO_ABI_PLACEMENT_TABLE || routes.table_size != (table ? routes.experts : 0) ||
      (table && !routes.table))
    return fmt::format("expert placement {} with a table of {} entries", routes.placement, routes.table_size);
  return {};
}

static std::string checkLayout(const faro_abi_layout &layout) {
  unsigned seen = 0;
  for (uint8_t key : layout.order)
    if (key <= FARO_ABI_KEY_CHOICE)
      seen |= 1u << key;
  if (seen != 0xf || layout.align == 0)
    return fmt::format("a layout with order {} {} {} {} and align {}", layout.order[0], layout.order[1],
                       layout.order[2], layout.order[3], layout.align);
  for (uint8_t key : layout.order) {
    if (key == FARO_ABI_KEY_SOURCE)
      break;
    if (key != FARO_ABI_KEY_EXPERT)
      return "a layout with token or choice before source";
  }
  return {};
}

static std::string checkSchedules(const faro_abi_program &program, uint32_t kernels) {
  unsigned paths = 0;
  for (uint32_t s = 0; s < program.schedule_count; ++s) {
    const faro_abi_schedule &schedule = program.schedules[s];
    if (std::string wrong = checkSchedule(program, schedule, kernels); !wrong.empty())
      return fmt::format("schedule {} ({}): {}", s, schedule.name ? schedule.name : "?", wrong);
    if (paths >> schedule.path & 1)
      return fmt::format("schedule {} ({}) is the second for path {}", s, schedule.name, schedule.path);
    paths |= 1u << schedule.path;
  }
  return {};
}

/// `count` kernels of a set.
static std::string checkPlan(const faro_abi_program &program, uint32_t count) {
  if (!program.plan)
    return {};
  const faro_abi_plan_kernels &plan = *program.plan;
  if (program.op != FARO_ABI_DISPATCH || program.layout.order[0] != FARO_ABI_KEY_EXPERT || plan.chunk_tokens == 0)
    return fmt::format("kernels that plan chunks of {} tokens, for operation {}", plan.chunk_tokens, program.op);
  for (const uint32_t kernel : {plan.count, plan.scan, plan.meet, plan.offsets, plan.place, plan.weigh})
    if (kernel >= count)
      return fmt::format("kernel {} of {} plans its batches", kernel, count);
  if (program.layout.align > 1 ? plan.pad >= count : plan.pad != FARO_ABI_NO_KERNEL)
    return fmt::format("kernel {} of {} zeroes padding for align {}", plan.pad, count, program.layout.align);
  return {};
}

static std::string checkImages(const faro_abi_module &m) {
  if (m.image_count && !m.images)
    return fmt::format("{} device images, but no table of them", m.image_count);
  for (uint32_t i = 0; i < m.image_count; ++i) {
    const faro_abi_image &image = m.images[i];
    if (!image.target || !image.data || image.size == 0 ||
        (image.format != FARO_ABI_CUBIN && image.format != FARO_ABI_PTX))
      return fmt::format("device image {} has no target or data, or format {}", i, image.format);
    if (image.format == FARO_ABI_PTX && image.data[image.size] != 0)
      return fmt::format("device image {} ({}) is PTX that does not end with a zero", i, image.target);
  }
  return {};
}

Status checkModule(const faro_abi_module &m, const std::string &name) {
  FARO_RETURN_IF_ERROR(checkHeader(m, name));
  if (std::string wrong = checkImages(m); !wrong.empty())
    return corrupt(name, wrong);
  for (uint32_t s = 0; s < m.kernel_set_count; ++s) {
    const faro_abi_kernel_set &set = m.kernel_sets[s];
    if (!set.target || set.kernel_count != m.kernel_sets[0].kernel_count || (set.kernel_count && !set.kernels))
      return corrupt(name, fmt::format("kernel set {} does not match the first", s));
    for (uint32_t k = 0; k < set.kernel_count; ++k)
      if (!set.kernels[k].name || (set.kernels[k].entry != nullptr) != (set.level != FARO_ABI_CPU_NONE))
        return corrupt(name, fmt::format("kernel {} of set {} is missing", k, set.target));
  }
  for (uint32_t p = 0; p < m.program_count; ++p) {
    const faro_abi_program &program = m.programs[p];
    std::string wrong;
    if (!program.name || program.op > FARO_ABI_COMBINE || !program.schedules || program.schedule_count == 0)
      wrong = "no name, operation or schedule";
    for (const std::string &found : {checkRow(program.row), checkLayout(program.layout), checkRoutes(program.routes)})
      if (wrong.empty())
        wrong = found;
    if (wrong.empty())
      wrong = checkSchedules(program, m.kernel_sets[0].kernel_count);
    if (wrong.empty())
      wrong = checkPlan(program, m.kernel_sets[0].kernel_count);
    if (!wrong.empty())
      return corrupt(name, fmt::format("program {} ({}): {}", p, program.name ? program.name : "?", wrong));
  }
  return Status::ok();
}

static bool machineRuns(uint32_t level) {
  switch (level) {
  case FARO_ABI_CPU_NONE: // which is asked for by sessions with a device only
  case FARO_ABI_CPU_HOST:
    return true;
#if defined(__x86_64__)
  case FARO_ABI_CPU_X86_64:
    return true;
  case FARO_ABI_CPU_X86_64_V3:
  case FARO_ABI_CPU_X86_64_V3_AMD:
  case FARO_ABI_CPU_X86_64_V3_AMD17H:
    return __builtin_cpu_supports("x86-64-v3");
  case FARO_ABI_CPU_X86_64_V4:
  case FARO_ABI_CPU_X86_64_V4_AMD:
    return __builtin_cpu_supports("x86-64-v4");
#endif
  default:
    return false;
  }
}

/// Whether a machine that runs these kernels gains by them; who asks for them gets them anyway.
static bool machineGains(uint32_t level) {
#if defined(__x86_64__)
  if (level == FARO_ABI_CPU_X86_64_V3_AMD17H)
    return __builtin_cpu_is("amdfam17h");
  const bool isForAmd = level == FARO_ABI_CPU_X86_64_V3_AMD || level == FARO_ABI_CPU_X86_64_V4_AMD;
  return !isForAmd || __builtin_cpu_is("amd");
#else
  return true;
#endif
}

Expected<const faro_abi_kernel_set *> chooseKernels(const faro_abi_module &m, const std::string &name) {
  const char *wanted = std::getenv("FARO_KERNELS");
  if (wanted && !*wanted)
    wanted = nullptr;
  const faro_abi_kernel_set *best = nullptr;
  std::string offered;
  bool isOffered = false;
  for (uint32_t s = 0; s < m.kernel_set_count; ++s) {
    const faro_abi_kernel_set &set = m.kernel_sets[s];
    offered += fmt::format("{}{}", s ? ", " : "", set.target);
    isOffered |= wanted && std::strcmp(wanted, set.target) == 0;
    // A module made in this process has one set, for this very machine: there is nothing to choose.
    const bool isOnly = set.level == FARO_ABI_CPU_HOST || set.level == FARO_ABI_CPU_NONE;
    if (!isOnly && (wanted ? std::strcmp(wanted, set.target) != 0 : !machineGains(set.level)))
      continue;
    if (machineRuns(set.level) && (!best || set.level > best->level))
      best = &set;
  }
  if (!best && wanted && !isOffered)
    return Status(FARO_UNAVAILABLE,
                  fmt::format("{}: it holds kernels for {}; FARO_KERNELS asks for {}, which is none of "
                              "these",
                              name, offered, wanted));
  if (!best)
    return Status(FARO_UNAVAILABLE,
                  fmt::format("{}: it holds kernels for {}; this machine can run none of them{}{}", name, offered,
                              wanted ? " that FARO_KERNELS asks for: " : "", wanted ? wanted : ""));
  return best;
}

} // namespace faro
