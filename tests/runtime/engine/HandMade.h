// A module with hierarchical schedules, made by hand: rows of 24 x f32 (96 bytes, 128 apart), top-3 of 12 experts,
// placed round robin. Tests edit the schedules before they use it.
#pragma once

#include "faro/module.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace faro::test {

constexpr uint32_t Columns = 24, Topk = 3, Experts = 12;
constexpr uint64_t RowBytes = Columns * sizeof(float), RowStride = 128;

/// What is written in MLIR as an xfer.program, as tables that can be edited.
struct EditableSchedule {
  struct Stage {
    faro_abi_stage table;
    std::vector<uint32_t> after;
  };
  std::vector<Stage> stages;
  std::vector<faro_abi_ring> rings;
  uint32_t find(const std::string &stage) const;
  Stage &operator[](const std::string &stage) { return stages[find(stage)]; }
};

struct ModuleShape {
  uint32_t slots = 4;
  uint64_t slotBytes = 1024; ///< a few rows
  bool byReference = false;
  bool settles = true; ///< the combine sums tokens while slices come
  std::function<void(EditableSchedule &dispatch, EditableSchedule &combine)> edit;
};

Expected<std::shared_ptr<const Module>> makeModule(const ModuleShape &shape);

/// Called by the push kernel for each row that it stores, on any thread; null most of the time.
extern std::function<void()> onStore;

} // namespace faro::test
