// Ranks as threads of this process, each with a shuffle that is planned on the device, and a stream.
//
//   cold caches   flush │ begin ─ what is timed ─ end │ what follows        in each stream; ranks begin behind one
//   flush warm          what is timed, what follows │ begin ─ what is timed ─ end │ what follows
//
// What is in front lets the host get ahead: with one rank, no launch is seen in a time. A time is from the first rank's
// beginning to the last one's end, by the device's clock.
#pragma once

#include "faro/device_shuffle.h"
#include "tests/bench/device/device_bench.h"
#include "tests/bench/device/rank_threads.h"

namespace faro::bench {

/// What a rank works with; the memory is the device's.
struct PlannedRank {
  size_t rank = 0;
  std::shared_ptr<Communicator> communicator;
  std::unique_ptr<DeviceShuffle> shuffle;
  std::unique_ptr<cuda::Stream> stream;
  cuda::Memory topkIdx, weights; ///< [tokens, topk] int64 and f32
  std::unique_ptr<cuda::Event> flushed, begin, end;

  const int64_t *choices() const { return reinterpret_cast<const int64_t *>(uintptr_t(topkIdx.address())); }
  const float *factors() const { return reinterpret_cast<const float *>(uintptr_t(weights.address())); }
};

/// Puts something into a rank's stream.
using PlannedWork = std::function<Status(PlannedRank &)>;

class PlannedRanks {
public:
  /// Of all ranks of the bench, which must outlive it. `inPlace`: experts change nothing. What fails, here and later,
  /// ends the process with one message.
  PlannedRanks(const DeviceBench &bench, bool inPlace);
  ~PlannedRanks();
  PlannedRanks(const PlannedRanks &) = delete;
  PlannedRanks &operator=(const PlannedRanks &) = delete;

  /// By all ranks; until it is done.
  void run(const PlannedWork &work);
  /// Milliseconds of `timed`. `then`: what must follow it; null: nothing.
  double timed(const PlannedWork &timed, const PlannedWork &then, bool cold);
  /// The same, captured once by each rank, to be replayed.
  PlannedWork asGraphs(const PlannedWork &work);

  /// What a rank has received, by its offsets.
  Rows received(size_t rank) const;
  void wipeReceived();
  PlannedRank &of(size_t rank) { return ranks[rank]; }

private:
  const DeviceBench &bench;
  std::vector<PlannedRank> ranks;
  RankThreads threads;
};

/// A method of theirs. `check`: of what it left; the ranks are done.
class PlannedMethod : public Method {
public:
  using CheckFn = std::function<Check()>;
  PlannedMethod(DeviceBench &b, std::shared_ptr<PlannedRanks> r, std::string name, PlannedWork timed, PlannedWork then,
                CheckFn c)
      : Method(std::move(name), Kind::Faro), bench(b), ranks(std::move(r)), work(std::move(timed)),
        rest(std::move(then)), checkFn(std::move(c)) {}

  bool plans() const override { return false; }
  void wipe() override { ranks->wipeReceived(); }
  /// By the ranks themselves, right before their run and in their streams.
  void flush() override { cold = true; }
  void run() override {
    bench.settle();
    ownRunMs = ranks->timed(work, rest, cold);
    cold = false;
  }
  Check check() override { return checkFn(); }

private:
  DeviceBench &bench;
  const std::shared_ptr<PlannedRanks> ranks;
  const PlannedWork work, rest;
  const CheckFn checkFn;
  bool cold = false;
};

/// A dispatch of the bench's tokens, and a combine into `out`. Both must outlive what is returned.
PlannedWork plannedDispatch(const DeviceBench &bench);
PlannedWork plannedCombine(const DeviceBench &bench, const RankRows &out);

/// `work`, and its graph, as methods; `what`: for tables.
void addPlanned(DeviceBench &bench, const std::shared_ptr<PlannedRanks> &ranks, const std::string &what,
                const PlannedWork &work, const PlannedMethod::CheckFn &check, Methods &methods);

} // namespace faro::bench
