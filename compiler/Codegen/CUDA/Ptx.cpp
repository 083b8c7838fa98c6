#include "compiler/Codegen/CUDA/Ptx.h"

#include "compiler/Codegen/CUDA/Optimise.h"
#include "compiler/Codegen/Module/CodeGenerators.h"
#include "compiler/Codegen/Module/Object.h"
#include "compiler/Codegen/Passes.h"
#include "dialect/Xfer/XferDialect.h"

#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"

#include <charconv>
#include <set>

namespace faro::compiler {

using namespace mlir;

namespace {

const llvm::Triple &nvptx() {
  static const llvm::Triple triple("nvptx64-nvidia-cuda");
  return triple;
}

llvm::Expected<const llvm::Target *> findTarget() {
  initialiseCodeGenerators();
  std::string error;
  if (const llvm::Target *target = llvm::TargetRegistry::lookupTarget(nvptx(), error))
    return target;
  return llvm::createStringError("LLVM has no NVPTX code generator: " + error);
}

} // namespace

std::optional<int> parseCudaTarget(std::string_view text) {
  constexpr std::string_view Prefix = "cuda:sm_";
  if (!text.starts_with(Prefix))
    return std::nullopt;
  text.remove_prefix(Prefix.size());
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 70 || number > 199)
    return std::nullopt;
  return number;
}

llvm::Error checkCudaArchitecture(uint32_t architecture) {
  llvm::Expected<const llvm::Target *> target = findTarget();
  if (!target)
    return target.takeError();
  const std::unique_ptr<llvm::MCSubtargetInfo> known((*target)->createMCSubtargetInfo(nvptx(), "", ""));
  std::set<uint32_t> numbers;
  for (const llvm::SubtargetSubTypeKV &each : known->getAllProcessorDescriptions())
    if (std::optional<int> number = parseCudaTarget((llvm::Twine("cuda:") + each.Key).str()))
      numbers.insert(uint32_t(*number));
  if (numbers.contains(architecture))
    return llvm::Error::success();
  std::string names;
  for (const uint32_t number : numbers)
    names += (names.empty() ? "sm_" : ", sm_") + std::to_string(number);
  return llvm::createStringError("sm_%u is no architecture that kernels can be compiled for; expected one of %s",
                                 architecture, names.c_str());
}

llvm::Expected<std::unique_ptr<llvm::TargetMachine>> makeDeviceMachine(int architecture) {
  llvm::Expected<const llvm::Target *> target = findTarget();
  if (!target)
    return target.takeError();
  // The oldest that has the architecture, but for the PTX version of CUDA 12.6: old enough for drivers in use, new
  // enough for every architecture up to sm_90.
  const bool ofCuda13 = architecture == 88 || (architecture >= 110 && architecture < 120);
  const char *version = ofCuda13 ? "+ptx90" : architecture < 100 ? "+ptx85" : "+ptx88";
  std::unique_ptr<llvm::TargetMachine> machine((*target)->createTargetMachine(
      nvptx(), "sm_" + std::to_string(architecture), version, llvm::TargetOptions(), std::nullopt));
  if (!machine)
    return llvm::createStringError("LLVM cannot generate code for sm_%d", architecture);
  return machine;
}

LogicalResult toGpu(ModuleOp module, int architecture) {
  PassManager passes(module.getContext());
  passes.addPass(createKernelsToGpuPass(cudaAccessBytes(architecture)));
  return passes.run(module);
}

gpu::GPUModuleOp gpuModuleOf(ModuleOp module) {
  return module.lookupSymbol<gpu::GPUModuleOp>(xfer::XferDialect::KernelsModuleName);
}

DeviceCode::DeviceCode() = default;
DeviceCode::DeviceCode(DeviceCode &&) noexcept = default;
DeviceCode::~DeviceCode() = default;

FailureOr<DeviceCode> toDeviceCode(gpu::GPUModuleOp kernels) {
  PassManager passes(kernels.getContext(), gpu::GPUModuleOp::getOperationName());
  // LLVM verifies what comes out.
  passes.enableVerifier(false);
  // Loops to branches, before the llvm dialect, which has no loops.
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(createGpuToNvvmPass());
  if (failed(passes.run(kernels)))
    return failure();
  DeviceCode code;
  code.context = std::make_unique<llvm::LLVMContext>();
  code.module = translateModuleToLLVMIR(kernels, *code.context, "faro");
  if (!code.module)
    return kernels.emitError() << "its kernels cannot be translated to LLVM IR";
  return code;
}

llvm::Expected<std::string> writePtx(DeviceCode code, int architecture) {
  llvm::Expected<std::unique_ptr<llvm::TargetMachine>> machine = makeDeviceMachine(architecture);
  if (!machine)
    return machine.takeError();
  std::string wrong;
  onErrors(*code.context, [&wrong](const std::string &message) { wrong += message; });
  code.module->setTargetTriple((*machine)->getTargetTriple());
  code.module->setDataLayout((*machine)->createDataLayout());
  optimiseForDevice(*code.module, **machine);
  llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> text = generate(*code.module, **machine, Output::Assembly);
  if (!text)
    return text.takeError();
  if (!wrong.empty())
    return llvm::createStringError(wrong);
  return (*text)->getBuffer().str();
}

} // namespace faro::compiler
