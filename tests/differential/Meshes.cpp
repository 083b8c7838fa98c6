// Modules and jobs that do not fit each other are refused by all ranks when they open their sessions.
#include "tests/differential/Threads.h"

#include <gtest/gtest.h>

using namespace faro;
using namespace faro::differential;

TEST(Mesh, modulesOfDifferentSpecsAreFoundOut) {
  auto one = compiled({}), two = compiled({.columns = 3});
  ASSERT_TRUE(one && two);
  runRanks(2, 1, std::chrono::seconds(20), [&](uint32_t rank, std::shared_ptr<Communicator> &mine) {
    auto session = Session::create(mine, rank == 0 ? one : two);
    EXPECT_NE(session.status().message().find("another spec"), std::string::npos) << session.status().message();
  });
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
    runRanks(each.ranks, each.nodes, std::chrono::seconds(20), [&](uint32_t, std::shared_ptr<Communicator> &mine) {
      auto session = Session::create(mine, *module);
      if (!each.error)
        EXPECT_TRUE(session) << session.status().message();
      else
        EXPECT_NE(session.status().message().find(each.error), std::string::npos) << session.status().message();
    });
  }
}
