// Host memory that lists are copied from to a device, in a stream. A driver copies from pageable memory when the stream
// has come by what it holds, and the caller waits for that; from pinned memory it copies by itself.
#pragma once

#include "runtime/device/cuda/PinnedMemory.h"
#include "runtime/device/cuda/StreamMarks.h"

#include <deque>

namespace faro::cuda {

class UploadRing {
public:
  explicit UploadRing(std::shared_ptr<const Device> device) : device(device), marks(std::move(device)) {}

  /// Puts a copy of the values into the stream, always the same one; they may change when this returns, which waits for
  /// nothing. The device must be current.
  Status upload(Stream &stream, api::Pointer to, const void *values, size_t bytes);

private:
  struct Piece {
    std::unique_ptr<PinnedMemory> memory;
    uint64_t mark = 0; ///< behind the last copy from it
  };
  Status nextPiece(Stream &stream, size_t bytes);

  std::shared_ptr<const Device> device;
  StreamMarks marks;
  std::unique_ptr<PinnedMemory> memory; ///< that is being filled
  size_t used = 0;
  std::deque<Piece> filled; ///< in the order of their marks
};

} // namespace faro::cuda
