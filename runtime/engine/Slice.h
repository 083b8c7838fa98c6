// A slice on the wire: rows of one flow, and where each of them goes on the node where they arrive.
//
//   SliceHeader | runEnd[rows] | SliceRun[runs] | up to 64 bytes of nothing | row 0 | row 1 | ...  (`stride` apart)
//
// The rows follow the head, or lie apart from it, in the memory of a device; heads are always in host memory.
//
// Row i goes to runs [runEnd[i - 1], runEnd[i]). A run is adjacent rows of one rank's window, so a token whose items
// lie together there has one descriptor. Whoever forwards needs nothing else: no second exchange, no table.
//
// All ranks of a job have the same byte order (they exchange a module's tables as they are). What arrives is checked
// against what this rank knows already: flow, sequence and rows follow from the plan, sizes and places must fit.
#pragma once

#include "faro/status.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace faro {

struct SliceHeader {
  static constexpr uint32_t Magic = 0x63696c73; // "slic"

  uint32_t magic;
  uint16_t activity; ///< what the sender is doing, as in its flags
  uint16_t reserved;
  uint64_t call;     ///< how many calls of this program there were before
  uint64_t sequence; ///< slices of the flow before this one, in all calls
  uint32_t rows, runs;
  uint32_t stride; ///< bytes from row to row
  uint32_t unused0;
  uint64_t plan;      ///< hash of the sender's plan
  uint64_t givenBack; ///< slots of the flow the other way that are free again, ever; 0: none yet
  uint32_t unused[2];
};
static_assert(sizeof(SliceHeader) == 64);

/// `count` adjacent rows of the window of the rank with this local index.
struct SliceRun {
  uint16_t local;
  uint16_t count;
  uint32_t row;
};
static_assert(sizeof(SliceRun) == 8);

/// Bytes before the rows.
constexpr uint64_t sliceHeadBytes(uint64_t rows, uint64_t runs) {
  return (sizeof(SliceHeader) + rows * sizeof(uint32_t) + runs * sizeof(SliceRun) + 63) / 64 * 64;
}

/// Writes the head of a slice into a slot, row by row.
class SliceWriter {
public:
  SliceWriter(std::byte *slot, uint32_t rows);
  /// One more place of the row under way.
  void add(uint32_t local, uint32_t row);
  void add(const SliceRun &run);
  void endRow();
  /// After `rows` rows. Returns where row 0 belongs.
  std::byte *finish(uint16_t activity, uint64_t call, uint64_t sequence, uint32_t stride, uint64_t plan = 0);
  uint64_t headBytes() const { return sliceHeadBytes(rows, runs); }

private:
  std::byte *slot;
  uint32_t rows, row = 0, runs = 0, rowBegin = 0;
  uint32_t *runEnds;
  SliceRun *run;
};

/// A slice at any address: its rows where they are, and a copy of its head, whose numbers are not read at odd ones.
struct WholeSlice {
  std::vector<std::byte> head;
  std::span<const std::byte> rows;

  /// None when the bytes are too few for a head.
  static std::optional<WholeSlice> at(std::span<const std::byte> bytes);
};

/// What a slice must be.
struct SliceExpectation {
  uint16_t activity;
  uint64_t call, sequence;
  uint32_t rows;
  uint64_t minStride;                   ///< bytes that are read of a row
  uint32_t mostPlaces;                  ///< of one row
  std::span<const uint64_t> windowRows; ///< of the ranks of this node, by local index
  uint64_t plan = 0;                    ///< its hash: ranks that use plans of different batches are found out
  bool apart = false;                   ///< rows lie elsewhere than the head
};

/// A slice as it arrived.
class SliceReader {
public:
  /// DATA_LOSS when the bytes are no slice, or not the expected one; the message says what was found. `rowBytes`: how
  /// many bytes of rows lie apart; those are not looked at.
  static Expected<SliceReader> open(std::span<const std::byte> bytes, const SliceExpectation &expected,
                                    uint64_t rowBytes = 0);

  uint32_t rows() const { return header->rows; }
  uint32_t stride() const { return header->stride; }
  uint64_t headBytes() const { return sliceHeadBytes(header->rows, header->runs); }

  /// Calls place(local index, row) for the places of all rows, one after the other; it says whether the place counts.
  /// Those of row i that do are number offsets[i] .. offsets[i + 1]. DATA_LOSS for a place outside of its window.
  template <typename PlaceFn> Status forEachPlace(std::vector<uint32_t> &offsets, PlaceFn place) const;

private:
  Status badRow(uint32_t row) const;
  Status badRun(uint32_t row, const SliceRun &run) const;

  const SliceHeader *header = nullptr;
  const uint32_t *runEnds = nullptr;
  const SliceRun *runs = nullptr;
  SliceExpectation expected;
};

template <typename PlaceFn> Status SliceReader::forEachPlace(std::vector<uint32_t> &offsets, PlaceFn place) const {
  offsets.resize(header->rows + 1);
  uint32_t counted = 0, run = 0;
  for (uint32_t row = 0; row < header->rows; ++row) {
    offsets[row] = counted;
    // The header's `runs` is what the sizes were checked with; a row must not leave it.
    const uint32_t end = runEnds[row];
    if (end < run || end > header->runs)
      return badRow(row);
    uint32_t places = 0;
    for (; run < end; ++run) {
      const SliceRun each = runs[run];
      if (each.local >= expected.windowRows.size() || each.count == 0 ||
          uint64_t(each.row) + each.count > expected.windowRows[each.local])
        return badRun(row, each);
      for (uint32_t i = 0; i < each.count; ++i)
        counted += bool(place(uint32_t(each.local), each.row + i));
      places += each.count;
    }
    if (places == 0 || places > expected.mostPlaces)
      return badRow(row);
  }
  offsets[header->rows] = counted;
  return run == header->runs ? Status::ok() : badRow(header->rows);
}

} // namespace faro
