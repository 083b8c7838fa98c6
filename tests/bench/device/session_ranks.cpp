#include "tests/bench/device/session_ranks.h"

#include "tests/bench/require.h"

#include <algorithm>
#include <chrono>

namespace faro::bench {

SessionRanks::SessionRanks(const Gpu &g, const std::vector<Problem> &p)
    : gpu(g), problems(p), plans(p.size()), took(p.size()), turn(ptrdiff_t(p.size()) + 1),
      threadsIn(ptrdiff_t(p.size())) {
  auto communicators =
      require(Communicator::createLocal(uint32_t(p.size()), std::chrono::seconds(60)), "connecting the ranks");
  for (const Problem &problem : p)
    topk.emplace_back(problem.topk.begin(), problem.topk.end());
  for (size_t rank = 0; rank < p.size(); ++rank)
    threads.emplace_back(&SessionRanks::beRankThread, this, rank, std::move(communicators[rank]));
  run([](size_t, Session &) {}); // until all have a session
}

SessionRanks::~SessionRanks() {
  work = nullptr;
  turn.arrive_and_wait();
  for (std::thread &thread : threads)
    thread.join();
}

double SessionRanks::run(const Work &given) {
  work = &given;
  turn.arrive_and_wait(); // they begin
  turn.arrive_and_wait(); // they are done
  return *std::max_element(took.begin(), took.end());
}

double SessionRanks::prepare() {
  return run([this](size_t rank, Session &session) {
    plans[rank] =
        require(session.prepare(*gpu.dispatch, {topk[rank].data(), problems[rank].options.tokens}), "prepare");
  });
}

void SessionRanks::beRankThread(size_t rank, std::shared_ptr<Communicator> communicator) {
  beRank(int(rank));
  SessionOptions options;
  options.cudaDevice = gpu.device->number();
  options.cudaMultiprocessors = gpu.multiprocessors;
  auto session = require(Session::create(communicator, gpu.module, options), "a session");
  while (true) {
    turn.arrive_and_wait();
    if (!work)
      break;
    threadsIn.arrive_and_wait();
    const auto start = std::chrono::steady_clock::now();
    (*work)(rank, *session);
    took[rank] = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    turn.arrive_and_wait();
  }
  require(communicator->barrier(), "the end"); // nobody leaves while another is in the middle of something
}

} // namespace faro::bench
