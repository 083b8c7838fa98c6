// FARO_CHECK=1 of a batch that is planned on a device: what the host would have planned is accepted, all else is named.
// The lists are written by hand, where kernels would write them.
#include "runtime/device/cuda/ShuffleCheck.h"
#include "runtime/plan/Planner.h"
#include "tests/runtime/device/PlannedRanks.h"

#include <gtest/gtest.h>
#include <random>

using namespace faro;
using namespace faro::cuda;
using namespace faro::test;

namespace {

class ShuffleChecks : public ::testing::Test {
protected:
  static constexpr int64_t Tokens = 20, MostRows = 400;

  ShuffleChecks()
      : module(load("aligned")), abi(*module->find("dispatch")), map(*makeExpertMap(abi.routes, 1)),
        device(*Device::open(0)) {
    EXPECT_TRUE(device->makeCurrent());
    const auto ranks = Communicator::createLocal(1, std::chrono::seconds(5));
    plan = std::move(*PlanMemory::create(ranks->front(), device, abi, map, {Tokens, MostRows, /*inPlace=*/false}));
    check = std::move(*ShuffleCheck::create(device, abi, map, *plan, Tokens));
    stream = std::move(*Stream::create(device));
    idx = std::move(*Memory::allocate(device, size_t(Tokens) * abi.routes.topk * sizeof(int64_t)));
  }

  template <typename T> void write(uint64_t to, const std::vector<T> &values) {
    EXPECT_TRUE(stream->toDevice(to, values.data(), values.size() * sizeof(T)));
    EXPECT_TRUE(stream->wait());
  }
  template <typename T> T read(uint64_t from) {
    T value{};
    EXPECT_TRUE(stream->toHost(&value, from, sizeof value));
    EXPECT_TRUE(stream->wait());
    return value;
  }

  /// What kernels do for a batch.
  void planOnDevice() {
    std::mt19937 random(7);
    std::vector<int64_t> choices(size_t(Tokens) * abi.routes.topk);
    for (int64_t &expert : choices)
      expert = int64_t(random() % (abi.routes.experts + 1)) - 1;
    const TopkIdx routing{choices.data(), Tokens};
    const auto counts = *countItems(abi.routes, 0, routing);
    const Plan host = *makePlan(abi, map, 0, counts, routing);
    std::vector<uint32_t> board;
    for (const uint32_t expert : map.expertsBy)
      board.push_back(counts[expert]);
    std::vector<uint64_t> destinations, sources;
    for (const Place &place : host.places) {
      destinations.push_back(plan->receivedOf(place.rank) + place.row * abi.row.stride);
      sources.push_back(plan->outputsOf(place.rank) + place.row * abi.row.stride);
    }
    const faro_abi_plan_area &area = plan->area();
    write(idx.address(), choices);
    write(plan->board(), board);
    write(area.list_offsets, host.offsets);
    write(area.destinations, destinations);
    write(area.sources, sources);
    write(area.choices, host.choices);
    write(area.rows, host.rowsOfRank);
    write(area.expert_offsets, host.expertOffsets);
    write(area.expert_counts, host.expertCounts);
    keep();
  }
  void keep() {
    EXPECT_TRUE(check->keep(*stream, reinterpret_cast<const int64_t *>(uintptr_t(idx.address())), Tokens, nullptr));
    EXPECT_TRUE(stream->wait());
  }

  /// With this value there, the check finds a fault of these words.
  template <typename T> void expectNoticed(uint64_t at, T value, std::initializer_list<const char *> words) {
    const T before = read<T>(at);
    write(at, std::vector{value});
    const Status found = check->compare(*stream);
    EXPECT_EQ(found.code(), FARO_INTERNAL) << found.message();
    for (const char *word : words)
      EXPECT_NE(found.message().find(word), std::string::npos) << word << ": " << found.message();
    write(at, std::vector{before});
  }
  template <typename T>
  void expectMoreNoticed(uint64_t list, size_t entry, T more, std::initializer_list<const char *> words) {
    const uint64_t at = list + entry * sizeof(T);
    expectNoticed(at, T(read<T>(at) + more), words);
  }

  std::shared_ptr<const Module> module;
  const faro_abi_program &abi;
  const ExpertMap map;
  std::shared_ptr<Device> device;
  std::unique_ptr<PlanMemory> plan;
  std::unique_ptr<ShuffleCheck> check;
  std::unique_ptr<Stream> stream;
  Memory idx;
};

} // namespace

TEST_F(ShuffleChecks, acceptWhatTheHostPlans) {
  Status found = check->compare(*stream);
  EXPECT_TRUE(found) << "before there was a batch: " << found.message();
  planOnDevice();
  found = check->compare(*stream);
  EXPECT_TRUE(found) << found.message();
}

TEST_F(ShuffleChecks, nameTheTokenAndTheChoice) {
  planOnDevice();
  const faro_abi_plan_area &area = plan->area();
  const uint64_t stride = abi.row.stride;
  expectMoreNoticed<uint32_t>(area.list_offsets, 3, 1, {"FARO_CHECK", "rank 0, token 3", "begin at"});
  expectMoreNoticed<uint32_t>(area.choices, 0, 1, {"rank 0, token 0", "in its stead"});
  expectMoreNoticed<uint64_t>(area.destinations, 0, stride, {"rank 0, token 0", "stored to row", "expected row"});
  expectMoreNoticed<uint64_t>(area.destinations, 0, 1, {"within a row"});
  expectNoticed<uint64_t>(area.destinations, 64, {"0x40", "nobody's window"});
  expectMoreNoticed<uint64_t>(area.sources, 1, stride, {"rank 0, token", "come back from row"});
}

TEST_F(ShuffleChecks, nameTheRankAndTheExpert) {
  planOnDevice();
  const faro_abi_plan_area &area = plan->area();
  expectMoreNoticed<uint64_t>(area.rows, 0, 1, {"rows for rank 0"});
  expectMoreNoticed<int64_t>(area.expert_counts, 1, 1, {"local expert 1"});
  expectMoreNoticed<int64_t>(area.expert_offsets, 2, 1, {"local expert 1"});
  write(plan->board(), std::vector{read<uint32_t>(plan->board()) + 1});
  const Status before = check->compare(*stream);
  EXPECT_TRUE(before) << "the board may change when the plan is made: " << before.message();
  keep();
  const Status found = check->compare(*stream);
  EXPECT_NE(found.message().find("items for expert"), std::string::npos) << found.message();
}
