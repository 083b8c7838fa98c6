// What every transport is held to. A transport joins by a line in Suite.cpp.
#pragma once

#include "faro/transport.h"
#include "tests/conformance/Ranks.h"

#include <chrono>
#include <gtest/gtest.h>
#include <map>

namespace faro::test {

struct Candidate {
  const char *label;     ///< in the test's name
  const char *transport; ///< libfaro_transport_<transport>.so
  RankKind kind;
  bool maps;                                      ///< whether `pointer` must give one: all ranks are on this machine
  std::map<std::string, std::string> environment; ///< set in the ranks' processes before the transport is loaded
};
std::ostream &operator<<(std::ostream &out, const Candidate &candidate);

const std::vector<Candidate> &candidates();

struct Received {
  uint32_t rank, tag;
  std::string bytes;
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

private:
  static void onMessage(void *self, uint32_t rank, uint32_t tag, const void *data, size_t bytes);
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

#define FARO_CONFORMANCE(suite)                                                                                        \
  INSTANTIATE_TEST_SUITE_P(All, suite, ::testing::ValuesIn(candidates()),                                              \
                           [](const auto &info) { return std::string(info.param.label); })

} // namespace faro::test
