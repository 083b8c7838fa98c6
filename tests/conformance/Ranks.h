// Runs a piece of a test as several ranks: threads of this process, or processes forked for it.
//
// A transport that connects threads cannot be tested across processes, nor the other way round; everything else of a
// test is the same. Ranks talk to each other beside the transport through a Blackboard in shared memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <pthread.h>
#include <string>
#include <vector>

namespace faro::test {

/// Memory that all ranks of one run see, forked or not.
class Blackboard {
public:
  explicit Blackboard(uint32_t ranks);
  ~Blackboard();
  Blackboard(const Blackboard &) = delete;
  Blackboard &operator=(const Blackboard &) = delete;

  /// Returns when `count` ranks are here, and calls `meanwhile` again and again until then. False after half a minute:
  /// a test that hangs must not stay.
  bool barrier(uint32_t count, const std::function<void()> &meanwhile = {});
  /// Everybody's bytes, by rank; all ranks must call it. Empty after half a minute.
  std::vector<std::string> exchange(uint32_t rank, const std::string &mine);

  uint32_t ranks() const { return ranks_; }

private:
  static constexpr size_t SlotBytes = 4096;
  struct Shared {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint32_t waiting;
    uint64_t generation;
  };
  char *slot(uint32_t rank) { return reinterpret_cast<char *>(shared_ + 1) + rank * SlotBytes; }

  const uint32_t ranks_;
  size_t size_;
  Shared *shared_;
};

enum class RankKind { Threads, Processes };

/// The thread sanitizer has nothing to find in ranks that are processes, nor in a UCX built without it.
#if defined(__SANITIZE_THREAD__)
constexpr bool ThreadsOnly = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr bool ThreadsOnly = true;
#else
constexpr bool ThreadsOnly = false;
#endif
#else
constexpr bool ThreadsOnly = false;
#endif

/// Runs `body(rank)` as all ranks and waits for them. Failed expectations of any rank fail the test, unless it is
/// expected to be killed. A process gets `seconds`, then SIGALRM.
void runRanks(RankKind kind, uint32_t ranks, const std::function<void(uint32_t rank)> &body,
              const std::vector<uint32_t> &toBeKilled = {}, unsigned seconds = 60);

/// Runs `body` in a process of its own; its text, or nothing when it ended badly.
std::string inChild(const std::function<std::string()> &body);

} // namespace faro::test
