// SHA-256, HMAC-SHA-256 and random bytes, from nettle. (Nettle, because its static library may be linked into a shared
// one: a deployed program needs no more than UCX and the C++ library.)
#pragma once

#include "faro/status.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace faro {

using Digest = std::array<uint8_t, 32>;

Digest sha256(std::span<const std::byte> data);
Digest hmacSha256(std::span<const std::byte> key, std::span<const std::byte> data);

/// In a time that does not depend on where they differ.
bool sameDigest(const Digest &a, const Digest &b);

/// From the kernel's generator.
Status randomBytes(std::span<std::byte> out);

} // namespace faro
