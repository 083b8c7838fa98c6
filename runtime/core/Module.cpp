#include "faro/module.h"

#include "compiler/CAPI/faro_compiler.h"
#include "runtime/core/ElfCheck.h"
#include "runtime/core/ModuleCheck.h"
#include "runtime/core/SharedLibrary.h"
#include "runtime/device/cuda/SessionDevice.h"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <unistd.h>

namespace faro {

const char *elementName(uint32_t element) {
  switch (element) {
  case FARO_ABI_BF16:
    return "bf16";
  case FARO_ABI_F16:
    return "f16";
  case FARO_ABI_F32:
    return "f32";
  default:
    return "unknown";
  }
}

uint64_t elementBytes(uint32_t element) {
  switch (element) {
  case FARO_ABI_BF16:
  case FARO_ABI_F16:
    return 2;
  case FARO_ABI_F32:
    return 4;
  default:
    return 0;
  }
}

const faro_abi_schedule *scheduleOf(const faro_abi_program &program, uint32_t path) {
  for (uint32_t s = 0; s < program.schedule_count; ++s)
    if (program.schedules[s].path == path)
      return &program.schedules[s];
  return nullptr;
}

const faro_abi_stage *stageOf(const faro_abi_schedule &schedule, uint32_t op) {
  for (uint32_t s = 0; s < schedule.stage_count; ++s)
    if (schedule.stages[s].op == op)
      return &schedule.stages[s];
  return nullptr;
}

bool goesPastCache(const faro_abi_program &program, uint64_t bytes, bool aligned) {
  return aligned && bytes >= program.streaming_threshold;
}

uint32_t kernelOf(const faro_abi_program &program, const faro_abi_stage &stage, uint64_t bytes, bool aligned) {
  const bool streaming = stage.streaming_kernel != FARO_ABI_NO_KERNEL && goesPastCache(program, bytes, aligned);
  return streaming ? stage.streaming_kernel : stage.kernel;
}

Expected<std::shared_ptr<const Module>> Module::adopt(const faro_abi_module *abi, std::shared_ptr<void> keep,
                                                      const std::string &name) {
  FARO_RETURN_IF_ERROR(checkModule(*abi, name));
  auto kernels = chooseKernels(*abi, name);
  if (!kernels)
    return kernels.status();
  std::shared_ptr<Module> module(new Module());
  module->keep_ = std::move(keep);
  module->name_ = name;
  module->abi_ = abi;
  module->kernels_ = *kernels;
  return std::shared_ptr<const Module>(std::move(module));
}

Expected<std::shared_ptr<const Module>> Module::load(const std::string &path) {
  if (access(path.c_str(), F_OK) != 0) {
    if (errno == ENOENT || errno == ENOTDIR)
      return Status(FARO_NOT_FOUND, fmt::format("{}: no such file", path));
    return Status(errno == EACCES ? FARO_PERMISSION_DENIED : FARO_INVALID_ARGUMENT,
                  fmt::format("{}: cannot look at this file: {}", path, std::strerror(errno)));
  }
  FARO_RETURN_IF_ERROR(checkElf(path));
  // A name without a slash would be looked for in the loader's path, not here.
  auto library = SharedLibrary::open(path.find('/') == std::string::npos ? "./" + path : path);
  if (!library)
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("{}: not a module that can be loaded: {}", path, library.status().message()));
  auto *abi = static_cast<const faro_abi_module *>((*library)->find(FARO_ABI_SYMBOL));
  if (!abi)
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("{}: a shared library, but no Faro module (it has no symbol {}); modules are made by "
                              "faroc SPEC.mlir -o OUT.so",
                              path, FARO_ABI_SYMBOL));
  return adopt(abi, *library, path);
}

namespace {
/// The functions of libfaro_compiler.so. It stays loaded, for longer than any static object of the program: LLVM does
/// not like to be unloaded, and a module that was compiled just in time needs it until its own end.
struct Compiler {
  decltype(&faro_compiler_jit) jit = nullptr;
  decltype(&faro_compiled_module) module = nullptr;
  decltype(&faro_compiled_destroy) destroy = nullptr;
};
} // namespace

static Expected<Compiler> loadCompiler() {
  static auto &library = *new std::shared_ptr<SharedLibrary>; // guarded by the initialisation below; never destroyed
  static const Status loaded = [] {
    auto found =
        SharedLibrary::openBeside("libfaro_compiler.so", "FARO_COMPILER_PATH", SharedLibrary::Binding::AtCalls);
    if (!found)
      return Status(FARO_UNAVAILABLE,
                    fmt::format("a spec needs the compiler, which could not be loaded: {}; compile the spec elsewhere "
                                "with faroc and give the .so",
                                found.status().message()));
    library = *found;
    return Status::ok();
  }();
  FARO_RETURN_IF_ERROR(loaded);
  Compiler compiler;
  compiler.jit = reinterpret_cast<decltype(compiler.jit)>(library->find("faro_compiler_jit"));
  compiler.module = reinterpret_cast<decltype(compiler.module)>(library->find("faro_compiled_module"));
  compiler.destroy = reinterpret_cast<decltype(compiler.destroy)>(library->find("faro_compiled_destroy"));
  if (!compiler.jit || !compiler.module || !compiler.destroy)
    return Status(FARO_VERSION_MISMATCH, fmt::format("{} lacks functions of this release", library->path()));
  return compiler;
}

Expected<std::shared_ptr<const Module>> Module::compile(const std::string &text, const std::string &name,
                                                        CompileReport *report, const CompileTargets &targets) {
  auto compiler = loadCompiler();
  if (!compiler)
    return compiler.status();
  std::string diagnostics;
  auto collect = [](void *user, const char *line) {
    auto &all = *static_cast<std::string *>(user);
    all += all.empty() ? line : std::string("\n") + line;
  };
  faro_compile_options options{sizeof options, nullptr, targets.cudaArchitecture, 0, FARO_COMPILE_ANY_WIRE};
  if (targets.cudaDevice < -1)
    return Status(
        FARO_INVALID_ARGUMENT,
        fmt::format("{}: compiled for CUDA device {}; expected its number, or -1 for none", name, targets.cudaDevice));
  if (targets.cudaDevice < 0 && !targets.cudaArchitecture &&
      (targets.planning || targets.bulkCopies || targets.residentPushes))
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("{}: {} are a CUDA device's: give its number or its architecture, too", name,
                              targets.planning     ? "kernels that plan"
                              : targets.bulkCopies ? "bulk copies"
                                                   : "resident pushes"));
  if (targets.cudaDevice >= 0 && targets.cudaArchitecture)
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("{}: compiled for CUDA device {} or for architecture sm_{}? Give one of them", name,
                              targets.cudaDevice, targets.cudaArchitecture));
  if (targets.cudaDevice >= 0) {
    auto architecture = cuda::architectureOf(targets.cudaDevice);
    if (!architecture)
      return architecture.status();
    options.cuda_architecture = *architecture;
  }
  options.cuda_kernels =
      (targets.planning ? uint32_t(FARO_COMPILE_PLAN) : 0) | (targets.bulkCopies ? uint32_t(FARO_COMPILE_BULK) : 0) |
      (targets.residentPushes ? uint32_t(FARO_COMPILE_RESIDENT) : 0) | (targets.host ? uint32_t(FARO_COMPILE_HOST) : 0);
  if (targets.wire)
    options.wire = *targets.wire == WireKind::Rdma ? FARO_COMPILE_RDMA : FARO_COMPILE_TCP;
  faro_compile_stats stats{};
  stats.struct_size = sizeof stats;
  faro_compiled *compiled = nullptr;
  if (compiler->jit(text.data(), text.size(), name.c_str(), &options, collect, &diagnostics, &compiled, &stats) != 0)
    return Status(FARO_INVALID_ARGUMENT, diagnostics);
  if (report)
    *report = {stats.from_cache != 0, stats.milliseconds, stats.ptx_milliseconds, stats.code_milliseconds,
               stats.assembler};
  std::shared_ptr<void> keep(compiled, [destroy = compiler->destroy](faro_compiled *c) { destroy(c); });
  return adopt(compiler->module(compiled), std::move(keep), name);
}

const faro_abi_program *Module::find(const std::string &program) const {
  for (uint32_t p = 0; p < abi_->program_count; ++p)
    if (program == abi_->programs[p].name)
      return &abi_->programs[p];
  return nullptr;
}

Expected<const faro_abi_program *> Module::only(faro_abi_op op) const {
  const char *kind = op == FARO_ABI_DISPATCH ? "dispatch" : "combine";
  const faro_abi_program *found = nullptr;
  for (uint32_t p = 0; p < abi_->program_count; ++p) {
    const faro_abi_program &program = abi_->programs[p];
    if (program.op != uint32_t(op))
      continue;
    if (found)
      return Status(FARO_INVALID_ARGUMENT,
                    fmt::format("{}: it holds more than one {}: {} and {}; which of them is meant has to be said",
                                name_, kind, found->name, program.name));
    found = &program;
  }
  if (!found)
    return Status(FARO_NOT_FOUND, fmt::format("{}: it holds no {}", name_, kind));
  return found;
}

} // namespace faro
