// What a pipeline of slices costs: the figures behind the choice of slices and slots, and behind predicted times. Plain
// C++ without MLIR, so that faro-bench can print a prediction beside what it measures.
//
// A flow of rows from a rail to a forwarder goes through these, each of which works on one slice at a time except for
// the latencies, which are pure delays:
//
//            ┌────────────── K slots of the sender ──────────────┐
//            ▼                                                   │
//   gather (G) ──► post (op) ──► wire (W) ──► completion (La) ───┘
//                    ▲              └───────► latency (L) ──► notice (op) ──► scatter (S) ──► credit (Lc) ──┐
//                    └──────────────────────── K slots of the receiver ─────────────────────────────────────┘
//
// This is a marked graph (MarkedGraph.h), so one slice follows another after its maximum cycle ratio. Its cycles are
// the loops above and each working stage by itself:
//
//   P = max(G, op, W, S, (G + op + W + La) / K, (2 op + W + L + S + Lc) / K)
//
// The first slice takes the sum of what lies on its way, each further one a period:
//
//   time of n slices = G + 2 op + W + L + S + (n - 1) P
//
// tests/compiler/Schedule/CostModelTest.cpp holds the formula, the graph and a timed game together.
#pragma once

#include "compiler/Schedule/MarkedGraph.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace faro::compiler {

enum class WireClass { Tcp, Rdma };
std::optional<WireClass> wireClassFromName(std::string_view name);
const char *wireClassName(WireClass wire);

/// One class of wire and the processors at its ends. Times in ns, rates in bytes per ns (GB/s).
struct WireModel {
  double copyRate;                ///< rows gathered into a slot, or scattered from one
  double copyStart;               ///< before the first row of a slice
  double post;                    ///< handing a slice to the wire, or taking notice of one
  double wireRate;                ///< of the fastest wire of the class, that one rank has for itself
  double wireStart;               ///< the wire's own cost of a slice
  double latency;                 ///< from the end of sending to the other side's noticing
  double completion;              ///< from the end of sending to the sender's noticing that the slot is free
  double credit;                  ///< from the receiver's releasing a slot to the sender's noticing
  double piece;                   ///< taking one row from where it lies instead of copying it, or 0: the wire cannot
  uint64_t leastSlice, mostSlice; ///< bytes; between them a slice's size is chosen
};
const WireModel &wireModel(WireClass wire);

/// How long each stage takes for a slice.
struct SliceTimes {
  double gather = 0, post = 0, wire = 0, latency = 0, scatter = 0, completion = 0, credit = 0;
};
/// `rows` rows of `rowBytes` bytes in a slice. `byReference`: the wire takes them from where they lie.
SliceTimes sliceTimes(const WireModel &wire, uint64_t rows, uint64_t rowBytes, bool byReference);

/// P of the formula above; at least one slot.
double slicePeriod(const SliceTimes &times, uint32_t slots);
/// The time of so many slices, at least one.
double pipelineTime(const SliceTimes &times, uint32_t slots, uint64_t slices);
/// The pipeline as a graph, with the slots of either side; slicePeriod is its maximum cycle ratio when they are as
/// many.
MarkedGraph pipelineGraph(const SliceTimes &times, uint64_t sendSlots, uint64_t receiveSlots);

/// What stands in a slice before its rows (runtime/engine/Slice.h): a header, for each row where its destinations end,
/// for each destination where it is; rounded up to whole lines.
constexpr uint64_t SliceHeaderBytes = 64;
constexpr uint64_t RowHeaderBytes = 4;
constexpr uint64_t DestinationBytes = 8;
/// The bytes that a slice of `rows` rows takes at most, each with at most `destinations`. `byReference`: in the
/// sender's slot, which then holds everything but the rows.
uint64_t sliceBytes(uint64_t rows, uint64_t rowStride, uint64_t destinations, bool byReference = false);

/// How many rows a slice of at most so many bytes has; 0: not even one fits.
uint64_t rowsIn(uint64_t bytes, uint64_t rowStride, uint64_t destinations, bool byReference = false);

/// How many slices a ring can hold at a time if each is a single row: a slice larger than a slot takes adjacent slots.
/// 0: not even one.
uint64_t effectiveSlots(uint64_t slots, uint64_t slotBytes, uint64_t bytesOfOneRow);

struct SliceChoice {
  uint64_t slotBytes = 0;
  uint32_t slots = 0;
  bool byReference = false; ///< of a gather; sums have to be written somewhere
};
/// The slots for rows that lie `rowStride` bytes apart with at most `destinations` destinations each.
SliceChoice chooseSlices(WireClass wire, uint64_t rowStride, uint64_t destinations);

/// What a rank does for one batch; of the rank that does most of each.
struct Volumes {
  uint64_t sentRows = 0, receivedRows = 0; ///< over the wire
  uint64_t rowBytes = 0;                   ///< of a row there, headers not counted
  uint64_t fannedOutBytes = 0;             ///< stored by the forwarder for the rows it receives
  uint64_t localBytes = 0;                 ///< stored (dispatch) or read (combine) for the node's own items
  uint64_t gatheredBytes = 0;              ///< read for the rows that are sent: as many as sent, or what is summed
};
/// The machine that it runs on.
struct Host {
  double coresPerRank = 1;
  double wireRate = 0;   ///< bytes per ns that a rank has for itself; 0: that of the class
  double memoryRate = 0; ///< bytes stored or read per ns by a core; 0: the class's rate of copying
};
/// The predicted time of a hierarchical program, in ns: the pipeline's, or that of the cores where they have more to
/// do.
double predictTime(WireClass wire, const SliceChoice &slices, const Volumes &volumes, const Host &host = {});

} // namespace faro::compiler
