#include "runtime/tools/faro-run/Inputs.h"
#include "runtime/tools/faro-run/Random.h"

#include <cstring>
#include <fmt/format.h>
#include <unistd.h>

namespace faro::run {

namespace {

/// Sign, three low bits of exponent and all of the mantissa are random; the exponent is then raised so that magnitudes
/// run from 2^-8 to 1. Several elements are made in one 64-bit word: no lane carries into the next.
struct Lanes {
  uint64_t mask, base;
  static Lanes of(reference::Element element) {
    switch (element) {
    case reference::Element::BF16: // 119 << 7
      return {0x83ff83ff83ff83ffu, 0x3b803b803b803b80u};
    case reference::Element::F16: // 7 << 10
      return {0x9fff9fff9fff9fffu, 0x1c001c001c001c00u};
    case reference::Element::F32: // 119 << 23
      break;
    }
    return {0x83ffffff83ffffffu, 0x3b8000003b800000u};
  }
};

class GeneratedInputs final : public Inputs {
public:
  GeneratedInputs(int64_t tokens, RoutingKind routing, uint64_t seed, const InputShape &shape)
      : tokens_(uint64_t(tokens)), routing_(routing), seed_(seed), shape_(shape) {}

  Status check() const override;

  Expected<RankInput> read(uint32_t rank, bool withRows) const override {
    RankInput input;
    input.routing.tokens = tokens_;
    input.routing.topkIdx = generateRouting(int64_t(tokens_), routing_, seed_, rank, shape_);
    if (shape_.needsWeights)
      input.weights = makeWeights(rank);
    if (withRows) {
      const uint64_t rowBytes = shape_.program.rowBytes();
      auto rows = std::make_shared<std::vector<std::byte>>(tokens_ * rowBytes);
      for (uint64_t token = 0; token < tokens_; ++token)
        makeRow(rank, token, rows->data() + token * rowBytes);
      input.rows = rows->data();
      input.keep = rows;
    }
    return input;
  }

  const std::byte *row(uint32_t rank, const RankInput &input, uint64_t token, std::byte *scratch) const override {
    if (input.rows)
      return input.rows + token * shape_.program.rowBytes();
    makeRow(rank, token, scratch);
    return scratch;
  }

  std::string describe() const override {
    return fmt::format("{} tokens a rank, {} routing, seed {}", tokens_, routing_.name(), seed_);
  }

private:
  void makeRow(uint32_t rank, uint64_t token, std::byte *out) const {
    const Lanes lanes = Lanes::of(shape_.program.element);
    Random random(streamKey(seed_, Stream::Rows, rank, token));
    const uint64_t bytes = shape_.program.rowBytes();
    for (uint64_t at = 0; at < bytes; at += 8) {
      const uint64_t word = (random.next() & lanes.mask) + lanes.base;
      std::memcpy(out + at, &word, size_t(std::min<uint64_t>(8, bytes - at)));
    }
  }

  std::vector<float> makeWeights(uint32_t rank) const {
    const uint32_t topk = shape_.program.topk;
    std::vector<float> weights(tokens_ * topk);
    std::vector<double> drawn(topk);
    for (uint64_t token = 0; token < tokens_; ++token) {
      Random random(streamKey(seed_, Stream::Weights, rank, token));
      double sum = 0;
      for (double &weight : drawn)
        sum += weight = 0.05 + random.unit();
      for (uint32_t k = 0; k < topk; ++k)
        weights[token * topk + k] = float(drawn[k] / sum);
    }
    return weights;
  }

  uint64_t tokens_;
  RoutingKind routing_;
  uint64_t seed_;
  InputShape shape_;
};

Status GeneratedInputs::check() const {
  // Each rank holds its tokens and their sums, and as many rows as all of its choices bring (twice, with the experts'
  // outputs). A machine without that memory would end this job by a signal, which explains nothing.
  const double row = double(shape_.program.rowBytes());
  const double items = double(shape_.ranks()) * double(tokens_) * double(shape_.program.topk);
  // Every group may end in padding, and every rank counts the items of every expert of every rank.
  const double groups = std::min(items, double(shape_.program.placement.experts()));
  const double rows = double(shape_.ranks()) * double(tokens_) * row * 2 + 2 * row * items;
  const double padding = 2 * row * groups * (double(shape_.program.layout.align) - 1);
  const double counts =
      double(shape_.program.placement.experts()) * double(shape_.ranks()) * double(shape_.ranks()) * 8;
  const double needed = rows + padding + counts;
  const double there = double(::sysconf(_SC_PHYS_PAGES)) * double(::sysconf(_SC_PAGESIZE));
  if (needed > there)
    return {FARO_OUT_OF_MEMORY,
            fmt::format(
                "{} ranks with {} tokens of {} bytes and top-{} need about {:.1f} GB of memory, this machine has "
                "{:.1f} GB; {}",
                shape_.ranks(), tokens_, shape_.program.rowBytes(), shape_.program.topk, needed * 1e-9, there * 1e-9,
                rows >= std::max(padding, counts) ? "give fewer --tokens"
                : padding >= counts
                    ? fmt::format("most of it is padding of groups to {} rows", shape_.program.layout.align)
                    : fmt::format("most of it is for counts of {} experts", shape_.program.placement.experts()))};
  return Status::ok();
}

} // namespace

std::unique_ptr<Inputs> generatedInputs(int64_t tokens, RoutingKind routing, uint64_t seed, const InputShape &shape) {
  return std::make_unique<GeneratedInputs>(tokens, routing, seed, shape);
}

} // namespace faro::run
