// Memory that every rank has a piece of, and that every rank of its node can load from and store to.
#pragma once

#include "faro/communicator.h"
#include "runtime/core/SharedView.h"

#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace faro {

/// Those of this rank's node, itself included, by local index.
inline std::span<const uint32_t> nodeRanks(const Communicator &communicator) {
  const Topology &topology = communicator.topology();
  return topology.ranksOf(topology.nodeOf(communicator.rank()));
}

/// Everybody's bytes on this rank's node, by local index. Collective on the node.
using NodeGather = std::function<Expected<std::vector<Bytes>>(const Bytes &mine, const char *what)>;

/// By the control connection, which all ranks of the job must come to: for those who have no memory in common yet.
NodeGather gatherOverJob(std::shared_ptr<Communicator> communicator);

/// A piece of memory a rank, which every rank of its node can reach.
class NodeMemory {
public:
  virtual ~NodeMemory() = default;
  /// Null for a rank of another node.
  virtual std::byte *of(uint32_t rank) const = 0;
  /// Of a rank of this node, by local index.
  virtual uint64_t sizeOfLocal(uint32_t local) const = 0;
  /// Unmaps what is of others, where their owners may free it only then.
  virtual void letGoOfPeers() {}
};

/// Collective on the node. Makes memory of these sizes, by local index.
using NodeMemoryMaker = std::function<Expected<std::unique_ptr<NodeMemory>>(const std::vector<uint64_t> &sizeOfLocal,
                                                                            const NodeGather &, const char *what)>;

/// One region a rank, mapped by all the others of its node. The sizes may differ. Collective on the node to make;
/// released on its own by each rank: a peer's pages live as long as somebody maps them. Holds its communicator.
class SymmetricMemory final : public NodeMemory {
public:
  /// Collective on the node. sizeOfLocal: bytes by local index, the same list on every rank of the node. Zeroed,
  /// aligned to 4096 bytes. Errors: OUT_OF_MEMORY, UNAVAILABLE when a peer's memory cannot be mapped.
  static Expected<std::unique_ptr<SymmetricMemory>> create(std::shared_ptr<Communicator> communicator,
                                                           const std::vector<uint64_t> &sizeOfLocal,
                                                           const NodeGather &gather, const char *what);
  ~SymmetricMemory() override;
  SymmetricMemory(const SymmetricMemory &) = delete;
  SymmetricMemory &operator=(const SymmetricMemory &) = delete;

  std::byte *mine() const { return of(communicator->rank()); }
  std::byte *of(uint32_t rank) const override { return views[rank].base(); }
  uint64_t sizeOfLocal(uint32_t local) const override { return sizes[local]; }

private:
  explicit SymmetricMemory(std::shared_ptr<Communicator> c) : communicator(std::move(c)) {}
  Status map(const NodeGather &gather, const char *what);

  std::shared_ptr<Communicator> communicator;
  faro_region *region = nullptr;
  std::vector<faro_remote *> remotes;
  std::vector<SharedView> views; ///< by rank; of other nodes' there is nothing to see
  std::vector<uint64_t> sizes;   ///< by local index
};

/// Symmetric memory that grows when a batch needs more. The ranks of a node know the sizes of all of them, so they
/// decide alike without talking; other nodes need not know.
class Window {
public:
  /// `gather` must be usable as long as the window grows. `make`: other memory than symmetric memory.
  Window(std::shared_ptr<Communicator> communicator, NodeGather gather, const char *name, NodeMemoryMaker make = {});

  /// bytesOfLocal: by local index.
  bool fits(const std::vector<uint64_t> &bytesOfLocal) const;
  /// Collective on the node when it does not fit (on no rank of it or on all). What the window held is lost when it
  /// grows.
  Status ensure(const std::vector<uint64_t> &bytesOfLocal);

  /// Null as long as no rank of the node has needed any.
  std::byte *mine() const { return of(communicator->rank()); }
  /// Null for ranks of other nodes too.
  std::byte *of(uint32_t rank) const { return memory ? memory->of(rank) : nullptr; }
  uint64_t bytes() const;
  /// Whether any of so many bytes, at least one, lies in this rank's piece.
  bool holds(const void *address, uint64_t bytes = 1) const {
    const auto at = reinterpret_cast<uintptr_t>(address), begin = reinterpret_cast<uintptr_t>(mine());
    return begin && at < begin + this->bytes() && begin < at + bytes;
  }
  uint64_t growths() const { return grown; }

private:
  std::shared_ptr<Communicator> communicator;
  NodeGather gather;
  const char *name;
  NodeMemoryMaker make;
  std::unique_ptr<NodeMemory> memory;
  uint64_t grown = 0;
};

} // namespace faro
