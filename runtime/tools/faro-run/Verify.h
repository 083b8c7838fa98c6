// Compares what a rank got with what the reference interpreter says it should have got, bit for bit.
#pragma once

#include "faro/session.h"
#include "runtime/tools/faro-run/ExpertsFunction.h"
#include "runtime/tools/faro-run/Inputs.h"
#include "runtime/tools/faro-run/Job.h"

#include <span>
#include <string>
#include <vector>

namespace faro::run {

/// What was compared, and what differed.
struct Findings {
  uint64_t rows = 0;        ///< received rows compared, without padding
  uint64_t padding = 0;     ///< padding rows compared (with zeros)
  uint64_t combined = 0;    ///< combined tokens compared
  uint64_t differences = 0; ///< wrong elements, offsets, counts and sources
  /// Where the first difference is, in what was received and in what was combined: expected and found.
  std::string firstReceived, firstCombined;
  /// A wrong row explains a wrong sum.
  const std::string &first() const { return firstReceived.empty() ? firstCombined : firstReceived; }
};

/// One rank's expectations. They are computed once, from the inputs of all ranks, for any number of repeats.
class Verifier {
public:
  /// `inputs` and `experts` outlive the verifier.
  static Expected<Verifier> create(const Job &job, uint32_t rank, const Inputs &inputs, const RankInput &own,
                                   const ExpertsFunction &experts);

  /// recv, expert_offsets and expert_counts.
  void checkReceived(const Received &received, Findings &findings) const;
  /// recv_source.
  void checkSources(std::span<const Source> sources, Findings &findings) const;
  /// combined: rows of this rank's tokens.
  void checkCombined(ConstRows combined, Findings &findings) const;

private:
  Verifier(const Job &job, uint32_t rank, const Inputs &inputs) : job_(&job), rank_(rank), inputs_(&inputs) {}
  void expectCombined(const RankInput &own, const ExpertsFunction &experts);
  void checkNumbers(const char *what, std::span<const int64_t> found, const std::vector<int64_t> &expected,
                    Findings &findings) const;
  using First = std::string Findings::*;
  void note(Findings &findings, First first, const std::string &what) const;
  /// Compares one row; `where` says which one it is.
  template <typename Where>
  void checkRow(const std::byte *expected, const std::byte *found, First first, Where where, Findings &findings) const;

  const Job *job_;
  uint32_t rank_;
  const Inputs *inputs_;
  std::vector<RankInput> sources_; ///< of every rank: routing; rows where they cost nothing
  reference::Dispatched expected_;
  std::vector<std::byte> combined_;
  uint64_t combinedTokens_ = 0;
};

} // namespace faro::run
