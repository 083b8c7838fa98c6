#include "tests/conformance/Suite.h"

#include "runtime/core/TransportPlugin.h"
#include "tests/support/Some.h"

#include <atomic>
#include <cstdlib>
#include <ostream>
#include <unistd.h>

namespace faro::test {

const std::vector<Candidate> &candidates() {
  static const std::vector<Candidate> everybody = {
      {"local", "local", RankKind::Threads, true, {}},
      {"local_nodes", "local", RankKind::Threads, false, {}, true},
      {"ucx", "ucx", RankKind::Processes, true, {}},
      {"ucx_rendezvous", "ucx", RankKind::Processes, true, {{"UCX_RNDV_THRESH", "0"}}, false, true},
      // Several nodes on one machine: tcp between them, shared memory within.
      {"ucx_nodes", "ucx", RankKind::Processes, false, {}, true},
      // What a network with RDMA does with long slices, as far as tcp can.
      {"ucx_nodes_rendezvous", "ucx", RankKind::Processes, false, {{"UCX_RNDV_THRESH", "0"}}, true},
      // A UCX that says it knows CUDA, over the host's memory: FakeUcxDevice.cpp.
      {"ucx_nodes_device", "ucx", RankKind::Processes, false, {{"FAKE_UCX_DEVICE", "1"}}, true},
      {"ucx_nodes_device_rendezvous",
       "ucx",
       RankKind::Processes,
       false,
       {{"FAKE_UCX_DEVICE", "1"}, {"UCX_RNDV_THRESH", "0"}},
       true,
       true},
      // The user's own list of transports; the wire takes what is no shared memory of it.
      {"ucx_nodes_listed", "ucx", RankKind::Processes, false, {{"UCX_TLS", "sm,tcp,self"}}, true, true},
      // Memory that cannot be mapped.
      {"ucx_tcp", "ucx", RankKind::Processes, false, {{"UCX_TLS", "tcp,self"}, {"UCX_NET_DEVICES", "lo"}}},
      // What is left where System V's shared memory is switched off.
      {"ucx_posix", "ucx", RankKind::Processes, true, {{"UCX_TLS", "posix,tcp,self"}}, false, true},
      // Shared memory between the ranks, but not for their regions.
      {"ucx_private", "ucx", RankKind::Processes, false, {{"UCX_ALLOC_PRIO", "mmap"}}},
  };
  static const std::vector<Candidate> all = [] {
    std::vector<Candidate> chosen;
    // Somebody else's, on one node and on several: docs/transports.md.
    if (const char *others = std::getenv("FARO_TEST_TRANSPORT")) {
      constexpr std::string_view Threads = ":threads";
      std::string name = others;
      const bool threads = name.ends_with(Threads);
      if (threads)
        name.resize(name.size() - Threads.size());
      const RankKind kind = threads ? RankKind::Threads : RankKind::Processes;
      chosen.push_back({name, name, kind, true, {}});
      chosen.push_back({name + "_nodes", name, kind, false, {}, true});
    }
    for (const Candidate &candidate : everybody)
      if ((!ThreadsOnly || candidate.kind == RankKind::Threads) && !(Sanitized && candidate.thorough))
        chosen.push_back(candidate);
    return chosen;
  }();
  return all;
}

static std::vector<Candidate> candidatesWith(bool severalNodes) {
  std::vector<Candidate> chosen = candidates();
  std::erase_if(chosen, [&](const Candidate &candidate) { return candidate.severalNodes != severalNodes; });
  return chosen;
}

std::vector<Candidate> candidatesOfOneNode() { return candidatesWith(false); }
std::vector<Candidate> candidatesOfSeveralNodes() { return candidatesWith(true); }

std::ostream &operator<<(std::ostream &out, const Candidate &candidate) { return out << candidate.label; }

const faro_transport *loadTable(const Candidate &candidate) {
  for (const auto &[name, value] : candidate.environment)
    setenv(name.c_str(), value.c_str(), 1);
  auto table = loadTransport(candidate.transport);
  EXPECT_TRUE(table) << table.status().message();
  return table ? *table : nullptr;
}

Rank &Rank::self(void *user) {
  auto &self = *static_cast<Rank *>(user);
  EXPECT_EQ(std::this_thread::get_id(), self.thread_) << "a handler of rank " << self.rank << " on another thread";
  return self;
}

void Rank::onMessage(void *user, uint32_t rank, uint32_t tag, const void *data, size_t bytes) {
  self(user).inbox.push_back({rank, tag, std::string(static_cast<const char *>(data), bytes)});
}

faro_place Rank::onPlace(void *user, uint32_t rank, uint64_t tag, size_t bytes, size_t rowBytes) {
  Rank &me = self(user);
  if (me.refuses)
    return {};
  me.landings.push_back({rank, tag, std::string(bytes, '?'), rowBytes});
  return {me.landings.back().bytes.data(), rowBytes ? me.placeRows(rowBytes) : nullptr};
}

int Rank::onWhole(void *user, uint32_t rank, uint64_t tag, const void *data, size_t bytes) {
  Rank &me = self(user);
  if (!me.readsWhole || tag % 4 > 1)
    return 0;
  me.landings.push_back({rank, tag, std::string(static_cast<const char *>(data), bytes), 0, Landing::Arrived});
  ++me.wholes;
  return 1;
}

Landing &Rank::landing(uint32_t from, uint64_t tag, size_t bytes) {
  for (Landing &landing : landings)
    if (landing.rank == from && landing.tag == tag && landing.state == Landing::Placed) {
      EXPECT_EQ(landing.bytes.size() + landing.rowBytes, bytes) << "a slice changed its size";
      return landing;
    }
  ADD_FAILURE() << "the slice " << tag << " of rank " << from << " has no place on rank " << rank;
  return landings.emplace_back();
}

Rank::Rank(const Candidate &candidate, const std::string &job, Blackboard &board, uint32_t rank, bool connect)
    : board(board), rank(rank), size(board.ranks()) {
  table = loadTable(candidate);
  if (!table)
    return;
  faro_transport_config config{};
  config.struct_size = sizeof config;
  config.rank = rank;
  config.world_size = size;
  config.job = job.c_str();
  config.user = this;
  config.on_message = onMessage;
  config.on_place = onPlace;
  config.on_whole = onWhole;
  config.on_arrived = [](void *user, uint32_t from, uint64_t tag, size_t bytes) {
    self(user).landing(from, tag, bytes).state = Landing::Arrived;
  };
  config.on_lost = [](void *user, uint32_t from, uint64_t tag, size_t bytes) {
    self(user).landing(from, tag, bytes).state = Landing::Lost;
  };
  config.on_sent = [](void *user, uint64_t token) { self(user).sent.push_back(token); };
  std::vector<uint32_t> nodes;
  for (uint32_t each = 0; each < size; ++each)
    nodes.push_back(nodeOf(each));
  config.node_of = candidate.severalNodes ? nodes.data() : nullptr;
  config.loopback_only = 1;
  if (table->open(&config, &context) != FARO_OK) {
    ADD_FAILURE() << "open on rank " << rank << ": " << table->last_error();
    context = nullptr;
  }
  const void *address = nullptr;
  size_t bytes = 0;
  if (context && table->address(context, &address, &bytes) != FARO_OK)
    ADD_FAILURE() << "address on rank " << rank << ": " << table->last_error();
  const auto addresses = board.exchange(rank, std::string(static_cast<const char *>(address), bytes));
  if (!context || !connect)
    return;
  EXPECT_EQ(addresses.size(), size) << "a rank did not come";
  for (uint32_t peer = 0; peer < addresses.size(); ++peer)
    if (peer != rank && table->connect(context, peer, addresses[peer].data(), addresses[peer].size()) != FARO_OK)
      ADD_FAILURE() << "connecting rank " << rank << " to " << peer << ": " << table->last_error();
}

Rank::~Rank() { close(); }

void Rank::close() {
  if (!context)
    return;
  const auto start = std::chrono::steady_clock::now();
  table->close(context, 2 * Second);
  context = nullptr;
  // Twice the bound: the machine may be busy with other ranks.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(4)) << "close must honour its time-out";
}

bool Rank::until(const std::function<bool()> &done, double seconds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline)
      return false;
    if (table->progress(context))
      continue;
    if (table->capabilities & FARO_CAN_SLEEP)
      EXPECT_EQ(table->sleep(context, Second / 100), FARO_OK) << table->last_error();
    else
      usleep(100);
  }
  return true;
}

void Rank::greet() {
  for (uint32_t peer = 0; peer < size; ++peer)
    if (peer != rank)
      EXPECT_EQ(table->send(context, peer, 0, "hello", 5), FARO_OK) << table->last_error();
  EXPECT_TRUE(until([&] { return inbox.size() == size - 1; })) << inbox.size() << " greetings on rank " << rank;
  inbox.clear(); // before the barrier, during which those who have left it may already send
  barrier();
}

void Rank::barrier() {
  // Whoever closes next must not break connections that others are still making.
  if (table->capabilities & FARO_CAN_PUT)
    EXPECT_EQ(table->flush(context, 10 * Second), FARO_OK) << table->last_error();
  // A rank that makes no progress holds up what others sent to it, and what it sent itself.
  const auto progress = [&] {
    while (table->progress(context)) {
    }
  };
  EXPECT_TRUE(board.barrier(size, progress)) << "a rank did not come to the barrier";
}

std::vector<std::string> Rank::keys(faro_region *region) {
  const void *key = nullptr;
  size_t bytes = 0;
  EXPECT_EQ(table->key(region, &key, &bytes), FARO_OK) << table->last_error();
  return board.exchange(rank, std::string(static_cast<const char *>(key), bytes));
}

uint32_t Conformance::capabilities() const {
  static std::map<std::string, uint32_t> known;
  const Candidate &candidate = GetParam();
  if (auto found = known.find(candidate.label); found != known.end())
    return found->second;
  // In a child: this process must not have touched UCX when it forks ranks.
  const std::string text = inChild([&] {
    const faro_transport *table = loadTable(candidate);
    return table ? std::to_string(table->capabilities) : std::string();
  });
  EXPECT_NE(text, "") << "the transport " << candidate.label << " could not be loaded";
  return known[candidate.label] = text.empty() ? 0 : uint32_t(std::stoul(text));
}

void Conformance::SetUp() {
  if ((capabilities() & needs()) != needs())
    GTEST_SKIP() << GetParam().label << " does not announce this capability";
}

void Conformance::run(uint32_t ranks, const std::function<void(Rank &)> &body, bool connect,
                      const std::vector<uint32_t> &toBeKilled) {
  static std::atomic<int> jobs{0};
  const std::string job = "conformance-" + std::to_string(getpid()) + "-" + std::to_string(jobs++);
  Blackboard board(ranks);
  runRanks(
      GetParam().kind, ranks,
      [&](uint32_t number) {
        Rank rank(GetParam(), job, board, number, connect);
        if (rank.context)
          body(rank);
      },
      toBeKilled);
}

} // namespace faro::test
