// Text to machine code, for a processor and for a device: whatever is wrong with a spec, a schedule or a kernel is a
// diagnostic.
#include "compiler/Codegen/CUDA/Images.h"
#include "compiler/Codegen/CUDA/Ptx.h"
#include "compiler/Pipelines/Compilation.h"

#include <cstdlib>

using namespace faro::compiler;

namespace {

class Fuzzed {
public:
  Fuzzed(const uint8_t *data, size_t size)
      : text(reinterpret_cast<const char *>(data), size),
        compilation(text, "fuzzed.mlir",
                    [this](const std::string &message) { said |= message.find("error: ") != std::string::npos; }) {}

  void run() {
    // Who is refused is told why, and who is told so is refused.
    if (!agrees(succeeded(compilation.parse()) && succeeded(compilation.lowerTo(Phase::Xfer))))
      return;
    // A device may lack what a processor has; then that is said, and the other goes on.
    agrees(compilesForDevice());
    if (agrees(succeeded(compilation.lowerTo(Phase::Kernels))))
      agrees(succeeded(compilation.toLLVM(aotTargets().front())));
  }

private:
  bool agrees(bool compiled) {
    if (compiled == std::exchange(said, false)) {
      llvm::errs() << text << (compiled ? "\ncompiles, with an error\n" : "\nis refused without a word\n");
      std::abort();
    }
    return compiled;
  }

  bool compilesForDevice() {
    auto gpu = makeGpuModule(compilation.module(), 90);
    if (failed(gpu))
      return false;
    auto code = toDeviceCode(gpuModuleOf(**gpu));
    if (failed(code))
      return false;
    llvm::Expected<std::string> ptx = writePtx(std::move(*code), 90);
    return ptx ? true : (llvm::consumeError(ptx.takeError()), said = true, false);
  }

  const std::string text;
  bool said = false;
  Compilation compilation;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Fuzzed(data, size).run();
  return 0;
}
