#include "tests/bench/device/session_ranks.h"

#include "tests/bench/require.h"

namespace faro::bench {

SessionRanks::SessionRanks(const Gpu &g, const std::vector<Problem> &p)
    : gpu(g), problems(p), plans(p.size()), sessions(p.size()), threads(p.size()) {
  communicators =
      require(Communicator::createLocal(uint32_t(p.size()), std::chrono::seconds(60)), "connecting the ranks");
  for (const Problem &problem : p)
    topk.emplace_back(problem.topk.begin(), problem.topk.end());
  threads.run([this](size_t rank) {
    SessionOptions options;
    options.cudaDevice = gpu.device->number();
    options.cudaMultiprocessors = gpu.multiprocessors;
    sessions[rank] = require(Session::create(communicators[rank], gpu.module, options), "a session");
  });
}

SessionRanks::~SessionRanks() {
  threads.run([this](size_t rank) {
    sessions[rank].reset();
    require(communicators[rank]->barrier(), "the end"); // nobody leaves while another is in the middle of something
    communicators[rank].reset();
  });
}

double SessionRanks::run(const Work &work) {
  return threads.run([&](size_t rank) { work(rank, *sessions[rank]); });
}

double SessionRanks::prepare() {
  return run([this](size_t rank, Session &session) { prepare(rank, session, topk[rank].data()); });
}

const std::shared_ptr<const Plan> &SessionRanks::prepare(size_t rank, Session &session, const int64_t *topkIdx) {
  plans[rank] = require(session.prepare(*gpu.dispatch, {topkIdx, problems[rank].options.tokens}), "prepare");
  return plans[rank];
}

} // namespace faro::bench
