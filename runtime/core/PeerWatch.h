// Watches the processes of ranks on this machine. The kernel says within a millisecond that one has died, even while it
// is a zombie and its connections linger.
#pragma once

#include "runtime/core/Digest.h"
#include "runtime/core/Socket.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace faro {

/// The same in all processes of a machine until it is started again, in containers or not; empty: unknown.
std::string bootIdentity();

/// Where a process lives, as far as it matters for watching it.
struct ProcessPlace {
  int64_t process = 0;
  std::string boot;  ///< of the machine, and this time; empty: unknown
  std::string space; ///< in which the number means something; empty: unknown

  static ProcessPlace mine();
  /// Whether both are on one machine, as far as is known.
  bool sharesMachine(const ProcessPlace &other) const { return !boot.empty() && boot == other.boot; }
  /// Whether they see each other's numbers.
  bool sharesNumbers(const ProcessPlace &other) const {
    return sharesMachine(other) && !space.empty() && space == other.space;
  }
  /// The same for the threads of one process and for no other.
  Digest digest() const;
};

class PeerWatch {
public:
  PeerWatch();

  /// Starts to watch the rank's process if it can be seen from here and is not this one.
  void add(uint32_t rank, const ProcessPlace &place);

  /// Never blocks. Ranks whose process has ended since the last call; each is told once.
  std::vector<uint32_t> ended();

private:
  ProcessPlace mine_;
  FileDescriptor epoll_;
  std::map<uint32_t, FileDescriptor> processes_; ///< pidfds
  std::vector<uint32_t> ended_;                  ///< found out by add
};

} // namespace faro
