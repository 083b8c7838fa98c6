#include "tests/conformance/Ranks.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <gtest/gtest.h>
#include <new>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace faro::test {

Blackboard::Blackboard(uint32_t ranks) : ranks_(ranks), size_(sizeof(Shared) + ranks * SlotBytes) {
  void *memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    std::abort();
  shared_ = new (memory) Shared{};
  pthread_mutexattr_t mutex;
  pthread_mutexattr_init(&mutex);
  pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
  pthread_mutex_init(&shared_->mutex, &mutex);
  pthread_condattr_t condition;
  pthread_condattr_init(&condition);
  pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED);
  pthread_cond_init(&shared_->changed, &condition);
}

Blackboard::~Blackboard() { munmap(shared_, size_); }

static timespec inMilliseconds(int64_t milliseconds) {
  timespec until{};
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += milliseconds % 1000 * 1'000'000;
  until.tv_sec += milliseconds / 1000 + until.tv_nsec / 1'000'000'000;
  until.tv_nsec %= 1'000'000'000;
  return until;
}

bool Blackboard::barrier(uint32_t count, const std::function<void()> &meanwhile) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  pthread_mutex_lock(&shared_->mutex);
  const uint64_t generation = shared_->generation;
  if (++shared_->waiting == count) {
    shared_->waiting = 0;
    ++shared_->generation;
    pthread_cond_broadcast(&shared_->changed);
  }
  while (shared_->generation == generation && std::chrono::steady_clock::now() < deadline) {
    if (meanwhile) {
      pthread_mutex_unlock(&shared_->mutex);
      meanwhile();
      pthread_mutex_lock(&shared_->mutex);
    }
    const timespec until = inMilliseconds(meanwhile ? 1 : 100);
    if (shared_->generation == generation)
      pthread_cond_timedwait(&shared_->changed, &shared_->mutex, &until);
  }
  const bool met = shared_->generation != generation;
  pthread_mutex_unlock(&shared_->mutex);
  return met;
}

std::vector<std::string> Blackboard::exchange(uint32_t rank, const std::string &mine) {
  const auto size = uint32_t(mine.size());
  if (sizeof size + size > SlotBytes)
    return {};
  std::memcpy(slot(rank), &size, sizeof size);
  std::memcpy(slot(rank) + sizeof size, mine.data(), size);
  if (!barrier(ranks_))
    return {};
  std::vector<std::string> all;
  for (uint32_t r = 0; r < ranks_; ++r) {
    uint32_t length = 0;
    std::memcpy(&length, slot(r), sizeof length);
    all.emplace_back(slot(r) + sizeof length, length);
  }
  return barrier(ranks_) ? all : std::vector<std::string>(); // nobody writes before all have read
}

/// In a forked rank: runs the body and ends the process with a status that says how it went. Leak checkers and the like
/// report through the status, so this is exit and not _exit.
[[noreturn]] static void finishChild(const std::function<void()> &body, unsigned seconds) {
  alarm(seconds);
  body();
  std::fflush(nullptr);
  std::exit(::testing::Test::HasFailure() ? 1 : 0);
}

void runRanks(RankKind kind, uint32_t ranks, const std::function<void(uint32_t)> &body,
              const std::vector<uint32_t> &toBeKilled, unsigned seconds) {
  if (kind == RankKind::Threads) {
    std::vector<std::thread> threads;
    for (uint32_t rank = 0; rank < ranks; ++rank)
      threads.emplace_back([&body, rank] { body(rank); });
    for (std::thread &thread : threads)
      thread.join();
    return;
  }
  std::fflush(nullptr); // or children would print our buffers again
  std::vector<pid_t> processes;
  for (uint32_t rank = 0; rank < ranks; ++rank) {
    const pid_t process = fork();
    ASSERT_GE(process, 0) << std::strerror(errno);
    if (process == 0)
      finishChild([&] { body(rank); }, seconds);
    processes.push_back(process);
  }
  for (uint32_t rank = 0; rank < ranks; ++rank) {
    int status = 0;
    ASSERT_EQ(waitpid(processes[rank], &status, 0), processes[rank]);
    bool expected = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    for (uint32_t killed : toBeKilled)
      if (killed == rank)
        expected = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    EXPECT_TRUE(expected) << "rank " << rank << (WIFSIGNALED(status) ? " was ended by signal " : " exited with ")
                          << (WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  }
}

std::string inChild(const std::function<std::string()> &body) {
  int ends[2];
  if (pipe(ends) != 0)
    return {};
  std::fflush(nullptr);
  const pid_t process = fork();
  if (process == 0) {
    close(ends[0]);
    finishChild(
        [&] {
          const std::string text = body();
          if (write(ends[1], text.data(), text.size()) != ssize_t(text.size()))
            _exit(1);
        },
        30);
  }
  close(ends[1]);
  std::string text;
  char part[256];
  for (ssize_t got = 0; (got = read(ends[0], part, sizeof part)) > 0;)
    text.append(part, size_t(got));
  close(ends[0]);
  int status = 0;
  waitpid(process, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? text : std::string();
}

} // namespace faro::test
