// The memory of a shuffle that is planned on devices: what plan kernels work on, and the windows that ranks reach.
#pragma once

#include "runtime/device/cuda/DeviceWindow.h"
#include "runtime/plan/ExpertMap.h"

namespace faro::cuda {

class PlanMemory {
public:
  struct Sizes {
    int64_t tokens, rows;
    bool inPlace; ///< experts leave their results where dispatch stored their rows
  };

  /// Collective on the one node that there is. Errors: as of DeviceWindow::create.
  static Expected<std::unique_ptr<PlanMemory>> create(const std::shared_ptr<Communicator> &,
                                                      std::shared_ptr<const Device>, const faro_abi_program &,
                                                      const ExpertMap &, const Sizes &);

  /// With the device's addresses.
  const faro_abi_plan_area &area() const { return area_; }
  /// Where the device has it.
  api::Pointer address() const { return block.address(); }
  /// Windows of a rank, as this one reaches them.
  uint64_t receivedOf(uint32_t rank) const { return reinterpret_cast<uintptr_t>(received->of(rank)); }
  uint64_t outputsOf(uint32_t rank) const {
    return outputs ? reinterpret_cast<uintptr_t>(outputs->of(rank)) : receivedOf(rank);
  }

  /// Where this rank is told all ranks' counts: u32 [ranks][experts], in the order of experts_by.
  uint64_t board() const { return board_; }

private:
  PlanMemory() = default;
  Memory block; ///< of this rank alone
  uint64_t board_ = 0;
  std::unique_ptr<NodeMemory> words, received, outputs;
  faro_abi_plan_area area_{};
};

} // namespace faro::cuda
