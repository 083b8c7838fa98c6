// Shared memory at an address where the kernel can map it by large pages.
#pragma once

#include "faro/status.h"

#include <cstddef>
#include <cstdint>

namespace faro {

/// A second mapping of memory that others share, at a multiple of a large page: rows lie all over a window, each on
/// pages of its own, and large ones spare their table walks. Transports map where the system puts them, which is seldom
/// such an address. Memory that is small, private, or lies well already is seen where it is. Movable; of one thread.
class SharedView {
public:
  static constexpr uint64_t LargePage = uint64_t(2) << 20;
  static constexpr const char *Setting = "FARO_LARGE_PAGES"; ///< a switch in the environment, read once

  SharedView() = default;
  /// `mapped`: `size` bytes, a multiple of 4096, which stay mapped as long as this lives.
  SharedView(std::byte *mapped, uint64_t size);
  SharedView(SharedView &&) noexcept;
  SharedView &operator=(SharedView &&) noexcept;
  ~SharedView();

  std::byte *base() const { return base_; }

  /// Makes the pages, which are all zero and nobody writes to yet, as large ones where the kernel can (Linux 6.1 and
  /// later, whatever it is told about shared memory). The owner comes first: its pages lie together, and the others
  /// need only map them. OUT_OF_MEMORY where there are no more pages: a store would end the process.
  Status makePages();
  /// Maps pages that the owner has made, so that the first batch does not pay for it. Errors as above.
  Status mapPages();

private:
  void askForLargePages();
  std::byte *base_ = nullptr;
  uint64_t size_ = 0;
  bool own = false; ///< whether base_ is a mapping of this object
};

} // namespace faro
