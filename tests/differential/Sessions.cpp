// Mistakes with sessions and plans end as errors on all ranks, soon, and never as wrong numbers: on one node and across
// nodes.
#include "tests/differential/SmallJob.h"

#include <atomic>
#include <thread>

using namespace faro;
using namespace faro::differential;

namespace {

class Mistakes : public SmallJob {};
class TwoNodes : public SmallJob {};

INSTANTIATE_TEST_SUITE_P(, Mistakes, testing::Values(1, 2, 4), nodesName);
INSTANTIATE_TEST_SUITE_P(, TwoNodes, testing::Values(2));

void replaceAll(std::string &text, const std::string &from, const std::string &to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

/// The module with a second pair of programs, dispatch_twice and combine_twice, for rows twice as long.
std::string withSecondPair(const std::string &spec) {
  std::string second = spec;
  for (const char *name : {"@dispatch", "@combine"})
    replaceAll(second, name, std::string(name) + "_twice");
  for (const char *alias : {"!tokens", "!experts", "!routes"})
    replaceAll(second, alias, std::string(alias) + "2");
  replaceAll(second, "8xf32", "16xf32");
  // Types first, then both programs in one module.
  const size_t open = spec.find("module attributes"), end = spec.rfind('}');
  const size_t open2 = second.find("module attributes"), body2 = second.find("func.func"), end2 = second.rfind('}');
  return spec.substr(0, open) + second.substr(0, open2) + spec.substr(open, end - open) +
         second.substr(body2, end2 - body2) + "}\n";
}

} // namespace

TEST_P(Mistakes, aPlanOfAnotherSessionIsRefused) {
  expectAll(run([&](uint32_t rank, Session &session, const std::shared_ptr<Communicator> &mine) -> Status {
              auto other = Session::create(mine, module);
              if (!other)
                return other.status();
              auto plan = prepare(session, rank, 0), foreign = prepare(**other, rank, 0);
              if (!plan || !foreign)
                return !plan ? plan.status() : foreign.status();
              return session.dispatch(rank == 1 ? *foreign : *plan, x()).status();
            }),
            "made by another session");
}

TEST_P(Mistakes, plansOfDifferentBatchesAreFoundOut) {
  expectAll(runPlanned(2,
                       [&](uint32_t rank, Session &session, const Plans &plans) -> Status {
                         const Status status = session.dispatch(plans[rank == Ranks - 1 ? 1 : 0], x()).status();
                         // Nobody may be left with rows of a batch that it did not ask for.
                         return status.isOk() ? session.dispatch(plans[0], x()).status() : status;
                       }),
            "batch");
}

TEST_P(Mistakes, combineOfAnotherBatchsRowsIsRefused) {
  const auto ended = runPlanned(2, [&](uint32_t, Session &session, const Plans &plans) -> Status {
    auto got = session.dispatch(plans[0], x());
    if (!got)
      return got.status();
    // The windows are as large as they need to be for both; the numbers of rows may be equal.
    std::vector<float> out(Tokens * Columns);
    return session.combine(*combine, plans[1], {got->rows.data, planRows(*plans[1]), got->rows.stride}, weights.data(),
                           {out.data(), Tokens, Columns * sizeof(float)});
  });
  expectAll(ended, "another batch");
}

/// New memory takes the place of the old, at the same address or another.
TEST_P(Mistakes, rowsThatReserveHasDroppedAreNotReceivedAnyMore) {
  const auto ended = run([&](uint32_t rank, Session &session, const std::shared_ptr<Communicator> &) -> Status {
    constexpr int64_t Many = 5000;
    std::vector<int64_t> experts(size_t(Many) * Topk);
    for (size_t i = 0; i < experts.size(); ++i)
      experts[i] = int64_t(i % 8); // more rows for every rank
    auto small = prepare(session, rank, 0), large = session.prepare(*dispatch, {experts.data(), Many});
    if (!small || !large)
      return small ? large.status() : small.status();
    auto got = session.dispatch(*small, x());
    if (!got)
      return got.status();
    FARO_RETURN_IF_ERROR(session.reserve(*small));
    EXPECT_TRUE(session.received(*small)) << "nothing was missing";
    FARO_RETURN_IF_ERROR(session.reserve(*large));
    EXPECT_FALSE(session.received(*small)) << "its rows are gone";
    got = session.dispatch(*small, x());
    if (!got)
      return got.status();
    std::vector<float> out(Tokens * Columns);
    FARO_RETURN_IF_ERROR(session.combine(*combine, *small, {got->rows.data, got->rows.rows, got->rows.stride},
                                         weights.data(), {out.data(), Tokens, Columns * sizeof(float)}));
    EXPECT_EQ(out, std::vector<float>(Tokens * Columns, float(Topk)));
    return Status::ok();
  });
  expectAllOk(ended);
}

TEST_P(Mistakes, dispatchOfReceivedRowsIsRefused) {
  const auto ended = runPlanned(1, [&](uint32_t, Session &session, const Plans &plans) -> Status {
    auto got = session.dispatch(plans[0], x());
    if (!got)
      return got.status();
    const Rows &rows = got->rows;
    return session.dispatch(plans[0], {rows.data, Tokens, rows.stride}).status();
  });
  expectAll(ended, "copy them first");
}

TEST_P(Mistakes, aSessionOfNothingIsRefused) {
  const auto ended = run([&](uint32_t, Session &, const std::shared_ptr<Communicator> &mine) -> Status {
    EXPECT_EQ(Session::create(nullptr, module).status().code(), FARO_INVALID_ARGUMENT);
    EXPECT_EQ(Session::create(mine, nullptr).status().code(), FARO_INVALID_ARGUMENT);
    return Status::ok();
  });
  expectAllOk(ended);
}

TEST_P(Mistakes, aDeviceThatIsNoneOnOneRankIsAnErrorOfAll) {
  const auto ended = run([&](uint32_t rank, Session &, const std::shared_ptr<Communicator> &mine) -> Status {
    SessionOptions options;
    options.cudaDevice = rank == 1 ? -7 : -1;
    return Session::create(mine, module, options).status();
  });
  expectAll(ended, "rank 1: a session on CUDA device -7");
}

TEST_P(Mistakes, rowsWithinTheMemoryOfExpertRowsAreRefusedWhereItDoesNotHoldThem) {
  const auto ended = runPlanned(1, [&](uint32_t, Session &session, const Plans &plans) -> Status {
    auto rows = session.expertRows(plans[0]);
    if (!rows)
      return rows.status();
    std::vector<float> out(Tokens * Columns);
    return session.combine(*combine, plans[0],
                           {static_cast<std::byte *>(rows->data) + rows->stride, planRows(*plans[0]), rows->stride},
                           weights.data(), {out.data(), Tokens, Columns * sizeof(float)});
  });
  expectAll(ended, "another batch");
}

/// A copy of rows that lie elsewhere takes its place.
TEST_P(Mistakes, memoryOfExpertRowsIsNotThoseAfterACombineOfOtherRows) {
  const auto ended = runPlanned(1, [&](uint32_t, Session &session, const Plans &plans) -> Status {
    auto rows = session.expertRows(plans[0]);
    if (!rows)
      return rows.status();
    const std::vector<std::byte> own(size_t(rows->rows * rows->stride));
    std::vector<float> out(Tokens * Columns);
    const Rows to{out.data(), Tokens, Columns * sizeof(float)};
    const Status elsewhere =
        session.combine(*combine, plans[0], {own.data(), rows->rows, rows->stride}, weights.data(), to);
    if (!elsewhere)
      return elsewhere;
    return session.combine(*combine, plans[0], {rows->data, rows->rows, rows->stride}, weights.data(), to);
  });
  expectAll(ended, "a copy of rows that lay elsewhere");
}

TEST_P(Mistakes, combineIntoRowsThatOthersReadIsRefused) {
  for (const bool received : {true, false}) {
    const auto ended = runPlanned(1, [&](uint32_t, Session &session, const Plans &plans) -> Status {
      auto got = session.dispatch(plans[0], x());
      if (!got)
        return got.status();
      auto rows = session.expertRows(plans[0]);
      if (!rows)
        return rows.status();
      const Rows &to = received ? got->rows : *rows;
      return session.combine(*combine, plans[0], {rows->data, rows->rows, rows->stride}, weights.data(),
                             {to.data, Tokens, to.stride});
    });
    expectAll(ended, "which other ranks read meanwhile");
  }
}

/// One rank: it waits for nobody, which would find it out.
class Alone : public testing::Test {
protected:
  void SetUp() override {
    module = compiled({.ranks = 1, .topk = 1, .experts = 2, .columns = 8});
    ASSERT_TRUE(module);
    communicator = (*Communicator::createLocal(1, std::chrono::seconds(60))).front();
    session = std::move(*Session::create(communicator, module));
  }
  void expectOver(const std::string &why) const {
    const int64_t expert = 1;
    const Status status = session->prepare(**module->only(FARO_ABI_DISPATCH), {&expert, 1}).status();
    EXPECT_EQ(status.code(), FARO_ABORTED);
    EXPECT_NE(status.message().find(why), std::string::npos) << status.message();
  }

  std::shared_ptr<const Module> module;
  std::shared_ptr<Communicator> communicator;
  std::unique_ptr<Session> session;
};

TEST_F(Alone, callsOnACommunicatorThatIsOverFail) {
  communicator->abort({FARO_UNAVAILABLE, "the experts are tired"});
  expectOver("the experts are tired");
}

TEST_F(Alone, aSessionThatFailedEndsTheOthersOfItsCommunicator) {
  auto other = Session::create(communicator, module);
  ASSERT_TRUE(other);
  EXPECT_FALSE((*other)->dispatch(nullptr, {}));
  expectOver("is null");
}

TEST_P(Mistakes, receivedRowsAreThoseOfTheLastDispatch) {
  const auto ended = runPlanned(2, [&](uint32_t, Session &session, const Plans &plans) -> Status {
    EXPECT_FALSE(session.received(plans[0])) << "nothing was dispatched";
    EXPECT_FALSE(session.received(nullptr));
    auto got = session.dispatch(plans[1], x());
    if (!got)
      return got.status();
    const auto first = session.received(plans[0]);
    EXPECT_EQ(first.status().code(), FARO_INVALID_ARGUMENT);
    const auto second = session.received(plans[1]);
    EXPECT_TRUE(second) << second.status().message();
    EXPECT_EQ(second->rows.data, got->rows.data);
    return Status::ok();
  });
  expectAllOk(ended);
}

TEST_P(Mistakes, combineOfAnotherProgramsShuffleIsRefused) {
  const std::string both = withSecondPair(shape().spec());
  auto made = Module::compile(both, "both.mlir");
  ASSERT_TRUE(made) << made.status().message() << both;
  module = *made;
  dispatch = module->find("dispatch");
  combine = module->find("combine_twice");
  ASSERT_TRUE(dispatch && combine);
  const auto ended = runPlanned(1, [&](uint32_t, Session &session, const Plans &plans) -> Status {
    auto got = session.dispatch(plans[0], x());
    if (!got)
      return got.status();
    std::vector<float> out(2 * Tokens * Columns);
    return session.combine(*combine, plans[0], {got->rows.data, got->rows.rows, got->rows.stride}, weights.data(),
                           {out.data(), Tokens, 2 * Columns * sizeof(float)});
  });
  expectAll(ended, "combine_twice does not combine what dispatch dispatched");
}

/// Ranks of one node see at once what others raise. What does not come from another node may still be on its way.
constexpr auto WhereNobodySees = std::chrono::seconds(2);

static void expectDifferentCalls(const std::vector<Status> &ended) {
  const bool onOneNode = testing::UnitTest::GetInstance()->current_test_info()->value_param() == std::string("1");
  for (const Status &status : ended) {
    EXPECT_FALSE(status.isOk());
    if (onOneNode)
      EXPECT_NE(status.message().find("are in different calls"), std::string::npos) << status.message();
  }
}

TEST_P(Mistakes, ranksThatPrepareAndRanksThatDispatchAreFoundOut) {
  const auto ended = runPlanned(
      1,
      [&](uint32_t rank, Session &session, const Plans &plans) -> Status {
        return rank == 2 ? prepare(session, rank, 1).status() : session.dispatch(plans[0], x()).status();
      },
      WhereNobodySees);
  expectDifferentCalls(ended);
}

TEST_P(Mistakes, ranksThatCombineAndRanksThatDispatchAreFoundOut) {
  const auto ended = runPlanned(
      1,
      [&](uint32_t rank, Session &session, const Plans &plans) -> Status {
        auto got = session.dispatch(plans[0], x());
        if (!got || rank == 1)
          return got ? session.dispatch(plans[0], x()).status() : got.status();
        const std::vector<std::byte> y(size_t(got->rows.rows * got->rows.stride));
        std::vector<float> out(Tokens * Columns);
        return session.combine(*combine, plans[0], {y.data(), got->rows.rows, got->rows.stride}, weights.data(),
                               {out.data(), Tokens, Columns * sizeof(float)});
      },
      WhereNobodySees);
  expectDifferentCalls(ended);
}

/// Who asks again and again waits no longer than who waits.
TEST_P(Mistakes, aRankThatDoesNotComeEndsAPollInTime) {
  std::atomic<uint32_t> over{0};
  const auto ended = runPlanned(
      1,
      [&](uint32_t rank, Session &session, const Plans &plans) -> Status {
        if (rank == Ranks - 1) {
          const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
          while (over < Ranks - 1 && std::chrono::steady_clock::now() < end)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
          return Status::ok();
        }
        Status status = session.postDispatch(plans[0], x());
        for (Expected<bool> done = false; status && !(done && *done);) {
          done = session.test();
          status = done.status();
        }
        ++over;
        return status;
      },
      std::chrono::seconds(1));
  uint32_t late = 0;
  for (uint32_t rank = 0; rank + 1 < Ranks; ++rank) {
    EXPECT_FALSE(ended[rank].isOk());
    late += ended[rank].code() == FARO_DEADLINE_EXCEEDED;
  }
  EXPECT_GT(late, 0u);
}

/// A node whose ranks get more rows than before makes memory; the others are not even asked.
TEST_P(TwoNodes, windowsGrowOnTheNodeThatNeedsThem) {
  const auto ended = run([&](uint32_t rank, Session &session, const std::shared_ptr<Communicator> &) -> Status {
    std::vector<uint64_t> growths;
    for (const uint32_t many : {1u, 2000u}) {
      // Two ranks' worth of experts on each node: the first rank sends `many` tokens to node 0 and one to node 1.
      std::vector<int64_t> idx;
      for (uint32_t t = 0; rank == 0 && t < many; ++t)
        idx.insert(idx.end(), {t % 4, t == 0 ? 4 : -1});
      const std::vector<float> rows(std::max<size_t>(1, idx.size() / Topk) * Columns, 1.0f);
      auto plan = session.prepare(*dispatch, {idx.data(), int64_t(idx.size() / Topk)});
      if (!plan)
        return plan.status();
      FARO_RETURN_IF_ERROR(
          session.dispatch(*plan, {rows.data(), int64_t(idx.size() / Topk), Columns * sizeof(float)}).status());
      growths.push_back(session.statistics().windowGrowths);
    }
    const bool grew = growths[1] > growths[0];
    return grew == (rank < 2) ? Status::ok() : Status(FARO_INTERNAL, grew ? "it grew" : "it did not grow");
  });
  expectAllOk(ended);
}

/// All memory is there after reserve and expertRows: posts wait for nobody, so their order does not matter.
TEST_P(TwoNodes, combinesOfTwoSessionsArePostedInAnyOrder) {
  const auto ended = run([&](uint32_t rank, Session &first, const std::shared_ptr<Communicator> &mine) -> Status {
    auto second = Session::create(mine, module);
    if (!second)
      return second.status();
    Session *const sessions[] = {&first, second->get()};
    std::vector<std::shared_ptr<const Plan>> plans;
    std::vector<Rows> rows;
    for (Session *session : sessions) {
      auto plan = prepare(*session, rank, 0);
      if (!plan)
        return plan.status();
      FARO_RETURN_IF_ERROR(session->reserve(*plan));
      auto own = session->expertRows(*plan);
      if (!own)
        return own.status();
      FARO_RETURN_IF_ERROR(session->dispatch(*plan, x()).status());
      plans.push_back(*plan);
      rows.push_back(*own);
    }
    std::vector<float> out(2 * Tokens * Columns);
    for (const uint32_t step : {0u, 1u}) {
      const uint32_t s = rank % 2 ? 1 - step : step;
      FARO_RETURN_IF_ERROR(sessions[s]->postCombine(*combine, plans[s], {rows[s].data, rows[s].rows, rows[s].stride},
                                                    weights.data(),
                                                    {&out[s * Tokens * Columns], Tokens, Columns * sizeof(float)}));
    }
    for (Session *session : sessions)
      FARO_RETURN_IF_ERROR(session->wait());
    return Status::ok();
  });
  expectAllOk(ended);
}
