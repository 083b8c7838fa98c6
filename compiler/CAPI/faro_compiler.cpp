#include "compiler/CAPI/faro_compiler.h"

#include "compiler/Codegen/CUDA/Images.h"
#include "compiler/Codegen/CUDA/Ptx.h"
#include "compiler/Codegen/Module/JitModule.h"
#include "compiler/Codegen/Module/ModuleTables.h"
#include "compiler/Codegen/Module/ObjectCache.h"
#include "compiler/Pipelines/Compilation.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <optional>

#define FARO_COMPILER_EXPORT __attribute__((visibility("default")))

struct faro_compiled {
  std::unique_ptr<faro::compiler::JitModule> jit;
};

namespace {

using namespace faro::compiler;

/// What a module is compiled for.
struct Targets {
  llvm::ArrayRef<CpuTarget> host; ///< one, or none
  int cuda = 0;                   ///< architecture; 0: none
  MoreKernels kernels;
  std::unique_ptr<Assembler> assembler;
  std::optional<WireClass> wire; ///< nothing: whatever the spec says, else tcp
};

struct Result {
  std::unique_ptr<JitModule> module;
  bool fromCache = false;
  CudaTimes times;
  std::string assembler;
};

/// From text to objects for these targets; null after a diagnostic.
std::unique_ptr<llvm::MemoryBuffer> compileObjects(llvm::StringRef text, const std::string &name,
                                                   const Targets &targets, const Report &report, CudaTimes &times) {
  Compilation compilation(text.str(), name, report);
  LoweringOptions lowering;
  lowering.wire = targets.wire;
  if (failed(compilation.parse()) || failed(compilation.lowerTo(Phase::Xfer, lowering)))
    return nullptr;
  std::unique_ptr<CudaImageWork> work; // goes on while the CPU's kernels are lowered
  if (targets.cuda) {
    auto started = CudaImageWork::start(compilation.module(), targets.cuda, targets.assembler.get(), targets.kernels);
    if (failed(started))
      return nullptr;
    work = std::move(*started);
  }
  lowering.plan = targets.cuda && targets.kernels.plan; // tables name the same kernels for all targets
  if (!targets.host.empty())                            // written once, then
    lowering.kernels = targets.host.front().kernels;
  if (failed(compilation.lowerTo(Phase::Kernels, lowering)))
    return nullptr;
  CudaImages images;
  if (work) {
    llvm::Expected<CudaImages> made = work->finish();
    if (!made) {
      (void)compilation.fail(made.takeError());
      return nullptr;
    }
    images = std::move(*made);
    times = images.times;
  }
  llvm::FailureOr<std::unique_ptr<llvm::MemoryBuffer>> objects = compilation.toArchive(targets.host, images.images);
  return failed(objects) ? nullptr : std::move(*objects);
}

std::optional<WireClass> wireOf(const faro_compile_options &asked) {
  if (asked.wire == FARO_COMPILE_ANY_WIRE)
    return std::nullopt;
  return asked.wire == FARO_COMPILE_RDMA ? WireClass::Rdma : WireClass::Tcp;
}

Result jit(llvm::StringRef text, const std::string &name, const faro_compile_options &asked, const Report &report) {
  const int cuda = int(asked.cuda_architecture);
  const MoreKernels kernels{.plan = (asked.cuda_kernels & FARO_COMPILE_PLAN) != 0,
                            .bulk = (asked.cuda_kernels & FARO_COMPILE_BULK) != 0,
                            .resident = (asked.cuda_kernels & FARO_COMPILE_RESIDENT) != 0};
  const bool withHost = cuda == 0 || (asked.cuda_kernels & FARO_COMPILE_HOST);
  llvm::Expected<CpuTarget> host = hostTarget();
  if (!host) {
    report(name + ": error: " + llvm::toString(host.takeError()));
    return {};
  }
  const Targets targets{withHost ? llvm::ArrayRef<CpuTarget>(*host) : llvm::ArrayRef<CpuTarget>(), cuda, kernels,
                        cuda ? findAssembler() : nullptr, wireOf(asked)};
  Result result;
  result.assembler = targets.assembler ? targets.assembler->name() : "";
  const std::string &compiler = ObjectCache::compilerIdentity();
  const ObjectCache cache(compiler.empty() ? "" : asked.cache_dir);
  const std::string key =
      ObjectCache::key({text, producer(), compiler, host->cpu, host->features, std::to_string(cuda),
                        kernels.plan ? "plan" : "", kernels.bulk ? "bulk" : "", kernels.resident ? "resident" : "",
                        withHost ? "host" : "", result.assembler, targets.wire ? wireClassName(*targets.wire) : ""});
  if (std::unique_ptr<llvm::MemoryBuffer> code = cache.find(key)) {
    if (llvm::Expected<std::unique_ptr<JitModule>> module = JitModule::load(code->getBuffer())) {
      result.module = std::move(*module);
      result.fromCache = true;
      return result;
    } else // Its checksum was right and it does not load: somebody else's, to be written anew.
      llvm::consumeError(module.takeError());
  }
  std::unique_ptr<llvm::MemoryBuffer> code = compileObjects(text, name, targets, report, result.times);
  if (!code)
    return {};
  llvm::Expected<std::unique_ptr<JitModule>> module = JitModule::load(code->getBuffer());
  if (!module) {
    report(name + ": error: the compiled kernels cannot be loaded: " + llvm::toString(module.takeError()));
    return {};
  }
  cache.store(key, code->getBuffer());
  result.module = std::move(*module);
  return result;
}

/// As far as the caller knows of fields.
void fill(faro_compile_stats &stats, const Result &result, std::chrono::duration<double, std::milli> taken) {
  faro_compile_stats all{stats.struct_size, result.fromCache, taken.count(), result.times.ptx, result.times.code, {}};
  result.assembler.copy(all.assembler, sizeof all.assembler - 1);
  std::memcpy(&stats, &all, std::min<size_t>(stats.struct_size, sizeof all));
}

} // namespace

extern "C" {

FARO_COMPILER_EXPORT int faro_compiler_jit(const char *text, size_t size, const char *name,
                                           const faro_compile_options *options, faro_diagnostic_fn diagnostic,
                                           void *user, faro_compiled **out, faro_compile_stats *stats) {
  const auto start = std::chrono::steady_clock::now();
  const std::string file = name ? name : "<spec>";
  const Report report = [&](const std::string &message) {
    if (diagnostic)
      diagnostic(user, message.c_str());
  };
  // A caller that is older than a field does not know of it.
  faro_compile_options asked{};
  if (options)
    std::memcpy(&asked, options, std::min<size_t>(options->struct_size, sizeof asked));
  try {
    if ((!text && size != 0) || !out) {
      report(file + ": error: faro_compiler_jit needs a text and a place for its result");
      return 1;
    }
    *out = nullptr;
    if (asked.cuda_architecture)
      if (llvm::Error unknown = checkCudaArchitecture(asked.cuda_architecture)) {
        report(file + ": error: " + llvm::toString(std::move(unknown)));
        return 1;
      }
    if (asked.wire > FARO_COMPILE_RDMA) {
      report(file + ": error: wire " + std::to_string(asked.wire) + " is none of faro_compile_wire");
      return 1;
    }
    Result result = jit(llvm::StringRef(text, size), file, asked, report);
    if (!result.module)
      return 1;
    *out = new faro_compiled{std::move(result.module)};
    if (stats)
      fill(*stats, result, std::chrono::steady_clock::now() - start);
    return 0;
  } catch (const std::exception &fault) {
    report(file + ": error: " + fault.what());
    return 1;
  }
}

FARO_COMPILER_EXPORT const faro_abi_module *faro_compiled_module(const faro_compiled *compiled) {
  return compiled ? compiled->jit->table() : nullptr;
}

FARO_COMPILER_EXPORT void faro_compiled_destroy(faro_compiled *compiled) { delete compiled; }

} // extern "C"
