// What the tables that tests make by hand have in common, correct, for a test to fill in or to break.
#pragma once

#include "runtime/abi/faro_abi.h"
#include "runtime/core/Digest.h"

#include <cstring>
#include <span>
#include <string_view>

namespace faro::test {

/// Of this version and with this spec (a literal); it has no programs and no kernels yet.
inline faro_abi_module moduleHead(const char *producer, std::string_view spec) {
  faro_abi_module module{};
  module.magic = FARO_ABI_MAGIC;
  module.version = FARO_ABI_VERSION;
  module.module_size = sizeof(faro_abi_module);
  module.program_size = sizeof(faro_abi_program);
  module.schedule_size = sizeof(faro_abi_schedule);
  module.ring_size = sizeof(faro_abi_ring);
  module.stage_size = sizeof(faro_abi_stage);
  module.kernel_set_size = sizeof(faro_abi_kernel_set);
  module.producer = producer;
  module.spec_text = spec.data();
  module.spec_size = spec.size();
  const Digest digest = sha256(std::as_bytes(std::span(spec)));
  std::memcpy(module.spec_sha256, digest.data(), digest.size());
  return module;
}

/// A dispatch of rows of bf16 to top-2 of 4 experts.
inline faro_abi_program dispatchOf(const char *name, uint32_t columns, uint64_t stride,
                                   const faro_abi_schedule *schedule) {
  return {name,
          FARO_ABI_DISPATCH,
          1,
          {FARO_ABI_BF16, 0, columns, columns * sizeof(uint16_t), stride},
          {{FARO_ABI_KEY_EXPERT, FARO_ABI_KEY_SOURCE, FARO_ABI_KEY_TOKEN, FARO_ABI_KEY_CHOICE}, 1},
          {2, 4, FARO_ABI_PLACEMENT_BLOCK, 0, nullptr},
          1 << 21,
          schedule};
}

} // namespace faro::test
