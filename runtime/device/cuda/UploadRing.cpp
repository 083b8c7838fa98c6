#include "runtime/device/cuda/UploadRing.h"

#include <algorithm>
#include <cstring>

namespace faro::cuda {

/// The lists of 4,096 tokens, top-8, a few times: two or three pieces are enough for calls that follow each other.
constexpr size_t PieceBytes = size_t(1) << 20;

/// One that the stream has come by, or a new one.
Status UploadRing::nextPiece(Stream &stream, size_t bytes) {
  if (memory) {
    auto mark = marks.set(stream);
    if (!mark)
      return mark.status();
    filled.push_back({std::move(memory), *mark});
  }
  used = 0;
  if (!filled.empty()) {
    auto over = marks.passed(filled.front().mark);
    if (!over)
      return over.status();
    if (*over) {
      memory = std::move(filled.front().memory);
      filled.pop_front();
    }
  }
  if (memory && memory->size() >= bytes)
    return Status::ok();
  auto made = PinnedMemory::allocate(device, std::max(PieceBytes, 2 * bytes));
  if (!made)
    return made.status();
  memory = std::move(*made);
  return Status::ok();
}

Status UploadRing::upload(Stream &stream, api::Pointer to, const void *values, size_t bytes) {
  constexpr size_t Apart = 256;
  if (bytes == 0)
    return Status::ok();
  if (!memory || memory->size() - used < bytes)
    FARO_RETURN_IF_ERROR(nextPiece(stream, bytes));
  std::byte *from = memory->data() + used;
  std::memcpy(from, values, bytes);
  used = std::min<size_t>(memory->size(), (used + bytes + Apart - 1) / Apart * Apart);
  return stream.toDevice(to, from, bytes);
}

} // namespace faro::cuda
