#include "plugins/ucx/Envelope.h"

#include <cstring>

namespace faro::ucx {

namespace {
struct Header {
  Content content;
  uint32_t version;
  uint64_t rank;
  uint64_t size;
  uint64_t hash;
};
} // namespace

uint64_t fingerprint(std::span<const std::byte> bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (std::byte byte : bytes)
    hash = (hash ^ uint64_t(byte)) * 0x100000001b3;
  return hash;
}

std::vector<std::byte> seal(Content content, uint32_t rank, std::span<const std::byte> payload) {
  const Header header{content, ProtocolVersion, rank, payload.size(), fingerprint(payload)};
  std::vector<std::byte> sealed(sizeof header + payload.size());
  std::memcpy(sealed.data(), &header, sizeof header);
  std::memcpy(sealed.data() + sizeof header, payload.data(), payload.size());
  return sealed;
}

std::optional<std::span<const std::byte>> open(Content content, uint32_t rank, std::span<const std::byte> sealed) {
  Header header;
  if (sealed.size() < sizeof header)
    return std::nullopt;
  std::memcpy(&header, sealed.data(), sizeof header);
  const auto payload = sealed.subspan(sizeof header);
  if (header.content != content || header.version != ProtocolVersion || header.rank != rank ||
      header.size != payload.size() || header.hash != fingerprint(payload))
    return std::nullopt;
  return payload;
}

} // namespace faro::ucx
