// Addresses and keys travel through other hands, and UCX trusts the bytes it is given. So they travel in an envelope
// that tells whose they are, what they are, and whether all of them arrived.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace faro::ucx {

/// Of what ranks' transports say to each other: addresses, keys, and the headers of messages and slices. Raised with
/// any change of these, so that ranks of different versions part at the first address.
constexpr uint32_t ProtocolVersion = 2;

enum class Content : uint32_t { Address = 0x52444155, Key = 0x59454b55 };

/// FNV-1a: against accidents, not against malice.
uint64_t fingerprint(std::span<const std::byte> bytes);

std::vector<std::byte> seal(Content content, uint32_t rank, std::span<const std::byte> payload);

/// The payload, or nothing when these bytes are not what `rank` sealed, in this version.
std::optional<std::span<const std::byte>> open(Content content, uint32_t rank, std::span<const std::byte> sealed);

} // namespace faro::ucx
