// Who touched which memory of a launch: finds two threads that should have waited for each other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>

namespace faro::test::ptx {

class Accesses {
public:
  /// Each false if it conflicts with what another thread did; `thread` from 1.
  bool read(uint64_t address, size_t bytes, uint32_t thread, bool readOnly) {
    return each(address, bytes, [=](Cell &cell) {
      const bool allowed = cell.writer == 0 || (cell.writer == thread && !readOnly);
      cell.reader = cell.reader == 0 || cell.reader == thread ? thread : Several;
      cell.readOnly |= readOnly;
      return allowed;
    });
  }
  bool write(uint64_t address, size_t bytes, uint32_t thread) {
    return each(address, bytes, [=](Cell &cell) {
      const bool allowed =
          (cell.writer == 0 || cell.writer == thread) && (cell.reader == 0 || cell.reader == thread) && !cell.readOnly;
      cell.writer = thread;
      return allowed;
    });
  }

private:
  static constexpr uint32_t Several = UINT32_MAX;
  static constexpr uint64_t CellBytes = 2, PageCells = 2048; ///< the least that kernels store
  struct Cell {
    uint32_t writer = 0, reader = 0;
    bool readOnly = false;
  };
  using Page = std::array<Cell, PageCells>;

  template <typename Touch> bool each(uint64_t address, size_t bytes, Touch touch) {
    bool allowed = true;
    for (uint64_t at = address / CellBytes; at < (address + bytes) / CellBytes; ++at)
      allowed &= touch(page(at / PageCells)[at % PageCells]);
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
