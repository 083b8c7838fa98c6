// Shuffles between groups of threads that share no memory, over random shapes and topologies, against the reference,
// bit by bit. Whatever differs between two runs (who forwards, slices, timing), the bits do not.
#include "tests/differential/Threads.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <thread>

using namespace faro;
using namespace faro::differential;

/// On so many nodes as there are, and as there are ranks for.
static Shape onNodes(Shape shape, uint32_t nodes) {
  shape.nodes = std::min(nodes, shape.ranks);
  return shape;
}

/// Up to `nodes` nodes, of different sizes where the ranks do not divide.
class AcrossNodes : public testing::TestWithParam<uint32_t> {};

TEST_P(AcrossNodes, agreeWithTheReferenceOnRandomShapes) {
  for (uint32_t seed = 1; seed <= 40 && !HasFailure(); ++seed)
    runShape(onNodes(randomShape(seed), GetParam()), 2);
}

TEST_P(AcrossNodes, partialsOfF32) {
  for (uint32_t seed = 101; seed <= 120 && !HasFailure(); ++seed) {
    Shape shape = onNodes(randomShape(seed), GetParam());
    shape.partial = "f32";
    runShape(shape, 1);
  }
}

TEST_P(AcrossNodes, largeRowsTakeTheStreamingKernels) {
  Shape shape{.ranks = 4, .topk = 4, .experts = 8, .largestBatch = 100};
  for (uint64_t columns : {7168u, 2881u}) {
    shape.columns = columns;
    for (const char *element : {"bf16", "f32"}) {
      shape.element = element;
      runShape(onNodes(shape, GetParam()), 1);
    }
  }
}

TEST_P(AcrossNodes, fewerExpertsThanRanks) {
  runShape(onNodes({.ranks = 8, .topk = 2, .experts = 3, .columns = 32}, GetParam()), 2);
}

/// Ranks that come late, each in its own batch: what the others send ahead waits, and nothing is overwritten.
TEST_P(AcrossNodes, aLateRankChangesNothing) {
  const Shape shape{.ranks = 5, .topk = 4, .experts = 16, .columns = 1024, .largestBatch = 97};
  runShape(onNodes(shape, GetParam()), 5, {.before = [](uint32_t rank, int batch) {
             if (int(rank) == batch)
               std::this_thread::sleep_for(std::chrono::milliseconds(40));
           }});
}

INSTANTIATE_TEST_SUITE_P(, AcrossNodes, testing::Values(2, 3, 4, 8),
                         [](const auto &info) { return "upTo" + std::to_string(info.param); });

/// Rows that were others' in the batch before.
TEST(AcrossNodesAtLarge, largePaddingIsZero) {
  runShape({.ranks = 4, .nodes = 2, .topk = 4, .experts = 16, .columns = 7168, .align = 32, .largestBatch = 300}, 3);
}

TEST(AcrossNodesAtLarge, primesOfEverything) {
  const Shape shape{.ranks = 7, .topk = 5, .experts = 31, .columns = 257, .largestBatch = 53};
  for (uint32_t nodes : {2u, 3u, 5u, 7u})
    runShape(onNodes(shape, nodes), 2);
}

TEST(AcrossNodesAtLarge, topOneAndTopSixtyFour) {
  Shape shape{.ranks = 6, .experts = 64, .columns = 40};
  for (uint32_t topk : {1u, 64u}) {
    shape.topk = topk;
    shape.largestBatch = topk == 1 ? 97 : 9;
    for (uint32_t nodes : {2u, 4u, 6u})
      runShape(onNodes(shape, nodes), 1);
  }
}

TEST(AcrossNodesAtLarge, sixtyFourRanks) {
  const Shape shape{.ranks = 64, .topk = 8, .experts = 64, .columns = 3, .largestBatch = 5};
  for (uint32_t nodes : {8u, 9u})
    runShape(onNodes(shape, nodes), 1);
}

/// Who forwards is a matter of speed alone: the reference knows nothing of it.
TEST(AcrossNodesAtLarge, allBalancersGiveTheSameBits) {
  for (const char *balancer : {"static", "fusco", "blend"}) {
    SCOPED_TRACE(balancer);
    ASSERT_EQ(::setenv("FARO_BALANCER", balancer, 1), 0);
    for (uint32_t seed : {3u, 11u, 17u})
      for (uint32_t nodes : {2u, 3u}) {
        Shape shape = onNodes(randomShape(seed), nodes);
        shape.ranks = 8;
        shape.routing = RoutingKind::Zipf;
        runShape(shape, 1);
      }
  }
  ::unsetenv("FARO_BALANCER");
}

TEST(AcrossNodesAtLarge, ABalancerThatDoesNotExistIsRefused) {
  auto module = compiled({.ranks = 2, .nodes = 2});
  ASSERT_TRUE(module);
  ASSERT_EQ(::setenv("FARO_BALANCER", "fair", 1), 0);
  std::vector<Status> status(2);
  runRanks(2, 2, std::chrono::seconds(20), [&](uint32_t rank, std::shared_ptr<Communicator> &mine) {
    status[rank] = Session::create(mine, module).status();
  });
  ::unsetenv("FARO_BALANCER");
  for (const Status &each : status)
    EXPECT_NE(each.message().find("fair"), std::string::npos) << each.message();
}
