#include "runtime/device/cuda/ChooseImage.h"

#include <fmt/format.h>
#include <string>

namespace faro::cuda {

static bool runs(const faro_abi_image &image, uint32_t architecture) {
  return image.architecture <= architecture &&
         (image.format == FARO_ABI_PTX || image.architecture / 10 == architecture / 10);
}

Expected<const faro_abi_image *> chooseImage(std::span<const faro_abi_image> images, uint32_t architecture) {
  const faro_abi_image *best = nullptr;
  std::string held;
  for (const faro_abi_image &image : images) {
    held += fmt::format("{}{}{}", held.empty() ? "" : ", ", image.target, image.format == FARO_ABI_PTX ? " (PTX)" : "");
    if (!runs(image, architecture))
      continue;
    const auto rank = [](const faro_abi_image &each) {
      return std::pair(each.format == FARO_ABI_CUBIN, each.architecture);
    };
    if (!best || rank(*best) < rank(image))
      best = &image;
  }
  if (!best)
    return Status(FARO_UNAVAILABLE,
                  fmt::format("the module holds {} and nothing that a device of architecture sm_{} "
                              "runs; compile it with faroc --target=cpu,cuda:sm_{}",
                              held.empty() ? "kernels for the CPU only" : held, architecture, architecture));
  return best;
}

const faro_abi_image *choosePtx(std::span<const faro_abi_image> images, uint32_t architecture) {
  const faro_abi_image *best = nullptr;
  for (const faro_abi_image &image : images)
    if (image.format == FARO_ABI_PTX && runs(image, architecture) && (!best || best->architecture < image.architecture))
      best = &image;
  return best;
}

} // namespace faro::cuda
