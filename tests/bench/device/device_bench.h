// faro-bench --device: the shuffle of one rank or of several on one CUDA device.
//
//   gpu                  the device, and what the module has for it
//   places               where each item goes, and where it is on its way
//   this file            memory of all ranks, things to put into a stream, the time that they take
//   dispatch_on_device   what all ways of dispatching share, and the ways        dispatch_peers
//   combine_on_device    the same for combine                                    combine_peers
//   faro_kernels         this project's kernels by themselves, as its sessions launch them
//   faro_calls           this project through its public API, on session_ranks: threads, each with a session
//   faro_planned         the same planned on the device, on planned_ranks: threads, each with a shuffle and a stream;
//   and
//                        as graphs                                                planning, round_trip
//   torch_methods        PyTorch, which is asked through torch_peer: a process of its own, torch_peer.py
//   limits               the device's own bounds
//
// All methods but the calls, those planned on the device and torch's put the work of all ranks into one stream, one
// after the other, between two events: a time is the device's, and holds no launches, no waits for each other, and no
// planning. With warm caches the same work is done right before the first of the two, so that its data is where it has
// left it.
#pragma once

#include "faro/session.h"
#include "tests/bench/device/gpu.h"
#include "tests/bench/device/places.h"
#include "tests/bench/harness.h"

#include <functional>

namespace faro::bench {

using cuda::api::Pointer;

/// Something that is put into a stream; it holds the lists that it needs.
using Step = std::function<Status(cuda::Stream &)>;
using Steps = std::vector<Step>;

/// Rows of all ranks, in one piece of the device's memory.
class RankRows {
public:
  RankRows(const Gpu &gpu, const std::vector<size_t> &rowsOfRank, size_t stride, const char *what);
  Pointer row(size_t rank, size_t index) const { return memory.address() + begins[rank] + index * stride; }
  Pointer all() const { return memory.address(); }
  size_t size() const { return memory.size(); }

private:
  std::vector<size_t> begins;
  size_t stride;
  cuda::Memory memory;
};

class DeviceBench : public Workspace {
public:
  /// `problems`: of all ranks. Both must outlive it.
  DeviceBench(const Gpu &gpu, const std::vector<Problem> &problems);

  const Gpu &gpu;
  const std::vector<Problem> &problems;
  const size_t ranks, tokens, topk; ///< tokens: of each rank
  const size_t bytes, stride;       ///< of a row, and between rows but those of the user, which lie packed
  const Places places;
  const RankRows window; ///< rows of the experts
  const RankRows user;   ///< tokens, or the results of a combine
  /// Staging: what leaves the tokens' ranks (or comes back to them), and what is at the experts' ranks.
  const RankRows wire, arrived;

  /// Rows of a rank that lie packed.
  Rows packed(const RankRows &rows, size_t rank) const;
  ConstRows userRows(size_t rank) const;

  // Things to do. Lists are [0, a, a + b, ...], and the addresses (and weights) of each of the rows.
  Step push(Pointer source, size_t sourceStride, const std::vector<uint32_t> &offsets,
            const std::vector<uint64_t> &destinations) const;
  Step pull(Pointer out, size_t outStride, const std::vector<uint32_t> &offsets, std::vector<uint64_t> rows,
            const std::vector<float> &weights) const;
  static Step copy(Pointer to, Pointer from, size_t bytes);
  static Step zero(Pointer to, size_t bytes);
  /// Zeros where the windows have no items, as sessions do it.
  Steps zeroPadding() const;

  /// Milliseconds between the first and the last of them, on the device.
  double timed(const Steps &steps) const;
  // At once; they end the job when they fail.
  void put(Pointer to, const void *from, size_t bytes) const;
  void get(void *to, Pointer from, size_t bytes) const;
  /// In the stream (or another), behind what is there.
  void fill(Pointer to, size_t bytes, int value) const { fillIn(*gpu.stream, to, bytes, value); }
  /// Until all that is in the stream is done.
  void settle() const;

  /// What each run begins with, and nobody is timed for.
  virtual void restore() const {}
  virtual Check check() = 0;

  void wipe() override;  ///< staging
  void flush() override; ///< the device's cache
  void flushIn(cuda::Stream &stream) const;
  /// About a millisecond of work that nobody is timed for, so that what is put into the stream next waits there.
  void leadIn(cuda::Stream &stream) const;

private:
  void fillIn(cuda::Stream &stream, Pointer to, size_t bytes, int value) const;
  template <typename T> std::shared_ptr<cuda::Memory> upload(const std::vector<T> &values) const;
  cuda::Memory scratch; ///< twice the cache
  std::unique_ptr<cuda::Event> begin, end;
};

/// Steps whose time is the device's.
class DeviceMethod : public Method {
public:
  DeviceMethod(DeviceBench &b, std::string name, Kind kind, Steps s)
      : Method(std::move(name), kind), bench(b), steps(std::move(s)) {}
  bool plans() const override { return false; }
  void place() override { bench.restore(); }
  void run() override { ownRunMs = bench.timed(steps); }
  Check check() override { return bench.check(); }

private:
  DeviceBench &bench;
  const Steps steps;
};

/// [0, each, 2 x each, ...]: `count` and one.
std::vector<uint32_t> offsetsOf(size_t count, size_t each);
/// One list behind the other.
Steps operator+(Steps first, const Steps &then);

} // namespace faro::bench
