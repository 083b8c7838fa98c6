// Text to kernels: whatever is wrong with a spec or a schedule is a diagnostic.
#include "compiler/Pipelines/Compilation.h"

#include <cstdlib>

using namespace faro::compiler;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  bool said = false;
  Compilation compilation(std::string(reinterpret_cast<const char *>(data), size), "fuzzed.mlir",
                          [&](const std::string &text) { said |= text.find("error: ") != std::string::npos; });
  const bool compiled = succeeded(compilation.parse()) && succeeded(compilation.lowerTo(Phase::Kernels));
  // Who is refused is told why, and who is told so is refused.
  if (compiled == said)
    std::abort();
  return 0;
}
