// Streams and events of the stand-in for NVIDIA's driver. Work is done at once; or, with $FAKE_CUDA_LAG=N, not before
// somebody has waited, or asked N times in vain: what a program does too early is then seen. With $FAKE_CUDA_BESIDE=1
// each stream's work is done by a thread of its own, as kernels need that wait for the host.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace faro::test {

inline int lag() {
  static const char *given = std::getenv("FAKE_CUDA_LAG");
  static const int lag = given ? std::atoi(given) : 0;
  return lag;
}

inline bool isBeside() {
  static const char *given = std::getenv("FAKE_CUDA_BESIDE");
  return given && *given == '1';
}

constexpr int NotReady = 600; // CUDA_ERROR_NOT_READY

constexpr int CaptureUnsupported = 900, CaptureInvalidated = 901;

using FakeGraph = std::vector<std::function<int()>>;
/// Streams that this thread captures, and those that any does for all: as long as there are any, it may not allocate.
inline int &capturing() {
  static thread_local int streams = 0;
  return streams;
}
inline std::atomic<int> capturingForAll = 0;
/// Of this thread, CUstreamCaptureMode: 0 is global, as it begins.
inline int &captureMode() {
  static thread_local int mode = 0;
  return mode;
}
/// Whether calls that might disturb a capture are.
inline bool isForbidden() { return capturing() || (capturingForAll && captureMode() == 0); }

/// Streams of this process that run kernels now. On a device, an allocation may wait until none does.
class Running {
public:
  Running() { ++streams; }
  ~Running() {
    if (--streams == 0)
      streams.notify_all();
  }
  static void waitForNone() {
    for (int now = streams; now != 0; now = streams)
      streams.wait(now);
  }

private:
  static inline std::atomic<int> streams = 0;
};

class FakeStream {
public:
  ~FakeStream() {
    {
      const std::lock_guard lock(mutex);
      ends = true;
    }
    changed.notify_all();
    if (worker.joinable())
      worker.join();
  }
  /// `work` returns 0 or an error, which is then that of everything after it. What touches memory of the host spoils a
  /// capture.
  void put(std::function<int()> work, bool withinDevice = false) {
    const std::lock_guard lock(mutex);
    if (captured) {
      spoiled |= !withinDevice;
      captured->push_back(std::move(work));
      return;
    }
    left.push_back(std::move(work));
    ++end;
    if (isBeside()) {
      if (!worker.joinable())
        worker = std::thread([this] { runBeside(); });
      changed.notify_all();
    } else if (lag() == 0) {
      run(end);
    }
  }
  uint64_t place() {
    const std::lock_guard lock(mutex);
    return end;
  }
  /// Whether it has come to this place, as somebody asks for the `asked`th time.
  int query(uint64_t place, int &asked) {
    const std::lock_guard lock(mutex);
    if (captured)
      return spoil();
    if (done < place && (isBeside() || ++asked <= lag()))
      return NotReady;
    asked = 0;
    return run(place);
  }
  /// The same by another stream, which must not be held up by what this one runs behind it.
  int waitFromOutside(uint64_t place) { return done >= place ? 0 : wait(place); }
  int wait(uint64_t place) {
    std::unique_lock lock(mutex);
    if (captured)
      return spoil();
    if (isBeside())
      changed.wait(lock, [&] { return done >= place; });
    return run(place);
  }

  /// What is put into it goes into `to` instead. Only launches may: a graph of other work would not be what is tested.
  int beginCapture(FakeGraph *to, bool threadLocal) {
    const std::lock_guard lock(mutex);
    if (captured)
      return CaptureUnsupported;
    captured = to;
    spoiled = false;
    isForAll = !threadLocal;
    ++capturing();
    capturingForAll += isForAll;
    return 0;
  }
  int endCapture(FakeGraph **made) {
    const std::lock_guard lock(mutex);
    if (!captured)
      return CaptureInvalidated;
    *made = std::exchange(captured, nullptr);
    --capturing();
    capturingForAll -= isForAll;
    return spoiled ? CaptureInvalidated : 0;
  }

private:
  int spoil() {
    spoiled = true;
    return CaptureUnsupported;
  }
  void runBeside() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return ends || !left.empty(); });
      if (left.empty())
        return;
      const std::function<int()> work = std::move(left.front());
      left.pop_front();
      const bool isWhole = failure == 0;
      lock.unlock();
      int result = 0;
      if (isWhole) {
        const Running now;
        result = work();
      }
      lock.lock();
      failure = failure ? failure : result;
      ++done;
      changed.notify_all();
    }
  }
  /// With a thread of its own: it has come there already.
  int run(uint64_t to) {
    if (done >= to)
      return failure;
    const Running now;
    for (; done < to; ++done) {
      if (failure == 0)
        failure = left.front()();
      left.pop_front();
    }
    return failure;
  }
  std::mutex mutex;
  std::condition_variable changed;
  std::thread worker;
  bool ends = false;
  std::deque<std::function<int()>> left;
  FakeGraph *captured = nullptr;
  bool spoiled = false, isForAll = false;
  std::atomic<uint64_t> done = 0;
  uint64_t end = 0;
  int failure = 0;
};

struct FakeEvent {
  std::chrono::steady_clock::time_point time; ///< when the host put it into a stream
  FakeStream *stream = nullptr;
  uint64_t place = 0;
  int asked = 0;
  bool isTimed = true;
};

} // namespace faro::test
