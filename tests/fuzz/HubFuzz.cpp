// What ranks that know the secret may say to rank 0: frames of any kind and content, from any rank, in any order.
#include "runtime/core/HubProtocol.h"

#include <cstdlib>

using namespace faro;

/// rank, kind, bytes of payload, payload; again and again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  constexpr uint32_t Ranks = 5;
  const auto now = Clock::time_point();
  HubProtocol hub(Ranks, "job", "127.0.0.1:1", [](uint32_t rank, const std::shared_ptr<const Bytes> &frame) {
    if (rank >= Ranks || !frame)
      std::abort();
  });
  for (uint32_t rank = 0; rank < Ranks; ++rank)
    if (hub.admit(rank, Ranks))
      hub.joined(rank, std::chrono::seconds(1 + rank), now);
  for (size_t at = 0; at + 3 <= size;) {
    const uint32_t rank = data[at] % Ranks;
    const size_t length = std::min<size_t>(data[at + 2], size - at - 3);
    Frame frame;
    frame.kind = FrameKind(data[at + 1]);
    frame.payload.assign(reinterpret_cast<const std::byte *>(data + at + 3),
                         reinterpret_cast<const std::byte *>(data + at + 3 + length));
    if (data[at] >= 250)
      hub.lost(rank, "the connection ended");
    else if (data[at] >= 245)
      hub.tick(now + std::chrono::seconds(data[at + 1]));
    else
      hub.handle(rank, frame, now);
    at += 3 + length;
  }
  return 0;
}
