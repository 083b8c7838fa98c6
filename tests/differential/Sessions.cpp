// Mistakes with sessions and plans end as errors on all ranks, soon, and never as wrong numbers: on one node and across
// nodes.
#include "tests/differential/Threads.h"

#include <gtest/gtest.h>
#include <thread>

using namespace faro;
using namespace faro::differential;

namespace {

constexpr uint32_t Ranks = 4, Tokens = 6, Topk = 2, Columns = 8;

/// A small program, and a batch that sends rows between all ranks.
class Job : public testing::TestWithParam<uint32_t> {
protected:
  void SetUp() override {
    Shape shape;
    shape.ranks = Ranks;
    shape.nodes = GetParam();
    shape.topk = Topk;
    shape.experts = 8;
    shape.columns = Columns;
    shape.element = "f32";
    module = compiled(shape);
    ASSERT_TRUE(module);
    auto found = module->only(FARO_ABI_DISPATCH);
    ASSERT_TRUE(found);
    dispatch = *found;
    combine = *module->only(FARO_ABI_COMBINE);
  }

  /// Each rank in a thread. What `work` returns is what the rank ended with; nobody may need as long as the time-out.
  template <typename Work> std::vector<Status> run(Work work, Nanoseconds timeout = std::chrono::seconds(60)) {
    auto ranks = Communicator::createLocal(Ranks, timeout, GetParam());
    EXPECT_TRUE(ranks) << ranks.status().message();
    std::vector<Status> ended(Ranks);
    std::vector<std::thread> threads;
    const auto start = std::chrono::steady_clock::now();
    for (uint32_t rank = 0; rank < Ranks; ++rank)
      threads.emplace_back([&, rank] {
        const std::shared_ptr<Communicator> mine = std::move((*ranks)[rank]);
        auto session = Session::create(mine, module);
        ended[rank] = session ? work(rank, **session, mine) : session.status();
      });
    for (std::thread &thread : threads)
      thread.join();
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
    return ended;
  }

  /// Batch `number`: other experts for each token.
  Expected<std::shared_ptr<const Plan>> prepare(Session &session, uint32_t rank, uint32_t number) const {
    std::vector<int64_t> idx;
    for (uint32_t t = 0; t < Tokens; ++t)
      for (uint32_t k = 0; k < Topk; ++k)
        idx.push_back((rank + t + number * (t + 1) + 3 * k) % 8);
    return session.prepare(*dispatch, {idx.data(), Tokens});
  }

  ConstRows x() const { return {tokens.data(), Tokens, Columns * sizeof(float)}; }

  std::shared_ptr<const Module> module;
  const faro_abi_program *dispatch = nullptr, *combine = nullptr;
  const std::vector<float> tokens = std::vector<float>(Tokens * Columns, 1.0f);
  const std::vector<float> weights = std::vector<float>(Tokens * Topk, 1.0f);
};

class JobOfTwoNodes : public Job {};

void expectAll(const std::vector<Status> &ended, const std::string &text) {
  for (uint32_t rank = 0; rank < ended.size(); ++rank) {
    EXPECT_FALSE(ended[rank].isOk()) << "rank " << rank;
    EXPECT_NE(ended[rank].message().find(text), std::string::npos) << "rank " << rank << ": " << ended[rank].message();
  }
}

} // namespace

INSTANTIATE_TEST_SUITE_P(, Job, testing::Values(1, 2, 4),
                         [](const auto &info) { return std::to_string(info.param) + "nodes"; });

INSTANTIATE_TEST_SUITE_P(, JobOfTwoNodes, testing::Values(2));

TEST_P(Job, aPlanOfAnotherSessionIsRefused) {
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

TEST_P(Job, plansOfDifferentBatchesAreFoundOut) {
  expectAll(run([&](uint32_t rank, Session &session, const std::shared_ptr<Communicator> &) -> Status {
              auto one = prepare(session, rank, 0), two = prepare(session, rank, 1);
              if (!one || !two)
                return !one ? one.status() : two.status();
              const Status status = session.dispatch(rank == Ranks - 1 ? *two : *one, x()).status();
              // Nobody may be left with rows of a batch that it did not ask for.
              return status.isOk() ? session.dispatch(*one, x()).status() : status;
            }),
            "batch");
}

TEST_P(Job, combineOfAnotherBatchsRowsIsRefused) {
  expectAll(run([&](uint32_t rank, Session &session, const std::shared_ptr<Communicator> &) -> Status {
              auto one = prepare(session, rank, 0), two = prepare(session, rank, 1);
              if (!one || !two)
                return !one ? one.status() : two.status();
              auto got = session.dispatch(*one, x());
              if (!got)
                return got.status();
              // The windows are as large as they need to be for both; the numbers of rows may be equal.
              std::vector<float> out(Tokens * Columns);
              return session.combine(*combine, *two, {got->rows.data, planRows(**two), got->rows.stride},
                                     weights.data(), {out.data(), Tokens, Columns * sizeof(float)});
            }),
            "another batch");
}

TEST_P(Job, combineOfAnotherProgramsShuffleIsRefused) {
  // The module with a second pair of programs, for rows of another length.
  Shape shape;
  shape.experts = 8;
  shape.topk = Topk;
  shape.element = "f32";
  shape.columns = Columns;
  std::string spec = shape.spec(), second = spec;
  const auto replaceAll = [](std::string &text, const std::string &from, const std::string &to) {
    for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
  };
  for (const char *name : {"@dispatch", "@combine"})
    replaceAll(second, name, std::string(name) + "_twice");
  for (const char *alias : {"!tokens", "!experts", "!routes"})
    replaceAll(second, alias, std::string(alias) + "2");
  replaceAll(second, "8xf32", "16xf32");
  // Types first, then both programs in one module.
  const size_t open = spec.find("module attributes"), body = spec.find("func.func"), end = spec.rfind('}');
  const size_t open2 = second.find("module attributes"), body2 = second.find("func.func"), end2 = second.rfind('}');
  const std::string both = spec.substr(0, open) + second.substr(0, open2) + spec.substr(open, end - open) +
                           second.substr(body2, end2 - body2) + "}\n";
  ASSERT_LT(open, body);
  auto made = Module::compile(both, "both.mlir");
  ASSERT_TRUE(made) << made.status().message() << both;
  module = *made;
  dispatch = module->find("dispatch");
  combine = module->find("combine_twice");
  ASSERT_TRUE(dispatch && combine);
  expectAll(run([&](uint32_t rank, Session &session, const std::shared_ptr<Communicator> &) -> Status {
              auto plan = prepare(session, rank, 0);
              if (!plan)
                return plan.status();
              auto got = session.dispatch(*plan, x());
              if (!got)
                return got.status();
              std::vector<float> out(2 * Tokens * Columns);
              return session.combine(*combine, *plan, {got->rows.data, got->rows.rows, got->rows.stride},
                                     weights.data(), {out.data(), Tokens, 2 * Columns * sizeof(float)});
            }),
            "combine_twice does not combine what dispatch dispatched");
}

/// A node whose ranks get more rows than before makes memory; the others are not even asked.
TEST_P(JobOfTwoNodes, windowsGrowOnTheNodeThatNeedsThem) {
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
  for (const Status &status : ended)
    EXPECT_TRUE(status.isOk()) << status.message();
}

TEST_P(Job, ranksThatPrepareAndRanksThatDispatchAreFoundOut) {
  const auto ended = run(
      [&](uint32_t rank, Session &session, const std::shared_ptr<Communicator> &) -> Status {
        auto plan = prepare(session, rank, 0);
        if (!plan)
          return plan.status();
        return rank == 2 ? prepare(session, rank, 1).status() : session.dispatch(*plan, x()).status();
      },
      std::chrono::seconds(2));
  for (const Status &status : ended)
    EXPECT_FALSE(status.isOk());
}

/// In the middle of a job, in peace: those who need it hear of it long before their deadline.
TEST_P(Job, aRankThatLeavesIsNamedAtOnce) {
  const uint32_t leaver = Ranks - 1;
  const auto ended = run([&](uint32_t rank, Session &session, const std::shared_ptr<Communicator> &) -> Status {
    auto plan = prepare(session, rank, 0);
    if (!plan)
      return plan.status();
    if (auto got = session.dispatch(*plan, x()); !got || rank == leaver)
      return got.status();
    return session.dispatch(*plan, x()).status();
  });
  EXPECT_TRUE(ended[leaver].isOk()) << ended[leaver].message();
  for (uint32_t rank = 0; rank < leaver; ++rank)
    EXPECT_NE(ended[rank].message().find("rank 3 left the job"), std::string::npos) << ended[rank].message();
}

TEST_P(Job, whoOnlyTestsHearsOfItToo) {
  const uint32_t leaver = Ranks - 1;
  const auto ended = run([&](uint32_t rank, Session &session, const std::shared_ptr<Communicator> &) -> Status {
    auto plan = prepare(session, rank, 0);
    if (!plan || rank == leaver)
      return plan.status();
    FARO_RETURN_IF_ERROR(session.postDispatch(*plan, x()));
    while (true) {
      auto over = session.test();
      if (!over || *over)
        return over.status();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  for (uint32_t rank = 0; rank < leaver; ++rank)
    EXPECT_NE(ended[rank].message().find("rank 3 left the job"), std::string::npos) << ended[rank].message();
}

/// Ranks whose part is over may leave, however long the others still wait for each other.
TEST_P(JobOfTwoNodes, whoHasSentEverythingMayLeave) {
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
  for (const Status &status : ended)
    EXPECT_TRUE(status.isOk()) << status.message();
}

TEST_P(Job, aRankThatLeavesBeforeAPrepareIsNamedAtOnce) {
  const uint32_t leaver = 1;
  const auto ended = run([&](uint32_t rank, Session &session, const std::shared_ptr<Communicator> &) -> Status {
    auto plan = prepare(session, rank, 0);
    return !plan || rank == leaver ? plan.status() : prepare(session, rank, 1).status();
  });
  EXPECT_TRUE(ended[leaver].isOk()) << ended[leaver].message();
  for (uint32_t rank = 0; rank < Ranks; ++rank)
    if (rank != leaver)
      EXPECT_NE(ended[rank].message().find("rank 1 left the job"), std::string::npos) << ended[rank].message();
}

TEST(Mesh, modulesOfDifferentSpecsAreFoundOut) {
  Shape shape;
  auto one = compiled(shape);
  shape.columns = 3;
  auto two = compiled(shape);
  ASSERT_TRUE(one && two);
  auto ranks = Communicator::createLocal(2, std::chrono::seconds(20));
  ASSERT_TRUE(ranks);
  std::vector<std::thread> threads;
  for (uint32_t rank = 0; rank < 2; ++rank)
    threads.emplace_back([&, rank] {
      auto session = Session::create((*ranks)[rank], rank == 0 ? one : two);
      EXPECT_NE(session.status().message().find("another spec"), std::string::npos) << session.status().message();
    });
  for (std::thread &thread : threads)
    thread.join();
}

TEST(Mesh, aModuleForAnotherTopologyIsRefusedByAllRanks) {
  struct Case {
    const char *mesh;
    uint32_t ranks, nodes;
    const char *error; ///< null: it fits
  };
  const Case cases[] = {
      {"nodes = 1, ranks_per_node = ?", 4, 1, nullptr},
      {"nodes = 1, ranks_per_node = ?", 4, 2, "1 nodes x ? ranks, but there are 2 nodes x 2 ranks"},
      {"nodes = 2, ranks_per_node = 2", 4, 2, nullptr},
      {"nodes = 2, ranks_per_node = 2", 3, 2, "2 nodes x 2 ranks, but there are 2 nodes of 1 to 2 ranks"},
      {"nodes = 2, ranks_per_node = ?", 3, 2, nullptr},
      {"nodes = 2, ranks_per_node = ?", 4, 1, "2 nodes x ? ranks, but there are 1 nodes x 4 ranks"},
      {"nodes = ?, ranks_per_node = ?", 5, 3, nullptr},
  };
  for (const Case &each : cases) {
    SCOPED_TRACE(testing::Message() << each.mesh << " on " << each.ranks << " ranks, " << each.nodes << " nodes");
    std::string spec = Shape{}.spec();
    const std::string open = "nodes = ?, ranks_per_node = ?";
    ASSERT_NE(spec.find(open), std::string::npos);
    spec.replace(spec.find(open), open.size(), each.mesh);
    auto module = Module::compile(spec, "spec.mlir");
    ASSERT_TRUE(module) << module.status().message();
    auto ranks = Communicator::createLocal(each.ranks, std::chrono::seconds(20), each.nodes);
    ASSERT_TRUE(ranks);
    std::vector<std::thread> threads;
    for (uint32_t rank = 0; rank < each.ranks; ++rank)
      threads.emplace_back([&, rank] {
        auto session = Session::create((*ranks)[rank], *module);
        if (!each.error)
          EXPECT_TRUE(session) << session.status().message();
        else
          EXPECT_NE(session.status().message().find(each.error), std::string::npos) << session.status().message();
      });
    for (std::thread &thread : threads)
      thread.join();
  }
}
