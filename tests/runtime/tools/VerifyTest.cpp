// A verification that cannot fail proves nothing: right results are built by hand, then one thing is made wrong.
#include "runtime/tools/faro-run/Verify.h"

#include <cstring>
#include <gtest/gtest.h>

namespace faro::run {
namespace {

constexpr uint64_t Columns = 3;
constexpr uint32_t Topk = 2;

/// Two ranks; the tokens' numbers say where they come from.
class TwoRanks final : public Inputs {
public:
  // Rank 0: token 0 to experts 0 and 2, token 1 to expert 0 twice. Rank 1: token 0 to expert 1, the other choice
  // dropped.
  const std::vector<std::vector<int64_t>> topkIdx{{0, 2, 0, 0}, {1, -1}};
  Status check() const override { return Status::ok(); }
  Expected<RankInput> read(uint32_t rank, bool) const override {
    RankInput input;
    input.routing = {topkIdx[rank], topkIdx[rank].size() / Topk};
    input.weights.assign(topkIdx[rank].size(), 0.5f);
    input.rows = reinterpret_cast<const std::byte *>(rank ? one : zero);
    return input;
  }
  const std::byte *row(uint32_t, const RankInput &input, uint64_t token, std::byte *) const override {
    return input.rows + token * Columns * sizeof(float);
  }
  std::string describe() const override { return "by hand"; }
  float zero[2 * Columns] = {1, 2, 3, 11, 12, 13};
  const float one[Columns] = {101, 102, 103};
};

/// Rank 0 holds experts 0 and 1; groups start at multiples of 4.
class VerifyTest : public ::testing::Test {
protected:
  VerifyTest() {
    job.topology = Topology::oneNode(2);
    job.reference.element = reference::Element::F32;
    job.reference.columns = Columns;
    job.reference.topk = Topk;
    job.reference.placement = layout::Placement::block(3);
    const layout::Key keys[] = {layout::Key::Expert, layout::Key::Source, layout::Key::Token};
    job.reference.layout = {*layout::Order::complete(keys), 4};
    job.combineReference = job.reference;
    job.combine = &combineProgram;
    expect();
  }
  void expect() {
    auto made = Verifier::create(job, 0, inputs, *inputs.read(0, true), experts);
    verifier.emplace(std::move(*made));
  }
  Received received() { return {{recv, 8, 4 * sizeof(float)}, offsets, counts}; }
  Findings check() {
    Findings findings;
    verifier->checkReceived(received(), findings);
    verifier->checkSources(sources, findings);
    verifier->checkCombined({combined, 2, sizeof combined[0]}, findings);
    return findings;
  }
  void expectFound(const std::string &words, uint64_t differences = 1) {
    const Findings findings = check();
    EXPECT_EQ(findings.differences, differences);
    EXPECT_NE(findings.first().find(words), std::string::npos) << findings.first();
    EXPECT_EQ(findings.first().rfind("rank 0: ", 0), 0u) << findings.first();
  }

  TwoRanks inputs;
  Job job;
  faro_abi_program combineProgram{};
  ExpertsFunction experts{ExpertsFn::Scale, reference::Element::F32, Columns};
  std::optional<Verifier> verifier;

  // Rows lie four columns apart; what lies between (99) is nobody's business.
  float recv[8][4] = {{1, 2, 3, 99},       {11, 12, 13, 99}, {11, 12, 13, 99}, {0, 0, 0, 99},
                      {101, 102, 103, 99}, {0, 0, 0, 99},    {0, 0, 0, 99},    {0, 0, 0, 99}};
  std::vector<int64_t> offsets{0, 4, 8}, counts{3, 1};
  std::vector<Source> sources{{0, 0, 0}, {0, 1, 0},    {0, 1, 1},    {-1, -1, -1},
                              {1, 0, 0}, {-1, -1, -1}, {-1, -1, -1}, {-1, -1, -1}};
  // Token 0: half of x/8 (expert 0) and half of 3x/8 (expert 2); token 1: half of x/8, twice.
  float combined[2][Columns] = {{0.25f, 0.5f, 0.75f}, {1.375f, 1.5f, 1.625f}};
};

TEST_F(VerifyTest, RightResultsAreRight) {
  const Findings findings = check();
  EXPECT_EQ(findings.differences, 0u) << findings.first();
  EXPECT_EQ(findings.rows, 4u);
  EXPECT_EQ(findings.padding, 4u);
  EXPECT_EQ(findings.combined, 2u);
}

TEST_F(VerifyTest, AWrongBit) {
  recv[4][2] = 103.0000076f;
  expectFound("recv row 4 (expert 1, from rank 1, token 0, choice 0), column 2");
}

TEST_F(VerifyTest, MinusZeroIsNotZero) {
  recv[6][0] = -0.0f;
  expectFound("recv row 6 (padding), column 0: expected 0 (0x00000000), found -0 (0x80000000)");
}

TEST_F(VerifyTest, RowsInAnotherOrder) {
  std::swap(recv[0], recv[1]);
  expectFound("recv row 0", 2 * Columns);
}

TEST_F(VerifyTest, RowMissing) {
  Findings findings;
  Received less = received();
  less.rows.rows = 7;
  verifier->checkReceived(less, findings);
  EXPECT_EQ(findings.first(), "rank 0: recv has 7 rows, expected 8");
}

TEST_F(VerifyTest, WrongOffset) {
  offsets[1] = 3;
  expectFound("expert_offsets[1]: expected 4, found 3");
}

TEST_F(VerifyTest, WrongCount) {
  counts = {3};
  expectFound("expert_counts has 1 entries, expected 2");
}

TEST_F(VerifyTest, WrongSource) {
  sources[2].choice = 0;
  expectFound("recv_source row 2: expected (0, 1, 1), found (0, 1, 0)");
}

TEST_F(VerifyTest, WrongSum) {
  combined[1][0] = 1.3750001f;
  expectFound("combined token 1, column 0");
}

TEST_F(VerifyTest, AcrossNodesSharesAreRounded) {
  // Half of 258/8 = 16.125 is a bf16, half of 3 x 258/8 = 48.375 is a tie between two, of which 48.5 is even.
  inputs.zero[0] = recv[0][0] = 258;
  job.combineReference->partial = reference::Element::BF16;
  expect();
  combined[0][0] = 64.5f;
  EXPECT_EQ(check().differences, 0u) << check().first();
  job.topology = Topology::blocks(2, 2);
  expect();
  expectFound("combined token 0, column 0: expected 64.625");
  combined[0][0] = 64.625f;
  EXPECT_EQ(check().differences, 0u) << check().first();
}

TEST_F(VerifyTest, CombinedTokenMissing) {
  Findings findings;
  verifier->checkCombined({combined, 1, sizeof combined[0]}, findings);
  EXPECT_EQ(findings.differences, 1u);
}

} // namespace
} // namespace faro::run
