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
          schedule,
          nullptr};
}

/// The schedule of such a dispatch on one node, whose push is kernel 0, and the dispatch.
struct DirectDispatch {
  uint32_t after1[1] = {0}, after2[1] = {1};
  faro_abi_stage stages[3] = {
      {"open", FARO_ABI_STAGE_NOTIFY, FARO_ABI_ON_LINK, 0, FARO_ABI_NO_KERNEL, FARO_ABI_NO_KERNEL, FARO_ABI_NO_KERNEL,
       0, FARO_ABI_NO_RING, FARO_ABI_NO_RING, 0, 0, 0, nullptr},
      {"ready", FARO_ABI_STAGE_AWAIT, FARO_ABI_ON_LINK, 0, FARO_ABI_NO_KERNEL, FARO_ABI_NO_KERNEL, FARO_ABI_NO_KERNEL,
       0, FARO_ABI_NO_RING, FARO_ABI_NO_RING, 0, 0, 1, after1},
      {"push", FARO_ABI_STAGE_PUSH, FARO_ABI_ON_CORE, 0, 0, FARO_ABI_NO_KERNEL, FARO_ABI_NO_KERNEL, 0, FARO_ABI_NO_RING,
       FARO_ABI_NO_RING, 0, 0, 1, after2}};
  faro_abi_schedule schedule{"dispatch", FARO_ABI_DIRECT, 0, 0, 3, 0, stages, nullptr};
  faro_abi_program program = dispatchOf("dispatch", 8, 16, &schedule);

  DirectDispatch() = default;
  DirectDispatch(const DirectDispatch &) = delete; // its tables point to each other
};

} // namespace faro::test
