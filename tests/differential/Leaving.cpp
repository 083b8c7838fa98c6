// Ranks that leave in the middle of a job, in peace: those who need them hear of it long before their deadline, the
// others go on.
#include "tests/differential/SmallJob.h"

#include <thread>

using namespace faro;
using namespace faro::differential;

namespace {

class Leaving : public SmallJob {
protected:
  static void expectNamed(const std::vector<Status> &ended, uint32_t leaver) {
    EXPECT_TRUE(ended[leaver].isOk()) << ended[leaver].message();
    const std::string text = "rank " + std::to_string(leaver) + " left the job";
    for (uint32_t rank = 0; rank < Ranks; ++rank)
      if (rank != leaver)
        EXPECT_NE(ended[rank].message().find(text), std::string::npos) << ended[rank].message();
  }
};
class LeavingTwoNodes : public Leaving {};

INSTANTIATE_TEST_SUITE_P(, Leaving, testing::Values(1, 2, 4), nodesName);
INSTANTIATE_TEST_SUITE_P(, LeavingTwoNodes, testing::Values(2));

TEST_P(Leaving, isNamedAtOnce) {
  const uint32_t leaver = Ranks - 1;
  expectNamed(runPlanned(1,
                         [&](uint32_t rank, Session &session, const Plans &plans) -> Status {
                           if (auto got = session.dispatch(plans[0], x()); !got || rank == leaver)
                             return got.status();
                           return session.dispatch(plans[0], x()).status();
                         }),
              leaver);
}

TEST_P(Leaving, whoOnlyTestsHearsOfItToo) {
  const uint32_t leaver = Ranks - 1;
  const auto ended = runPlanned(1, [&](uint32_t rank, Session &session, const Plans &plans) -> Status {
    if (rank == leaver)
      return Status::ok();
    FARO_RETURN_IF_ERROR(session.postDispatch(plans[0], x()));
    while (true) {
      auto over = session.test();
      if (!over || *over)
        return over.status();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  expectNamed(ended, leaver);
}

TEST_P(Leaving, beforeAPrepareIsNamedAtOnce) {
  const uint32_t leaver = 1;
  const auto ended = runPlanned(1, [&](uint32_t rank, Session &session, const Plans &) -> Status {
    return rank == leaver ? Status::ok() : prepare(session, rank, 1).status();
  });
  expectNamed(ended, leaver);
}

/// Ranks whose part is over may leave, however long the others still wait for each other.
TEST_P(LeavingTwoNodes, whoHasSentEverythingMayLeave) {
  const auto ended = run([&](uint32_t rank, Session &session, const std::shared_ptr<Communicator> &) -> Status {
    // Rank 0 sends to rank 2 alone, on the other node; nobody else sends anything.
    std::vector<int64_t> idx(Topk, -1);
    if (rank == 0)
      idx[0] = 4;
    auto plan = session.prepare(*dispatch, {idx.data(), 1});
    if (!plan)
      return plan.status();
    if (rank == 3)
      std::this_thread::sleep_for(std::chrono::milliseconds(2500));
    const ConstRows one{tokens.data(), 1, Columns * sizeof(float)};
    auto got = session.dispatch(*plan, one);
    if (got && got->rows.rows != (rank == 2))
      return Status(FARO_INTERNAL, "a row is missing");
    return got.status();
  });
  expectAllOk(ended);
}

} // namespace
