#include "tests/compiler/Codegen/Kernels.h"

#include "compiler/Pipelines/Compilation.h"

#include <stdexcept>
#include <sys/mman.h>
#include <unistd.h>

namespace faro::test {

using namespace compiler;

std::string nameOf(const ::testing::TestParamInfo<Row> &info) {
  const char *names[] = {"", "BF16", "F16", "F32"};
  const auto &[element, columns, topk] = info.param;
  return std::string(names[int(element)]) + "x" + std::to_string(columns) +
         (topk == 8 ? std::string() : "Top" + std::to_string(topk));
}

std::string specOf(reference::Element element, uint64_t columns, bool f32Partials, uint32_t topk) {
  const char *name = element == reference::Element::BF16 ? "bf16" : element == reference::Element::F16 ? "f16" : "f32";
  const std::string row = std::to_string(columns) + "x" + name;
  return "!tokens = !faro.tokens<" + row + ">\n!experts = !faro.tokens<" + row +
         ", #faro.layout<order = [expert, source, token], align = 4>>\n"
         "!routes = !faro.routes<topk = " +
         std::to_string(topk) + ", experts = " + std::to_string(std::max(topk, 16u)) +
         ">\n"
         "func.func @dispatch(%x: !tokens, %r: !routes) -> !experts {\n"
         "  %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts\n"
         "  return %y : !experts\n}\n"
         "func.func @combine(%y: !experts, %r: !routes) -> !tokens {\n"
         "  %x = faro.combine %y, %r " +
         (f32Partials ? "partial(f32) " : "") +
         ": (!experts, !routes) -> !tokens\n"
         "  return %x : !tokens\n}\n";
}

static bool machineRuns(uint32_t level) {
  switch (level) {
  case FARO_ABI_CPU_X86_64_V3:
  case FARO_ABI_CPU_X86_64_V3_AMD:
  case FARO_ABI_CPU_X86_64_V3_AMD17H:
    return __builtin_cpu_supports("x86-64-v3");
  case FARO_ABI_CPU_X86_64_V4:
  case FARO_ABI_CPU_X86_64_V4_AMD:
    return __builtin_cpu_supports("x86-64-v4");
  default:
    return true;
  }
}

static KernelSet readSet(const faro_abi_module &module, const faro_abi_kernel_set &set) {
  KernelSet kernels;
  kernels.target = set.target;
  const auto put = [&](auto *slots, uint32_t index, int form) {
    if (index != FARO_ABI_NO_KERNEL)
      slots[form] = reinterpret_cast<std::remove_reference_t<decltype(*slots)>>(set.kernels[index].entry);
  };
  for (uint32_t p = 0; p < module.program_count; ++p)
    for (uint32_t h = 0; h < module.programs[p].schedule_count; ++h) {
      const faro_abi_schedule &schedule = module.programs[p].schedules[h];
      const bool across = schedule.path == FARO_ABI_HIERARCHICAL;
      for (uint32_t s = 0; s < schedule.stage_count; ++s) {
        const faro_abi_stage &stage = schedule.stages[s];
        const uint32_t names[2] = {stage.kernel, stage.streaming_kernel};
        if (across && stage.op == FARO_ABI_STAGE_PULL)
          put(&kernels.share, stage.share_kernel, 0);
        for (int form = 0; form < 2; ++form) {
          if (stage.op == FARO_ABI_STAGE_PUSH)
            put(kernels.push, names[form], form);
          else if (stage.op == FARO_ABI_STAGE_PULL)
            put(across ? kernels.add : kernels.pull, names[form], form);
          else if (stage.op == FARO_ABI_STAGE_FAN_OUT && module.programs[p].op == FARO_ABI_COMBINE)
            put(kernels.land, names[form], form);
        }
      }
    }
  return kernels;
}

std::unique_ptr<JitModule> compileSpec(const std::string &text, llvm::ArrayRef<CpuTarget> targets,
                                       const LoweringOptions &options) {
  std::string said;
  Compilation compilation(text, "spec", [&](const std::string &message) { said += message + "\n"; });
  if (failed(compilation.parse()) || failed(compilation.lowerTo(Phase::Kernels, options)) ||
      failed(compilation.toLLVM(targets)))
    throw std::runtime_error(said);
  auto object = compilation.toCode(Output::Object);
  if (failed(object))
    throw std::runtime_error(said);
  llvm::Expected<std::unique_ptr<JitModule>> module = JitModule::load((*object)->getBuffer());
  if (!module)
    throw std::runtime_error(llvm::toString(module.takeError()));
  return std::move(*module);
}

static Kernels compileFor(llvm::ArrayRef<CpuTarget> targets, reference::Element element, uint64_t columns,
                          bool f32Partials, const EmitKernelsOptions &options, uint32_t topk) {
  LoweringOptions lowering;
  lowering.kernels = options;
  Kernels kernels;
  kernels.module = compileSpec(specOf(element, columns, f32Partials, topk), targets, lowering);
  const faro_abi_module &table = *kernels.module->table();
  for (uint32_t s = 0; s < table.kernel_set_count; ++s)
    if (const faro_abi_kernel_set &set = table.kernel_sets[s]; machineRuns(set.level)) {
      kernels.sets.push_back(readSet(table, set));
      for (uint32_t k = 0; k < set.kernel_count; ++k)
        kernels.names[set.kernels[k].entry] = set.kernels[k].name;
    }
  kernels.rowBytes = table.programs[0].row.bytes;
  kernels.stride = table.programs[0].row.stride;
  kernels.partialStride = table.programs[1].schedules[1].partial_stride;
  return kernels;
}

Kernels compileKernels(reference::Element element, uint64_t columns, bool f32Partials,
                       std::optional<EmitKernelsOptions> options, uint32_t topk) {
  std::vector<CpuTarget> targets = aotTargets();
  targets.push_back(llvm::cantFail(hostTarget()));
  for (CpuTarget &target : targets)
    target.kernels = options.value_or(target.kernels);
  return compileFor(targets, element, columns, f32Partials, options.value_or(EmitKernelsOptions()), topk);
}

Kernels compileOldest(reference::Element element, uint64_t columns, bool f32Partials, uint32_t topk) {
  return compileFor(aotTargets().front(), element, columns, f32Partials, EmitKernelsOptions(), topk);
}

EdgeMemory::EdgeMemory(size_t bytes) : bytes(bytes) {
  const size_t page = size_t(::sysconf(_SC_PAGESIZE));
  mapped = (bytes + page - 1) / page * page + page;
  base = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED)
    throw std::bad_alloc();
  end_ = static_cast<std::byte *>(base) + mapped - page;
  if (::mprotect(end_, page, PROT_NONE) != 0)
    throw std::runtime_error("mprotect failed");
}

EdgeMemory::~EdgeMemory() { ::munmap(base, mapped); }

} // namespace faro::test
