// What a rank hands out so that others can reach it and its memory: addresses and keys, and how they are read.
#pragma once

#include "faro/status.h"

#include <cstring>
#include <fmt/format.h>
#include <span>

namespace faro::local {

/// What address() hands out. The process and job number find out ranks that do not live in this process.
struct Address {
  static constexpr uint64_t Magic = 0x6c61636f4c6f7261; // "aroLocal", to tell our bytes from others
  static constexpr const char *Name = "the address";

  uint64_t magic;
  uint64_t job;
  int64_t process;
  uint32_t rank;
  uint32_t reserved;
};

/// What key() hands out.
struct Key {
  static constexpr uint64_t Magic = 0x79654b6f4c6f7261;
  static constexpr const char *Name = "a key";

  uint64_t magic;
  uint64_t job;
  uint64_t region;
  uint32_t rank; ///< whose region it is
  uint32_t reserved;
};

/// What is said of bytes that are no record of that rank, or of another job.
template <typename Record> Status notARecord(uint32_t rank) {
  return {FARO_INVALID_ARGUMENT, fmt::format("these bytes are not {} of rank {}", Record::Name, rank)};
}

/// What `rank` handed out. Its job is not looked at.
template <typename Record> Expected<Record> readRecord(uint32_t rank, std::span<const std::byte> bytes) {
  Record record;
  if (bytes.size() != sizeof record)
    return Status(FARO_INVALID_ARGUMENT, fmt::format("{} of rank {} has {} bytes; expected {}", Record::Name, rank,
                                                     bytes.size(), sizeof record));
  std::memcpy(&record, bytes.data(), sizeof record);
  if (record.magic != Record::Magic || record.rank != rank)
    return notARecord<Record>(rank);
  return record;
}

} // namespace faro::local
