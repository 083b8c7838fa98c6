// This project through its public API: prepare (and the memory of the experts' results) is the planning, the call is
// the run, by the host's clock: from when all ranks call until all have returned, which is when the device is done.
// Lists are uploaded and padding is zeroed within it.
#include "tests/bench/device/combine_on_device.h"
#include "tests/bench/device/dispatch_on_device.h"
#include "tests/bench/device/session_ranks.h"
#include "tests/bench/memory.h"
#include "tests/bench/require.h"

namespace faro::bench {
namespace {

Pointer address(const void *data) { return reinterpret_cast<uintptr_t>(data); }

class DispatchCall : public Method {
public:
  explicit DispatchCall(DeviceDispatch &b)
      : Method("Faro, the call", Kind::Faro), bench(b), sessions(b.gpu, b.problems), received(b.ranks) {}

  void plan() override { ownPlanMs = sessions.prepare(); }

  void run() override {
    bench.settle(); // the cache is flushed
    const auto call = [this](size_t rank, Session &session) {
      received[rank] = require(session.dispatch(sessions.plan(rank), bench.userRows(rank)), "dispatch").rows;
    };
    ownRunMs = timedCall(bench.problems, [&] { return sessions.run(call); });
  }

  Check check() override {
    Check found;
    for (size_t rank = 0; rank < bench.ranks; ++rank) {
      const Rows &rows = received[rank];
      found.wrongRows += bench.checkRows(rank, address(rows.data), size_t(rows.rows), size_t(rows.stride)).wrongRows;
    }
    return found;
  }

  /// The rows stay valid until the next dispatch, so what an earlier one left there can be destroyed before.
  void wipe() override {
    for (const Rows &rows : received)
      bench.fill(address(rows.data), size_t(rows.rows * rows.stride), WipeByte);
  }

private:
  DeviceDispatch &bench;
  SessionRanks sessions;
  std::vector<Rows> received; ///< by rank
};

class CombineCall : public Method {
public:
  explicit CombineCall(DeviceCombine &b)
      : Method("Faro, the call", Kind::Faro), bench(b), sessions(b.gpu, b.problems), rows(b.ranks) {}

  void plan() override {
    ownPlanMs = sessions.prepare() + sessions.run([this](size_t rank, Session &session) {
      rows[rank] = require(session.expertRows(sessions.plan(rank)), "memory for the experts' results");
    });
  }

  /// The results of the experts, from where the other methods have them.
  void place() override {
    for (size_t rank = 0; rank < bench.ranks; ++rank) {
      const size_t expected = bench.problems[rank].received.size();
      if (size_t(rows[rank].rows) != expected)
        require(Status(FARO_INTERNAL, "the plan has another number of rows than the definition"), "expertRows");
      require(bench.gpu.stream->copyRows(address(rows[rank].data), size_t(rows[rank].stride), bench.window.row(rank, 0),
                                         bench.stride, bench.bytes, expected),
              "the experts' results");
    }
  }

  void run() override {
    bench.settle();
    const auto call = [this](size_t rank, Session &session) {
      const Rows &y = rows[rank];
      require(session.combine(*bench.gpu.combine, sessions.plan(rank), {y.data, y.rows, y.stride},
                              bench.problems[rank].weights.data(), bench.packed(bench.user, rank)),
              "combine");
    };
    ownRunMs = timedCall(bench.problems, [&] { return sessions.run(call); });
  }

  Check check() override { return bench.check(); }

private:
  DeviceCombine &bench;
  SessionRanks sessions;
  std::vector<Rows> rows; ///< by rank
};

} // namespace

std::unique_ptr<Method> faroDispatchCall(DeviceDispatch &bench) { return std::make_unique<DispatchCall>(bench); }
std::unique_ptr<Method> faroCombineCall(DeviceCombine &bench) { return std::make_unique<CombineCall>(bench); }

} // namespace faro::bench
