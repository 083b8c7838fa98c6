#include "runtime/engine/Slice.h"

#include <cstring>
#include <fmt/format.h>
#include <limits>

namespace faro {

SliceWriter::SliceWriter(std::byte *slot, uint32_t rows)
    : slot(slot), rows(rows), runEnds(reinterpret_cast<uint32_t *>(slot + sizeof(SliceHeader))),
      run(reinterpret_cast<SliceRun *>(runEnds + rows)) {}

void SliceWriter::add(uint32_t local, uint32_t at) {
  if (runs > rowBegin) {
    SliceRun &last = run[runs - 1];
    if (last.local == local && last.row + last.count == at && last.count < std::numeric_limits<uint16_t>::max()) {
      ++last.count;
      return;
    }
  }
  run[runs++] = {uint16_t(local), 1, at};
}

void SliceWriter::add(const SliceRun &whole) { run[runs++] = whole; }

void SliceWriter::endRow() {
  runEnds[row++] = runs;
  rowBegin = runs;
}

std::byte *SliceWriter::finish(uint16_t activity, uint64_t call, uint64_t sequence, uint32_t stride, uint64_t plan) {
  *reinterpret_cast<SliceHeader *>(slot) = {
      SliceHeader::Magic, activity, 0, call, sequence, rows, runs, stride, 0, plan, 0, {}};
  return slot + headBytes();
}

std::optional<WholeSlice> WholeSlice::at(std::span<const std::byte> bytes) {
  SliceHeader header;
  if (bytes.size() < sizeof header)
    return std::nullopt;
  std::memcpy(&header, bytes.data(), sizeof header);
  const uint64_t head = sliceHeadBytes(header.rows, header.runs);
  if (bytes.size() < head)
    return std::nullopt;
  return WholeSlice{{bytes.begin(), bytes.begin() + ptrdiff_t(head)}, bytes.subspan(head)};
}

Expected<SliceReader> SliceReader::open(std::span<const std::byte> bytes, const SliceExpectation &expected,
                                        uint64_t rowBytes) {
  SliceReader reader;
  reader.expected = expected;
  reader.header = reinterpret_cast<const SliceHeader *>(bytes.data());
  const SliceHeader &header = *reader.header;
  const auto differs = [](const char *what, uint64_t found, uint64_t wanted) {
    return Status(FARO_DATA_LOSS, fmt::format("{} {}, expected {}", what, found, wanted));
  };
  if (bytes.size() < sizeof(SliceHeader))
    return differs("its bytes are", bytes.size(), sizeof(SliceHeader));
  if (header.magic != SliceHeader::Magic)
    return differs("its first number is", header.magic, SliceHeader::Magic);
  if (header.activity != expected.activity)
    return Status(
        FARO_INVALID_ARGUMENT,
        fmt::format("it belongs to another call (activity {:#x}, expected {:#x}); all ranks must make the same "
                    "collective calls in the same order",
                    header.activity, expected.activity));
  if (header.call != expected.call)
    return differs("it belongs to call", header.call, expected.call);
  if (header.plan != expected.plan)
    return Status(FARO_INVALID_ARGUMENT,
                  "it was made with a plan of another batch; all ranks must give the plan of the "
                  "same prepare");
  if (header.sequence != expected.sequence)
    return differs("it is number", header.sequence, expected.sequence);
  if (header.rows != expected.rows)
    return differs("its rows are", header.rows, expected.rows);
  if (header.stride < expected.minStride)
    return differs("the bytes of a row are", header.stride, expected.minStride);
  if (header.runs > uint64_t(header.rows) * expected.mostPlaces)
    return differs("its places are", header.runs, uint64_t(header.rows) * expected.mostPlaces);
  const uint64_t head = sliceHeadBytes(header.rows, header.runs), ofRows = uint64_t(header.rows) * header.stride;
  if (bytes.size() != head + (expected.apart ? 0 : ofRows))
    return differs("its bytes are", bytes.size(), head + (expected.apart ? 0 : ofRows));
  if (rowBytes != (expected.apart ? ofRows : 0))
    return differs("the bytes of its rows are", rowBytes, expected.apart ? ofRows : 0);
  reader.runEnds = reinterpret_cast<const uint32_t *>(bytes.data() + sizeof(SliceHeader));
  reader.runs = reinterpret_cast<const SliceRun *>(reader.runEnds + header.rows);
  return reader;
}

Status SliceReader::badRow(uint32_t row) const {
  return {FARO_DATA_LOSS, fmt::format("the places of row {} of {} are damaged", row, header->rows)};
}

Status SliceReader::badRun(uint32_t row, const SliceRun &run) const {
  if (run.local >= expected.windowRows.size())
    return {FARO_DATA_LOSS, fmt::format("row {} goes to local rank {}, but the node has {}", row, run.local,
                                        expected.windowRows.size())};
  return {FARO_DATA_LOSS,
          fmt::format("row {} goes to rows {} to {} of local rank {}, whose window has {}", row, run.row,
                      uint64_t(run.row) + run.count, run.local, expected.windowRows[run.local])};
}

} // namespace faro
