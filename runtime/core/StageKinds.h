// What the operations of stages are: the loader holds schedules to it, and the engine plays by it. A new operation is a
// line here, and a binding (runtime/engine/bindings).
#pragma once

#include "runtime/abi/faro_abi.h"

#include <cstdint>
#include <iterator>

namespace faro {

/// At which end of a flow of slices a stage fires.
enum class FlowEnd : uint8_t { Sender, Receiver };

/// Of a schedule's stages of an operation: as many as it likes, and none at all.
inline constexpr uint8_t AnyNumber = 255;

struct StageKind {
  const char *name;
  /// How many a schedule has: [dispatch, combine][direct, hierarchical].
  uint8_t count[2][2];
  bool flag = false;   ///< raises or awaits one: little work, and others wait for it
  bool kernel = false; ///< runs one
  bool shares = false; ///< and across nodes another one, for this node's shares
  bool reads = false;  ///< touches rows of peers: their flag has to be awaited first
  bool urgent = false; ///< comes before any slice can be made, here or at the ranks that wait for it
  bool onceASlice = false, from = false, into = false; ///< fires for each slice of a flow; has these rings
  FlowEnd end = FlowEnd::Sender;                       ///< of a stage that fires once a slice
};

/// By faro_abi_stage_op.
inline constexpr StageKind StageKinds[] = {
    {.name = "notify", .count = {{AnyNumber, AnyNumber}, {AnyNumber, AnyNumber}}, .flag = true},
    {.name = "await", .count = {{AnyNumber, AnyNumber}, {AnyNumber, AnyNumber}}, .flag = true},
    {.name = "pad", .count = {{AnyNumber, AnyNumber}, {0, 0}}},
    {.name = "push", .count = {{1, 1}, {0, 0}}, .kernel = true, .reads = true},
    {.name = "pull", .count = {{0, 0}, {1, 1}}, .kernel = true, .shares = true, .reads = true},
    {.name = "hand", .count = {{0, 1}, {0, 0}}, .kernel = true, .reads = true, .urgent = true},
    {.name = "ask", .count = {{0, 0}, {0, 1}}, .urgent = true},
    {.name = "gather", .count = {{0, 1}, {0, 0}}, .kernel = true, .onceASlice = true, .into = true},
    {.name = "reduce", .count = {{0, 0}, {0, 1}}, .kernel = true, .reads = true, .onceASlice = true, .into = true},
    {.name = "wire", .count = {{0, 1}, {0, 1}}, .onceASlice = true, .from = true, .into = true},
    {.name = "fan_out",
     .count = {{0, 1}, {0, 1}},
     .kernel = true,
     .reads = true,
     .onceASlice = true,
     .from = true,
     .end = FlowEnd::Receiver},
    {.name = "settle",
     .count = {{0, 0}, {0, AnyNumber}},
     .kernel = true,
     .shares = true,
     .reads = true,
     .onceASlice = true,
     .from = true,
     .end = FlowEnd::Receiver},
};
static_assert(std::size(StageKinds) == FARO_ABI_STAGE_SETTLE + 1);

/// Requires a schedule that the loader has taken.
constexpr const StageKind &kindOf(const faro_abi_stage &stage) { return StageKinds[stage.op]; }

} // namespace faro
