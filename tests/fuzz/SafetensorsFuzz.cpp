// Bytes of a file to tensors: what is believed lies within the file, in order, without holes.
#include "runtime/tools/faro-run/Safetensors.h"

#include <cstdlib>

using namespace faro::run;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::span file(reinterpret_cast<const std::byte *>(data), size);
  const auto tensors = safetensors::parse("fuzzed.safetensors", file);
  if (!tensors) {
    if (tensors.status().message().empty())
      std::abort();
    return 0;
  }
  const std::byte *next = nullptr;
  for (const safetensors::Tensor &tensor : *tensors) {
    const auto bytes = safetensors::tensorBytes(tensor);
    const bool inside = tensor.data.empty() || (tensor.data.data() >= file.data() &&
                                                tensor.data.data() + tensor.data.size() <= file.data() + file.size());
    // Of a dtype that is not known here, only where it lies.
    const bool measured = !safetensors::dtypeBytes(tensor.dtype) || (bytes && *bytes == tensor.data.size());
    if (!measured || !inside || (next && !tensor.data.empty() && tensor.data.data() != next))
      std::abort();
    if (!tensor.data.empty())
      next = tensor.data.data() + tensor.data.size();
    (void)safetensors::shown(tensor.name);
    (void)safetensors::shapeName(tensor.shape);
  }
  return 0;
}
