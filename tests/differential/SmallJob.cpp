#include "tests/differential/SmallJob.h"

namespace faro::differential {

void SmallJob::SetUp() {
  module = compiled(shape());
  ASSERT_TRUE(module);
  auto found = module->only(FARO_ABI_DISPATCH);
  ASSERT_TRUE(found);
  dispatch = *found;
  combine = *module->only(FARO_ABI_COMBINE);
}

std::vector<Status> SmallJob::run(const Work &work, Nanoseconds timeout) const {
  std::vector<Status> ended(Ranks);
  const auto start = std::chrono::steady_clock::now();
  runRanks(Ranks, GetParam(), timeout, [&](uint32_t rank, std::shared_ptr<Communicator> &communicator) {
    const std::shared_ptr<Communicator> mine = std::move(communicator);
    auto session = Session::create(mine, module);
    ended[rank] = session ? work(rank, **session, mine) : session.status();
  });
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  return ended;
}

std::vector<Status> SmallJob::runPlanned(uint32_t batches, const PlannedWork &work, Nanoseconds timeout) const {
  return run(
      [&](uint32_t rank, Session &session, const std::shared_ptr<Communicator> &) -> Status {
        Plans plans;
        for (uint32_t batch = 0; batch < batches; ++batch) {
          auto plan = prepare(session, rank, batch);
          if (!plan)
            return plan.status();
          plans.push_back(*plan);
        }
        return work(rank, session, plans);
      },
      timeout);
}

Expected<std::shared_ptr<const Plan>> SmallJob::prepare(Session &session, uint32_t rank, uint32_t number) const {
  std::vector<int64_t> idx;
  for (uint32_t t = 0; t < Tokens; ++t)
    for (uint32_t k = 0; k < Topk; ++k)
      idx.push_back((rank + t + number * (t + 1) + 3 * k) % 8);
  return session.prepare(*dispatch, {idx.data(), Tokens});
}

void expectAllOk(const std::vector<Status> &ended) {
  for (const Status &status : ended)
    EXPECT_TRUE(status.isOk()) << status.message();
}

void expectAll(const std::vector<Status> &ended, const std::string &text) {
  for (uint32_t rank = 0; rank < ended.size(); ++rank) {
    EXPECT_FALSE(ended[rank].isOk()) << "rank " << rank;
    EXPECT_NE(ended[rank].message().find(text), std::string::npos) << "rank " << rank << ": " << ended[rank].message();
  }
}

} // namespace faro::differential
