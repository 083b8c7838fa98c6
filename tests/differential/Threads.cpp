#include "tests/differential/Threads.h"

#include <gtest/gtest.h>
#include <thread>

namespace faro::differential {

void runRanks(uint32_t ranks, uint32_t nodes, Nanoseconds timeout,
              const std::function<void(uint32_t rank, std::shared_ptr<Communicator> &mine)> &body) {
  auto all = Communicator::createLocal(ranks, timeout, nodes);
  ASSERT_TRUE(all) << all.status().message();
  std::vector<std::thread> threads;
  for (uint32_t rank = 0; rank < ranks; ++rank)
    threads.emplace_back([&, rank] { body(rank, (*all)[rank]); });
  for (std::thread &thread : threads)
    thread.join();
}

std::shared_ptr<const Module> compiled(const Shape &shape) {
  auto module = Module::compile(shape.spec(), "spec.mlir");
  EXPECT_TRUE(module) << module.status().message() << "\n" << shape.spec();
  return module ? *module : nullptr;
}

void runShape(const Shape &shape, int batches, const Disturbance &disturbance) {
  if (auto module = compiled(shape))
    runShape(shape, module, batches, disturbance);
}

void runShape(const Shape &shape, const std::shared_ptr<const Module> &module, int batches,
              const Disturbance &disturbance) {
  SCOPED_TRACE(shape.describe());
  std::vector<std::vector<Input>> inputs(static_cast<size_t>(batches));
  for (int b = 0; b < batches; ++b) {
    Shape batch = shape;
    batch.seed += uint32_t(b) * 7919;
    for (uint32_t rank = 0; rank < shape.ranks; ++rank)
      inputs[size_t(b)].push_back(makeInput(batch, rank));
  }
  const Topology topology = Topology::blocks(shape.ranks, shape.nodes);
  std::vector<std::string> wrong(shape.ranks);
  runRanks(shape.ranks, shape.nodes, std::chrono::seconds(60), [&](uint32_t rank, std::shared_ptr<Communicator> &mine) {
    // Ends with its thread: a rank that has failed does not keep the others.
    const std::shared_ptr<Communicator> communicator = std::move(mine);
    auto session = Session::create(communicator, module);
    if (!session) {
      wrong[rank] = session.status().message();
      return;
    }
    for (int b = 0; b < batches && wrong[rank].empty(); ++b) {
      disturbance.before(rank, b);
      wrong[rank] = runAndCompare(**session, *module, topology, rank, inputs[size_t(b)],
                                  ExpertMemory((shape.seed + uint32_t(b)) % 3));
      // A difference ends this rank's part; the others must not wait for it.
      if (!wrong[rank].empty())
        communicator->abort({FARO_INTERNAL, "rank " + std::to_string(rank) + " found a difference"});
    }
  });
  for (uint32_t rank = 0; rank < shape.ranks; ++rank)
    EXPECT_EQ(wrong[rank], "") << "rank " << rank;
}

} // namespace faro::differential
