// This project: prepare is the planning, dispatch the run.
#include "tests/bench/dispatch/dispatch_data.h"
#include "tests/bench/faro_job.h"

#include <cstring>

namespace faro::bench {
namespace {

class FaroDispatch : public Method {
public:
  FaroDispatch(DispatchData &b, Control &control, const CommunicatorOptions &place)
      : Method("Faro", Kind::Faro), bench(b), job(b.problem, control, place) {}

  void plan() override { batch = job.prepare(); }

  void run() override {
    const ConstRows tokens{bench.tokens.data(), bench.problem.options.tokens, int64_t(bench.bytes)};
    received = require(job.session().dispatch(batch, tokens), "dispatch");
  }

  Check check() override {
    return bench.check(received.rows.data, size_t(received.rows.rows), size_t(received.rows.stride));
  }

  // The rows stay valid until the next dispatch, so what an earlier one left there can be destroyed before.
  void wipe() override {
    if (received.rows.rows)
      std::memset(received.rows.data, WipeByte, size());
  }
  void flush() override { flushFromCaches(received.rows.data, size()); }

private:
  size_t size() const { return size_t(received.rows.rows) * size_t(received.rows.stride); }

  DispatchData &bench;
  FaroJob job;
  std::shared_ptr<const Plan> batch;
  Received received;
};

} // namespace

std::unique_ptr<Method> faroDispatch(DispatchData &bench, Control &control, const CommunicatorOptions &place) {
  return std::make_unique<FaroDispatch>(bench, control, place);
}

} // namespace faro::bench
