// Memory that every rank has a piece of, and that every rank of the node can load from and store to.
#pragma once

#include "faro/communicator.h"

#include <memory>
#include <vector>

namespace faro {

/// One region a rank, mapped by all the others. The sizes may differ. Collective to make; released on its own by each
/// rank: a peer's pages live as long as somebody maps them. Holds its communicator.
class SymmetricMemory {
public:
  /// Collective. sizeOfRank: bytes, the same list on every rank. Zeroed, aligned to 4096 bytes. Errors: OUT_OF_MEMORY,
  /// UNAVAILABLE when a peer's memory cannot be mapped (it is on another node).
  static Expected<std::unique_ptr<SymmetricMemory>> create(std::shared_ptr<Communicator> communicator,
                                                           const std::vector<uint64_t> &sizeOfRank, const char *what);
  ~SymmetricMemory();
  SymmetricMemory(const SymmetricMemory &) = delete;
  SymmetricMemory &operator=(const SymmetricMemory &) = delete;

  std::byte *mine() const { return bases[communicator->rank()]; }
  std::byte *of(uint32_t rank) const { return bases[rank]; }
  uint64_t sizeOf(uint32_t rank) const { return sizes[rank]; }

private:
  explicit SymmetricMemory(std::shared_ptr<Communicator> c) : communicator(std::move(c)) {}
  Status map(const char *what);

  std::shared_ptr<Communicator> communicator;
  faro_region *region = nullptr;
  std::vector<faro_remote *> remotes;
  std::vector<std::byte *> bases;
  std::vector<uint64_t> sizes;
};

/// Symmetric memory that grows when a batch needs more. All ranks know all sizes, so they decide alike without talking.
class Window {
public:
  Window(std::shared_ptr<Communicator> communicator, const char *name)
      : communicator(std::move(communicator)), name(name) {}

  bool fits(const std::vector<uint64_t> &bytesOfRank) const;
  /// Collective when it does not fit (on no rank or on all). What the window held is lost when it grows.
  Status ensure(const std::vector<uint64_t> &bytesOfRank);

  /// Null as long as no rank has needed any.
  std::byte *mine() const { return memory ? memory->mine() : nullptr; }
  std::byte *of(uint32_t rank) const { return memory ? memory->of(rank) : nullptr; }
  uint64_t bytes() const { return memory ? memory->sizeOf(communicator->rank()) : 0; }
  uint64_t growths() const { return grown; }

private:
  std::shared_ptr<Communicator> communicator;
  const char *name;
  std::unique_ptr<SymmetricMemory> memory;
  uint64_t grown = 0;
};

} // namespace faro
