#include "compiler/Codegen/CUDA/Images.h"

#include "compiler/Codegen/CUDA/Ptx.h"
#include "compiler/Codegen/CUDA/PtxParts.h"
#include "compiler/Pipelines/Pipelines.h"

#include "mlir/Pass/PassManager.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

namespace faro::compiler {

using namespace mlir;

namespace {

/// Milliseconds since `start`, which is moved on.
double lap(std::chrono::steady_clock::time_point &start) {
  const auto now = std::chrono::steady_clock::now();
  return std::chrono::duration<double, std::milli>(now - std::exchange(start, now)).count();
}

std::string targetName(int architecture) { return "cuda:sm_" + std::to_string(architecture); }

} // namespace

FailureOr<OwningOpRef<ModuleOp>> makeGpuModule(ModuleOp module, int architecture, const MoreKernels &more) {
  constexpr int FirstWithBulkCopies = 90;
  OwningOpRef<ModuleOp> kernels(module.clone());
  LoweringOptions options;
  options.kernels = cudaKernelOptions(architecture);
  options.kernels.bulk = more.bulk && architecture >= FirstWithBulkCopies ? KernelForm::Beside : KernelForm::None;
  options.kernels.resident = more.resident ? KernelForm::Beside : KernelForm::None;
  options.plan = more.plan;
  PassManager passes(module.getContext());
  buildPhase(passes, Phase::Kernels, options);
  if (failed(passes.run(*kernels)) || failed(toGpu(*kernels, architecture)))
    return failure();
  return kernels;
}

/// Some kernels of a target, and who is at work on them.
struct CudaImageWork::Part {
  std::string ptx, fault;
  std::optional<Assembled> code;
  CudaTimes times;
  std::thread thread;
};

struct CudaImageWork::Target {
  int architecture = 0;
  std::vector<std::string> kernels; ///< their names
  std::vector<std::unique_ptr<Part>> parts;
};

CudaImageWork::CudaImageWork(Assembler *assembler) : assembler(assembler) {}

CudaImageWork::~CudaImageWork() {
  for (Target &target : targets)
    for (const std::unique_ptr<Part> &part : target.parts)
      if (part->thread.joinable())
        part->thread.join();
}

FailureOr<std::unique_ptr<CudaImageWork>> CudaImageWork::start(ModuleOp module, llvm::ArrayRef<int> architectures,
                                                               Assembler *assembler, const MoreKernels &more,
                                                               GpuObserver observer, size_t parts) {
  std::unique_ptr<CudaImageWork> work(new CudaImageWork(assembler));
  const size_t cores = std::max(std::thread::hardware_concurrency(), 1u);
  const size_t most = parts ? parts : (cores + architectures.size() - 1) / architectures.size();
  for (int architecture : architectures)
    if (failed(work->startTarget(module, architecture, more, most, observer)))
      return failure();
  return work;
}

LogicalResult CudaImageWork::startTarget(ModuleOp module, int architecture, const MoreKernels &more, size_t most,
                                         GpuObserver observer) {
  FailureOr<OwningOpRef<ModuleOp>> kernels = makeGpuModule(module, architecture, more);
  if (failed(kernels) || (observer && failed(observer(architecture, **kernels))))
    return failure();
  Target &target = targets.emplace_back();
  target.architecture = architecture;
  target.kernels = kernelNames(gpuModuleOf(**kernels));
  PartAssembler *const assembleParts = assembler ? assembler->parts() : nullptr;
  for (OwningOpRef<gpu::GPUModuleOp> &each : splitKernels(gpuModuleOf(**kernels), most)) {
    FailureOr<DeviceCode> code = toDeviceCode(*each);
    if (failed(code))
      return failure();
    Part &part = *target.parts.emplace_back(std::make_unique<Part>());
    part.thread = std::thread([&part, architecture, assembleParts, code = std::move(*code)]() mutable {
      auto start = std::chrono::steady_clock::now();
      llvm::Expected<std::string> ptx = writePtx(std::move(code), architecture);
      part.times.ptx = lap(start);
      if (!ptx) {
        part.fault = llvm::toString(ptx.takeError());
        return;
      }
      part.ptx = std::move(*ptx);
      if (assembleParts)
        part.code = expectedToOptional(assembleParts->assemblePart(part.ptx, architecture));
      part.times.code = lap(start);
    });
  }
  return success();
}

/// Of the parts' code where all of them have some. What is said of the whole text is of more use to people than what
/// is said of a part, so that is what is assembled otherwise.
llvm::Expected<Assembled> CudaImageWork::assemble(Target &target, const std::string &ptx) {
  if (!std::ranges::all_of(target.parts, [](const auto &part) { return part->code.has_value(); }))
    return assembler->assemble(ptx, target.architecture);
  Assembled assembled;
  std::vector<std::string> codes;
  for (const std::unique_ptr<Part> &part : target.parts) {
    codes.push_back(std::move(part->code->cubin));
    std::ranges::move(part->code->usage, std::back_inserter(assembled.usage));
  }
  std::ranges::sort(assembled.usage, {}, [&](const KernelUsage &each) {
    return std::ranges::find(target.kernels, each.kernel) - target.kernels.begin();
  });
  llvm::Expected<std::string> linked = assembler->parts()->link(codes, target.architecture);
  if (!linked)
    return linked.takeError();
  assembled.cubin = std::move(*linked);
  return assembled;
}

llvm::Expected<CudaImages> CudaImageWork::finish(PtxObserver observer) {
  CudaImages made;
  for (Target &target : targets) {
    std::vector<std::string> texts;
    for (const std::unique_ptr<Part> &part : target.parts) {
      part->thread.join();
      if (!part->fault.empty())
        return llvm::createStringError(part->fault);
      texts.push_back(std::move(part->ptx));
      made.times.ptx = std::max(made.times.ptx, part->times.ptx);
      made.times.code = std::max(made.times.code, part->times.code);
    }
    std::string ptx = joinPtx(texts, target.kernels);
    if (observer)
      if (llvm::Error fault = observer(target.architecture, ptx))
        return fault;
    const std::string name = targetName(target.architecture);
    if (assembler) {
      auto start = std::chrono::steady_clock::now();
      llvm::Expected<Assembled> assembled = assemble(target, ptx);
      made.times.code += lap(start);
      if (!assembled)
        return assembled.takeError();
      made.images.push_back({name, FARO_ABI_CUBIN, uint32_t(target.architecture), std::move(assembled->cubin)});
      for (KernelUsage &usage : assembled->usage)
        made.usage.emplace_back(name, std::move(usage));
    }
    // Also beside machine code: drivers of an older CUDA read no machine code of a newer one, but text.
    made.images.push_back({name, FARO_ABI_PTX, uint32_t(target.architecture), std::move(ptx)});
  }
  return made;
}

} // namespace faro::compiler
