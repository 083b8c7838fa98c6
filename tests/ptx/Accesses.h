// Who touched which memory of a launch: finds two threads that should have waited for each other.
//
// Threads wait for each other, or for a host that knows what they have done, by words. `epoch` is what a thread was
// told last: what was done under another word is over.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>

namespace faro::test::ptx {

class Accesses {
public:
  static constexpr uint32_t Several = UINT32_MAX;

  /// Each false if it conflicts with what another thread did; `thread` from 1, or Several that read.
  bool read(uint64_t address, size_t bytes, uint32_t thread, uint64_t epoch, bool readOnly) {
    return each(address, bytes, epoch, [=](Cell &cell) {
      const bool allowed = cell.writer == 0 || (cell.writer == thread && !readOnly);
      cell.reader = cell.reader == 0 || cell.reader == thread ? thread : Several;
      cell.readOnly |= readOnly;
      return allowed;
    });
  }
  bool write(uint64_t address, size_t bytes, uint32_t thread, uint64_t epoch) {
    return each(address, bytes, epoch, [=](Cell &cell) {
      const bool allowed =
          (cell.writer == 0 || cell.writer == thread) && (cell.reader == 0 || cell.reader == thread) && !cell.readOnly;
      cell.writer = thread;
      return allowed;
    });
  }

private:
  struct Cell {
    uint32_t writer = 0, reader = 0;
    bool readOnly = false;
    uint64_t epoch = 0;
  };
  static constexpr uint64_t CellBytes = 2; ///< the least that kernels store
  static constexpr uint64_t GranuleBytes = 16, PageGranules = 256;
  using Cells = std::array<Cell, GranuleBytes / CellBytes>;
  /// Most accesses are of all of it.
  struct Granule {
    Cell whole;
    std::unique_ptr<Cells> parts;
  };
  using Page = std::array<Granule, PageGranules>;

  template <typename Touch> bool each(uint64_t address, size_t bytes, uint64_t epoch, Touch touchNow) {
    const auto touch = [&](Cell &cell) {
      if (cell.epoch != epoch)
        cell = {0, 0, false, epoch};
      return touchNow(cell);
    };
    bool allowed = true;
    for (uint64_t at = address; at < address + bytes;) {
      const uint64_t number = at / GranuleBytes, next = std::min((number + 1) * GranuleBytes, address + bytes);
      Granule &granule = page(number / PageGranules)[number % PageGranules];
      if (!granule.parts && next - at < GranuleBytes) {
        granule.parts = std::make_unique<Cells>();
        granule.parts->fill(granule.whole);
      }
      if (!granule.parts)
        allowed &= touch(granule.whole);
      for (; granule.parts && at < next; at += CellBytes)
        allowed &= touch((*granule.parts)[at % GranuleBytes / CellBytes]);
      at = next;
    }
    return allowed;
  }
  Page &page(uint64_t number) {
    if (!last || number != lastNumber) {
      std::unique_ptr<Page> &found = pages[number];
      if (!found)
        found = std::make_unique<Page>();
      last = found.get();
      lastNumber = number;
    }
    return *last;
  }

  std::unordered_map<uint64_t, std::unique_ptr<Page>> pages;
  Page *last = nullptr;
  uint64_t lastNumber = 0;
};

} // namespace faro::test::ptx
