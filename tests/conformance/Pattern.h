// Bytes that tell where they come from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace faro::test {

/// What the n-th message or slice from `sender` to `receiver` holds.
std::string pattern(uint32_t sender, uint32_t receiver, uint32_t n, size_t size);

} // namespace faro::test
