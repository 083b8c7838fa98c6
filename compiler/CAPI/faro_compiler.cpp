#include "compiler/CAPI/faro_compiler.h"

#include "compiler/Codegen/CUDA/Images.h"
#include "compiler/Codegen/CUDA/Ptx.h"
#include "compiler/Codegen/Module/JitModule.h"
#include "compiler/Codegen/Module/ModuleTables.h"
#include "compiler/Codegen/Module/ObjectCache.h"
#include "compiler/Pipelines/Compilation.h"

#include <chrono>
#include <exception>

#define FARO_COMPILER_EXPORT __attribute__((visibility("default")))

struct faro_compiled {
  std::unique_ptr<faro::compiler::JitModule> jit;
};

namespace {

using namespace faro::compiler;

/// What a module is compiled for.
struct Targets {
  CpuTarget host;
  int cuda = 0; ///< architecture; 0: none
  std::unique_ptr<Assembler> assembler;
};

/// From text to an object for these targets; null after a diagnostic.
std::unique_ptr<llvm::MemoryBuffer> compileObject(llvm::StringRef text, const std::string &name, const Targets &targets,
                                                  const Report &report) {
  mlir::DialectRegistry more;
  if (targets.cuda)
    registerCuda(more);
  Compilation compilation(text.str(), name, report, targets.cuda ? &more : nullptr);
  if (failed(compilation.parse()) || failed(compilation.lowerTo(Phase::Xfer)))
    return nullptr;
  CudaImages images;
  if (targets.cuda) {
    llvm::FailureOr<CudaImages> made = makeCudaImages(compilation.module(), targets.cuda, targets.assembler.get());
    if (failed(made))
      return nullptr;
    images = std::move(*made);
  }
  LoweringOptions lowering;
  lowering.plan = targets.cuda != 0; // tables name the same kernels for all targets
  if (failed(compilation.lowerTo(Phase::Kernels, lowering)) || failed(compilation.toLLVM(targets.host, images.images)))
    return nullptr;
  llvm::FailureOr<std::unique_ptr<llvm::MemoryBuffer>> object = compilation.toCode(Output::Object);
  return failed(object) ? nullptr : std::move(*object);
}

struct Result {
  std::unique_ptr<JitModule> module;
  bool fromCache = false;
};

Result jit(llvm::StringRef text, const std::string &name, const char *cacheDirectory, int cuda, const Report &report) {
  llvm::Expected<CpuTarget> host = hostTarget();
  if (!host) {
    report(name + ": error: " + llvm::toString(host.takeError()));
    return {};
  }
  const Targets targets{*host, cuda, cuda ? findAssembler() : nullptr};
  const ObjectCache cache(cacheDirectory);
  const std::string assembler = targets.assembler ? targets.assembler->name() : "";
  const std::string key = ObjectCache::key(
      {text, producer(), ObjectCache::compilerIdentity(), host->cpu, host->features, std::to_string(cuda), assembler});
  if (std::unique_ptr<llvm::MemoryBuffer> object = cache.find(key)) {
    if (llvm::Expected<std::unique_ptr<JitModule>> module = JitModule::load(object->getBuffer()))
      return {std::move(*module), true};
    else // Its checksum was right and it does not load: somebody else's, to be written anew.
      llvm::consumeError(module.takeError());
  }
  std::unique_ptr<llvm::MemoryBuffer> object = compileObject(text, name, targets, report);
  if (!object)
    return {};
  llvm::Expected<std::unique_ptr<JitModule>> module = JitModule::load(object->getBuffer());
  if (!module) {
    report(name + ": error: the compiled kernels cannot be loaded: " + llvm::toString(module.takeError()));
    return {};
  }
  cache.store(key, object->getBuffer());
  return {std::move(*module), false};
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
  const auto has = [&](size_t end) { return options && options->struct_size >= end; };
  const bool hasDirectory = has(offsetof(faro_compile_options, cache_dir) + sizeof(options->cache_dir));
  const bool hasCuda = has(offsetof(faro_compile_options, cuda_architecture) + sizeof(options->cuda_architecture));
  try {
    if ((!text && size != 0) || !out) {
      report(file + ": error: faro_compiler_jit needs a text and a place for its result");
      return 1;
    }
    *out = nullptr;
    Result result = jit(llvm::StringRef(text, size), file, hasDirectory ? options->cache_dir : nullptr,
                        hasCuda ? int(options->cuda_architecture) : 0, report);
    if (!result.module)
      return 1;
    *out = new faro_compiled{std::move(result.module)};
    if (stats && stats->struct_size >= sizeof(faro_compile_stats)) {
      stats->from_cache = result.fromCache;
      stats->milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    }
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
