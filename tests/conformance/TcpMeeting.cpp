#include "tests/conformance/TcpMeeting.h"

#include <thread>
#include <unistd.h>

namespace faro::test {

CommunicatorOptions TcpMeeting::optionsOf(uint32_t rank, uint32_t worldSize, Nanoseconds timeout) const {
  CommunicatorOptions options;
  options.rank = rank;
  options.worldSize = worldSize;
  options.masterPort = port;
  options.jobSecret = "test secret";
  options.timeout = timeout;
  return options;
}

void TcpMeeting::meet(uint32_t ranks, const Body &body) const {
  std::vector<std::thread> threads;
  for (uint32_t rank = 0; rank < ranks; ++rank)
    threads.emplace_back([&, rank] {
      auto self = TcpBootstrap::create(optionsOf(rank, ranks));
      ASSERT_TRUE(self) << self.status().message();
      body(**self, rank);
    });
  for (std::thread &thread : threads)
    thread.join();
}

std::vector<Status> TcpMeeting::come(const std::vector<CommunicatorOptions> &all) {
  std::vector<Status> answers(all.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < all.size(); ++i)
    threads.emplace_back([&, i] { answers[i] = TcpBootstrap::create(all[i]).status(); });
  for (std::thread &thread : threads)
    thread.join();
  return answers;
}

bool eventually(const std::function<bool()> &so) {
  const auto deadline = Clock::now() + std::chrono::seconds(10);
  while (!so() && Clock::now() < deadline)
    usleep(1000);
  return so();
}

Status hear(Bootstrap &self) {
  const auto deadline = Clock::now() + std::chrono::seconds(5);
  Status status;
  while ((status = self.check()) && Clock::now() < deadline)
    usleep(1000);
  return status;
}

} // namespace faro::test
