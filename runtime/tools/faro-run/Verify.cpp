#include "runtime/tools/faro-run/Verify.h"

#include <cstring>
#include <fmt/format.h>

namespace faro::run {

namespace {

/// "0.345 (0x3eb1)"
std::string elementText(reference::Element element, const std::byte *value) {
  uint32_t bits = 0;
  std::memcpy(&bits, value, reference::bytesOf(element));
  return fmt::format("{:g} (0x{:0{}x})", reference::toFloat(element, value), bits, 2 * reference::bytesOf(element));
}

std::string itemText(const std::optional<layout::Item> &item) {
  if (!item)
    return "padding";
  return fmt::format("expert {}, from rank {}, token {}, choice {}", item->expert, item->source, item->token,
                     item->choice);
}

} // namespace

Expected<Verifier> Verifier::create(const Job &job, uint32_t rank, const Inputs &inputs, const RankInput &own,
                                    const ExpertsFunction &experts) {
  Verifier verifier(job, rank, inputs);
  std::vector<reference::Routing> routings;
  for (uint32_t source = 0; source < job.ranks(); ++source) {
    Expected<RankInput> input = inputs.read(source, /*withRows=*/false);
    if (!input)
      return input.status();
    routings.push_back(input->routing);
    verifier.sources_.push_back(std::move(*input));
  }
  verifier.expected_ = reference::dispatch(job.reference, rank, routings);
  if (job.combine)
    verifier.expectCombined(own, experts);
  return verifier;
}

void Verifier::expectCombined(const RankInput &own, const ExpertsFunction &experts) {
  const reference::Program &program = *job_->combineReference;
  const uint64_t rowBytes = program.rowBytes();
  const uint32_t topk = program.topk;
  combinedTokens_ = own.tokens();
  combined_.resize(combinedTokens_ * rowBytes);
  std::vector<std::byte> scratch(rowBytes), outputs(topk * rowBytes);
  std::vector<const std::byte *> rows(topk);
  const auto nodes = job_->topology.nodeOfRanks();
  const reference::NodeOfRank nodeOfRank(nodes.begin(), nodes.end());
  for (uint64_t token = 0; token < combinedTokens_; ++token) {
    const std::byte *x = inputs_->row(rank_, own, token, scratch.data());
    const int64_t *chosen = own.routing.topkIdx.data() + token * topk;
    for (uint32_t choice = 0; choice < topk; ++choice) {
      const int64_t expert = chosen[choice];
      rows[choice] = expert < 0 ? nullptr : outputs.data() + choice * rowBytes;
      if (expert >= 0)
        experts.apply(uint32_t(expert), x, outputs.data() + choice * rowBytes);
    }
    reference::combineRow(program, nodeOfRank, chosen, rows, own.weights.data() + token * topk,
                          combined_.data() + token * rowBytes);
  }
}

void Verifier::note(Findings &findings, First first, const std::string &what) const {
  if ((findings.*first).empty())
    findings.*first = fmt::format("rank {}: {}", rank_, what);
  ++findings.differences;
}

template <typename Where>
void Verifier::checkRow(const std::byte *expected, const std::byte *found, First first, Where where,
                        Findings &findings) const {
  const reference::Element element = job_->reference.element;
  const uint64_t size = reference::bytesOf(element);
  if (std::memcmp(expected, found, job_->reference.rowBytes()) == 0)
    return;
  for (uint64_t column = 0; column < job_->reference.columns; ++column) {
    const std::byte *want = expected + column * size, *got = found + column * size;
    if (std::memcmp(want, got, size) == 0)
      continue;
    // Where everything is wrong, only the first message is worth its making.
    note(findings, first,
         (findings.*first).empty() ? fmt::format("{}, column {}: expected {}, found {}", where(), column,
                                                 elementText(element, want), elementText(element, got))
                                   : std::string());
  }
}

void Verifier::checkNumbers(const char *what, std::span<const int64_t> found, const std::vector<int64_t> &expected,
                            Findings &findings) const {
  if (found.size() != expected.size()) {
    note(findings, &Findings::firstReceived,
         fmt::format("{} has {} entries, expected {}", what, found.size(), expected.size()));
    return;
  }
  for (size_t i = 0; i < expected.size(); ++i)
    if (found[i] != expected[i])
      note(findings, &Findings::firstReceived,
           fmt::format("{}[{}]: expected {}, found {}", what, i, expected[i], found[i]));
}

void Verifier::checkReceived(const Received &received, Findings &findings) const {
  const auto &rows = expected_.rows.rows;
  checkNumbers("expert_offsets", received.expertOffsets, expected_.expertOffsets, findings);
  checkNumbers("expert_counts", received.expertCounts, expected_.expertCounts, findings);
  if (received.rows.rows != int64_t(rows.size())) {
    note(findings, &Findings::firstReceived,
         fmt::format("recv has {} rows, expected {}", received.rows.rows, rows.size()));
    return;
  }
  const uint64_t rowBytes = job_->reference.rowBytes();
  const std::vector<std::byte> zeros(rowBytes);
  std::vector<std::byte> scratch(rowBytes);
  for (uint64_t row = 0; row < rows.size(); ++row) {
    const std::byte *found = static_cast<const std::byte *>(received.rows.data) + int64_t(row) * received.rows.stride;
    const std::byte *expected = zeros.data();
    if (const auto &item = rows[row]) {
      expected = inputs_->row(item->source, sources_[item->source], item->token, scratch.data());
      ++findings.rows;
    } else {
      ++findings.padding;
    }
    checkRow(
        expected, found, &Findings::firstReceived,
        [&] { return fmt::format("recv row {} ({})", row, itemText(rows[row])); }, findings);
  }
}

void Verifier::checkSources(std::span<const Source> sources, Findings &findings) const {
  const auto &rows = expected_.rows.rows;
  if (sources.size() != rows.size()) {
    note(findings, &Findings::firstReceived,
         fmt::format("recv_source has {} rows, expected {}", sources.size(), rows.size()));
    return;
  }
  for (size_t row = 0; row < rows.size(); ++row) {
    Source expected{-1, -1, -1};
    if (const auto &item = rows[row])
      expected = {item->source, item->token, item->choice};
    const Source &found = sources[row];
    if (found.rank != expected.rank || found.token != expected.token || found.choice != expected.choice)
      note(findings, &Findings::firstReceived,
           fmt::format("recv_source row {}: expected ({}, {}, {}), found ({}, {}, {})", row, expected.rank,
                       expected.token, expected.choice, found.rank, found.token, found.choice));
  }
}

void Verifier::checkCombined(ConstRows combined, Findings &findings) const {
  if (combined.rows != int64_t(combinedTokens_)) {
    note(findings, &Findings::firstCombined,
         fmt::format("combined has {} rows, expected {}", combined.rows, combinedTokens_));
    return;
  }
  const uint64_t rowBytes = job_->reference.rowBytes();
  for (uint64_t token = 0; token < combinedTokens_; ++token)
    checkRow(
        combined_.data() + token * rowBytes,
        static_cast<const std::byte *>(combined.data) + int64_t(token) * combined.stride, &Findings::firstCombined,
        [&] { return fmt::format("combined token {}", token); }, findings);
  findings.combined += combinedTokens_;
}

} // namespace faro::run
