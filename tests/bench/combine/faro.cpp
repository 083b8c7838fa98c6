// This project: prepare and the memory for the experts' results are the planning, combine the run.
#include "tests/bench/combine/combine_data.h"
#include "tests/bench/faro_job.h"

namespace faro::bench {
namespace {

class FaroCombine : public Method {
public:
  FaroCombine(CombineData &b, Control &control, const CommunicatorOptions &place)
      : Method("Faro", Kind::Faro), bench(b), job(b.problem, control, place) {}

  void plan() override {
    batch = job.prepare();
    rows = require(job.session().expertRows(batch), "memory for the experts' results");
  }

  void place() override {
    if (rows.rows != int64_t(bench.problem.received.size()))
      require(Status(FARO_INTERNAL, "the plan has another number of rows than the definition"), "expertRows");
    if (!filled || !inPlace())
      bench.fillExpertRows(static_cast<char *>(rows.data), size_t(rows.stride));
    filled = true;
  }

  void run() override {
    const Problem &problem = bench.problem;
    require(job.session().combine(job.combine(), batch, {rows.data, rows.rows, rows.stride}, problem.weights.data(),
                                  {bench.result.data(), problem.options.tokens, int64_t(bench.bytes)}),
            "combine");
  }

  Check check() override { return bench.checkDefinition(); }
  void flush() override { flushFromCaches(rows.data, size_t(rows.rows) * size_t(rows.stride)); }

private:
  /// Whether the memory is what it was, contents and all: the first and the last item are looked at.
  bool inPlace() const {
    const std::vector<Item> &items = bench.problem.received;
    auto matches = [&](size_t row) {
      const Item &item = items[row];
      const char *at = static_cast<const char *>(rows.data) + row * size_t(rows.stride);
      return item.source < 0 ||
             RowPattern(bench.problem.options.element, item.source, item.token, item.choice).matches(at, bench.bytes);
    };
    return items.empty() || (matches(0) && matches(items.size() - 1));
  }

  CombineData &bench;
  FaroJob job;
  std::shared_ptr<const Plan> batch;
  Rows rows;
  bool filled = false;
};

} // namespace

std::unique_ptr<Method> faroCombine(CombineData &bench, Control &control, const CommunicatorOptions &place) {
  return std::make_unique<FaroCombine>(bench, control, place);
}

} // namespace faro::bench
