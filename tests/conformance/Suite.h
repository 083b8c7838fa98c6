// What every transport is held to. A transport joins by a line in Suite.cpp.
#pragma once

#include "faro/transport.h"
#include "tests/conformance/Ranks.h"

#include <chrono>
#include <deque>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <thread>

namespace faro::test {

struct Candidate {
  std::string label;     ///< in the test's name
  std::string transport; ///< libfaro_transport_<transport>.so
  RankKind kind;
  bool maps;                                      ///< whether `pointer` must give one: all ranks are on this machine
  std::map<std::string, std::string> environment; ///< set in the ranks' processes before the transport is loaded
  bool severalNodes = false;                      ///< see nodeOf
  bool thorough = false;                          ///< another way of UCX's, with the same code of ours
};

/// The node of a rank of a candidate with several nodes: they differ in size and have strange numbers.
constexpr uint32_t nodeOf(uint32_t rank) { return rank % 3 == 0 ? 5 : 2; }

std::ostream &operator<<(std::ostream &out, const Candidate &candidate);

const std::vector<Candidate> &candidates();
/// Those whose ranks are all on one node.
std::vector<Candidate> candidatesOfOneNode();
std::vector<Candidate> candidatesOfSeveralNodes();

struct Received {
  uint32_t rank, tag;
  std::string bytes;
};

/// A slice on its way to this rank, or there.
struct Landing {
  uint32_t rank;
  uint64_t tag;
  std::string bytes;
  size_t rowBytes = 0; ///< more, in memory of a device
  enum { Placed, Arrived, Lost } state = Placed;
};

constexpr int64_t Second = 1'000'000'000;

/// One rank's open transport in a test. Opens, connects to all others, and closes at its end.
class Rank {
public:
  Rank(const Candidate &candidate, const std::string &job, Blackboard &board, uint32_t rank, bool connect = true);
  ~Rank();

  const faro_transport *operator->() const { return table; }
  /// Looks for messages until `done`, or for `seconds`. Sleeps where the transport can.
  bool until(const std::function<bool()> &done, double seconds = 20);
  /// Exchanges a message with all others; `inbox` is empty again afterwards. Then all connections stand.
  void greet();
  /// All ranks are here, and each has gone on with communication until the others were.
  void barrier();
  /// Everybody's key for `region`.
  std::vector<std::string> keys(faro_region *region);
  void close();

  const faro_transport *table = nullptr;
  faro_transport_context *context = nullptr;
  Blackboard &board;
  const uint32_t rank;
  const uint32_t size;
  std::vector<Received> inbox;
  std::deque<Landing> landings; ///< in the order in which places were asked for
  bool refuses = false;         ///< slices
  bool readsWhole = false;      ///< slices with tags 0 and 1 of each four, where the transport asks
  uint32_t wholes = 0;          ///< how many of them were read so
  /// Where rows of a slice land; in attached memory.
  std::function<void *(size_t rowBytes)> placeRows = [](size_t) { return nullptr; };
  std::vector<uint64_t> sent; ///< tokens

private:
  /// Handlers run on the rank's own thread.
  static Rank &self(void *user);
  Landing &landing(uint32_t from, uint64_t tag, size_t bytes);
  static void onMessage(void *self, uint32_t rank, uint32_t tag, const void *data, size_t bytes);
  static int onWhole(void *self, uint32_t rank, uint64_t tag, const void *data, size_t bytes);
  static faro_place onPlace(void *self, uint32_t rank, uint64_t tag, size_t bytes, size_t rowBytes);

  const std::thread::id thread_ = std::this_thread::get_id();
};

/// The table, loaded into this process.
const faro_transport *loadTable(const Candidate &candidate);

class Conformance : public ::testing::TestWithParam<Candidate> {
protected:
  /// Skips the test where the transport does not announce `capabilities`.
  void SetUp() override;
  virtual uint32_t needs() const { return 0; }
  uint32_t capabilities() const;
  void run(uint32_t ranks, const std::function<void(Rank &)> &body, bool connect = true,
           const std::vector<uint32_t> &toBeKilled = {});
};

class Mapping : public Conformance {
  uint32_t needs() const override { return FARO_CAN_MAP; }
};
class Putting : public Conformance {
  uint32_t needs() const override { return FARO_CAN_PUT; }
};
class Messages : public Conformance {
  uint32_t needs() const override { return FARO_CAN_MESSAGE; }
};
class Nodes : public Conformance {
  uint32_t needs() const override { return FARO_CAN_MAP; }
};
class Slices : public Conformance {
  uint32_t needs() const override { return FARO_CAN_DELIVER; }
};
class DeviceRows : public Conformance {
  uint32_t needs() const override { return FARO_CAN_DELIVER | FARO_CAN_DEVICE; }
};
class Sleeping : public Conformance {
  uint32_t needs() const override { return FARO_CAN_SLEEP; }
};
class Detection : public Conformance {
  uint32_t needs() const override { return FARO_CAN_DETECT; }
};

/// A call that must work; prints what the transport says when it does not.
#define EXPECT_FARO_OK(rank, call)                                                                                     \
  do {                                                                                                                 \
    const faro_status code_ = (call);                                                                                  \
    EXPECT_EQ(code_, FARO_OK) << #call << " on rank " << (rank).rank << ": " << (rank)->last_error();                  \
  } while (false)
#define ASSERT_FARO_OK(rank, call)                                                                                     \
  do {                                                                                                                 \
    const faro_status code_ = (call);                                                                                  \
    ASSERT_EQ(code_, FARO_OK) << #call << " on rank " << (rank).rank << ": " << (rank)->last_error();                  \
  } while (false)
/// A call that must be refused, with a message.
#define EXPECT_FARO_REFUSED(rank, code, call)                                                                          \
  do {                                                                                                                 \
    EXPECT_EQ((call), code) << #call << " on rank " << (rank).rank << ": " << (rank)->last_error();                    \
    EXPECT_STRNE((rank)->last_error(), "") << #call;                                                                   \
  } while (false)

#define FARO_CONFORMANCE_OF(suite, who)                                                                                \
  INSTANTIATE_TEST_SUITE_P(All, suite, ::testing::ValuesIn(who),                                                       \
                           [](const auto &info) { return std::string(info.param.label); })
#define FARO_CONFORMANCE(suite) FARO_CONFORMANCE_OF(suite, candidates())

} // namespace faro::test
