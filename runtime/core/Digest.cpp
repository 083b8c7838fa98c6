#include "runtime/core/Digest.h"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <sys/random.h>

namespace faro {

static const uint8_t *octets(std::span<const std::byte> data) { return reinterpret_cast<const uint8_t *>(data.data()); }

Digest sha256(std::span<const std::byte> data) {
  sha256_ctx context;
  sha256_init(&context);
  sha256_update(&context, data.size(), octets(data));
  Digest digest;
  sha256_digest(&context, digest.size(), digest.data());
  return digest;
}

Digest hmacSha256(std::span<const std::byte> key, std::span<const std::byte> data) {
  hmac_sha256_ctx context;
  hmac_sha256_set_key(&context, key.size(), octets(key));
  hmac_sha256_update(&context, data.size(), octets(data));
  Digest digest;
  hmac_sha256_digest(&context, digest.size(), digest.data());
  return digest;
}

bool sameDigest(const Digest &a, const Digest &b) { return memeql_sec(a.data(), b.data(), a.size()) != 0; }

Status randomBytes(std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t got = getrandom(out.data(), out.size(), 0);
    if (got < 0 && errno != EINTR)
      return {FARO_INTERNAL, fmt::format("no random bytes from the kernel: {}", std::strerror(errno))};
    if (got > 0)
      out = out.subspan(size_t(got));
  }
  return Status::ok();
}

} // namespace faro
