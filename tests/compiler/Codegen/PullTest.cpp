// Pull kernels against the interpreter, to the bit: every element, remainder, number of rows and strange number;
// nothing outside a row is written, and nothing behind a row's stride is read.
#include "tests/compiler/Codegen/Kernels.h"
#include "tests/support/Some.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <random>

namespace faro::test {
namespace {

using reference::Element;

reference::Program programOf(Element element, uint64_t columns, uint32_t topk = 8) {
  reference::Program program;
  program.isDispatch = false;
  program.element = element;
  program.columns = columns;
  program.topk = topk;
  return program;
}

/// Tokens with 0 to `topk` rows each, to be summed and stored as `stored`. A third of the elements are random bits:
/// NaNs, infinities, denormals among them.
struct Batch {
  Batch(Element element, uint64_t columns, uint64_t stride, uint32_t seed, Element stored, uint32_t topk = 8)
      : program(programOf(element, columns, topk)), stored(stored), random(seed) {
    for (int64_t t = 0; t < Tokens; ++t)
      offsets.push_back(offsets.back() + (t % 3 == 1 ? topk : uint32_t(t * 5) % (topk + 1)));
    const bool aligned = stride % 64 == 0;
    const size_t step = stride + (aligned ? 0 : 1);
    memory = std::make_unique<EdgeMemory>(step * offsets.back());
    const uint64_t size = bytesOf(element);
    for (uint32_t i = 0; i < offsets.back(); ++i) {
      std::byte *row = memory->end() - (i + 1) * step + (aligned ? 0 : 1);
      for (uint64_t at = 0; at + size <= stride; at += size)
        fill(element, row + at, at < columns * size);
      rows.push_back(reinterpret_cast<uint64_t>(row));
    }
    for (uint32_t i = 0; i < offsets.back(); ++i)
      weights.push_back(random() % 40 == 0 ? strangeWeight() : std::uniform_real_distribution<float>(-2, 2)(random));
    // What the kernels prefetch through.
    rows.resize(rows.size() + FARO_ABI_MAX_TOPK, reinterpret_cast<uint64_t>(memory->begin()));
  }

  void fill(Element element, std::byte *at, bool inRow) {
    if (!inRow || random() % 3 == 0) {
      const uint32_t bits = uint32_t(random());
      std::memcpy(at, &bits, bytesOf(element));
    } else {
      reference::fromFloat(element, std::normal_distribution<float>()(random), at);
    }
  }

  float strangeWeight() {
    const float strange[] = {
        0.0f, -0.0f, 1e-42f, 3e38f, std::bit_cast<float>(0x7f800000u), std::bit_cast<float>(0xffc12345u)};
    return strange[random() % std::size(strange)];
  }

  static constexpr int64_t Tokens = 20;
  reference::Program program;
  Element stored;
  std::mt19937 random;
  std::vector<uint32_t> offsets{0};
  std::unique_ptr<EdgeMemory> memory;
  std::vector<uint64_t> rows;
  std::vector<float> weights;

  std::vector<std::byte> expected(int64_t token) const {
    std::vector<const std::byte *> of;
    for (uint32_t i = offsets[token]; i < offsets[token + 1]; ++i)
      of.push_back(reinterpret_cast<const std::byte *>(rows[i]));
    std::vector<std::byte> row(storedBytes());
    if (stored == program.element)
      combineRow(program, of, weights.data() + offsets[token], row.data());
    else
      for (uint64_t c = 0; c < program.columns; ++c)
        reference::fromFloat(stored, sumOf(of, weights.data() + offsets[token], c), row.data() + c * bytesOf(stored));
    return row;
  }

  float sumOf(const std::vector<const std::byte *> &of, const float *factors, uint64_t column) const {
    float sum = 0;
    for (size_t i = 0; i < of.size(); ++i) {
      // Volatile: rounded before it is added.
      const volatile float product =
          factors[i] * reference::toFloat(program.element, of[i] + column * bytesOf(program.element));
      sum += product;
    }
    return sum;
  }

  uint64_t storedBytes() const { return program.columns * bytesOf(stored); }
};

class PullTest : public ::testing::TestWithParam<Row> {
protected:
  /// Runs a kernel over tokens [begin, end) and looks at every byte around its output.
  static void check(faro_abi_pull_fn pull, const Batch &batch, int64_t outStride, size_t start, int64_t begin,
                    int64_t end) {
    std::vector<std::byte> memory(size_t(outStride * Batch::Tokens) + 192, Untouched);
    std::byte *base = memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64) % 64 + 64;
    std::byte *out = base + start;
    pull(out, outStride, batch.offsets.data(), batch.rows.data(), batch.weights.data(), begin, end);
    const uint64_t bytes = batch.storedBytes();
    for (int64_t t = begin; t < end; ++t) {
      const std::vector<std::byte> row = batch.expected(t);
      ASSERT_EQ(std::memcmp(out + t * outStride, row.data(), bytes), 0)
          << "token " << t << describe(row, out + t * outStride);
      std::fill_n(out + t * outStride, bytes, Untouched);
    }
    EXPECT_EQ(memory, std::vector<std::byte>(memory.size(), Untouched)) << "written outside the rows";
  }

  static std::string describe(const std::vector<std::byte> &expected, const std::byte *found) {
    size_t at = 0;
    while (at < expected.size() && expected[at] == found[at])
      ++at;
    return ": byte " + std::to_string(at) + " expected " + std::to_string(int(expected[at])) + " found " +
           std::to_string(int(found[at]));
  }
};

TEST_P(PullTest, SumsEqualTheInterpretersToTheBit) {
  const Row &row = GetParam();
  const Kernels kernels = compileKernels(row.element, row.columns, /*f32Partials=*/false, {}, row.topk);
  const Batch batch(row.element, row.columns, kernels.stride, uint32_t(row.columns) + 17, row.element, row.topk);
  for (const KernelSet &set : kernels.sets) {
    SCOPED_TRACE(set.target);
    const uint64_t bytes = kernels.rowBytes;
    ASSERT_NE(set.pull[0], nullptr);
    check(set.pull[0], batch, int64_t(bytes), 0, 0, Batch::Tokens);
    check(set.pull[0], batch, int64_t(bytes) + 7, 3, 2, Batch::Tokens - 1);
    if (kernels.stride % 64 != 0) {
      EXPECT_EQ(set.pull[1], nullptr) << "partial lines must not be streamed";
      continue;
    }
    ASSERT_NE(set.pull[1], nullptr);
    check(set.pull[1], batch, int64_t(kernels.stride), 0, 0, Batch::Tokens);
    check(set.pull[1], batch, int64_t(kernels.stride) + 64, 64, 1, Batch::Tokens - 3);
    if (bytes % 64 == 0 || bytes < FARO_ABI_ANYWHERE_BYTES)
      continue;
    const uint64_t unit = reference::bytesOf(row.element);
    check(set.pull[1], batch, int64_t(bytes), 0, 0, Batch::Tokens);
    for (const uint64_t start : {unit, 32 - unit, uint64_t(32), 64 - unit})
      check(set.pull[1], batch, int64_t(bytes + 3 * unit), start, 2, Batch::Tokens - 1);
  }
}

/// Items to shares of f32, and shares to results: what is read and what is stored are of different elements.
class ShareTest : public PullTest {};

TEST_P(ShareTest, SharesAndTheirSumsEqualTheDefinitionToTheBit) {
  const Row &row = GetParam();
  const Kernels kernels = compileKernels(row.element, row.columns, /*f32Partials=*/true);
  const Batch items(row.element, row.columns, kernels.stride, uint32_t(row.columns) + 18, Element::F32);
  const Batch shares(Element::F32, row.columns, kernels.partialStride, uint32_t(row.columns) + 19, row.element);
  for (const KernelSet &set : kernels.sets) {
    SCOPED_TRACE(set.target);
    ASSERT_TRUE(set.share && set.add[0]);
    const auto bytes = int64_t(items.storedBytes());
    check(set.share, items, int64_t(kernels.partialStride), 0, 0, Batch::Tokens);
    check(set.share, items, bytes + 5, 3, 2, Batch::Tokens - 1);
    check(set.add[0], shares, int64_t(kernels.rowBytes), 0, 0, Batch::Tokens);
    check(set.add[0], shares, int64_t(kernels.rowBytes) + 7, 3, 2, Batch::Tokens - 1);
    ASSERT_EQ(set.add[1] != nullptr, kernels.stride % 64 == 0);
    if (!set.add[1])
      continue;
    check(set.add[1], shares, int64_t(kernels.stride), 0, 0, Batch::Tokens);
    check(set.add[1], shares, int64_t(kernels.stride) + 64, 64, 1, Batch::Tokens - 3);
  }
}

std::vector<Row> rows() {
  std::vector<Row> rows;
  for (uint64_t columns : {1, 2, 3, 7, 31, 32, 33, 255, 256, 257, 287, 513, 2880, 3584, 7167, 7168})
    rows.push_back({Element::BF16, columns});
  for (uint64_t columns : {1, 2, 7, 33, 256, 257, 543, 2880, 7167})
    rows.push_back({Element::F16, columns});
  for (uint64_t columns : {1, 3, 32, 33, 129, 256, 257, 3584, 7167})
    rows.push_back({Element::F32, columns});
  return rows;
}

INSTANTIATE_TEST_SUITE_P(Rows, PullTest, ::testing::ValuesIn(some(rows(), 5)), nameOf);

/// Few rows have vectors of their own, many no place in registers: EmitPull.cpp's limits, and what is beside them.
std::vector<Row> rowsOfTopk() {
  std::vector<Row> rows;
  for (uint32_t topk : {1, 2, 3, 9, 16, 17, 64})
    for (uint64_t columns : {256, 7167})
      rows.push_back({Element::BF16, columns, topk});
  return rows;
}

INSTANTIATE_TEST_SUITE_P(Topk, PullTest, ::testing::ValuesIn(some(rowsOfTopk(), 4)), nameOf);

std::vector<Row> rowsOfShares() {
  std::vector<Row> rows = {{Element::F32, 129}}; // its own element: one kernel for all
  for (uint64_t columns : {1, 2, 3, 31, 33, 64, 257, 287, 7167})
    rows.push_back({Element::BF16, columns});
  for (uint64_t columns : {1, 33, 257, 2880})
    rows.push_back({Element::F16, columns});
  return rows;
}

INSTANTIATE_TEST_SUITE_P(Rows, ShareTest, ::testing::ValuesIn(some(rowsOfShares(), 5)), nameOf);

/// All 65,536 values of a 16-bit element in one row, scaled so that results are exact, ties, denormals and overflows.
class EveryValueTest : public ::testing::TestWithParam<Element> {};

TEST_P(EveryValueTest, IsWidenedAndRoundedAsTheInterpreterDoes) {
  const Kernels kernels = compileKernels(GetParam(), 65536);
  const reference::Program program = programOf(GetParam(), 65536);
  std::vector<uint16_t> row(65536), expected(65536), found(65536);
  for (uint32_t bits = 0; bits < row.size(); ++bits)
    row[bits] = uint16_t(bits);
  const uint32_t offsets[] = {0, 2};
  std::vector<uint64_t> rows(2 + FARO_ABI_MAX_TOPK, reinterpret_cast<uint64_t>(row.data()));
  const std::pair<float, float> scales[] = {
      {1, 0}, {0.5f, 0},     {0x1p-9f, 0},   {0x1p-24f, 0},    {1 + 0x1p-11f, 0},    {1 - 0x1p-12f, 0},
      {2, 0}, {1, 0x1p-11f}, {1, -0x1p-12f}, {3.14159265f, 1}, {0x1.8p-8f, 0x1p-20f}};
  for (const auto &[a, b] : scales) {
    const float weights[] = {a, b};
    const auto *bytes = reinterpret_cast<const std::byte *>(row.data());
    combineRow(program, {bytes, bytes}, weights, reinterpret_cast<std::byte *>(expected.data()));
    for (const KernelSet &set : kernels.sets) {
      std::fill(found.begin(), found.end(), uint16_t(0));
      set.pull[0](found.data(), int64_t(kernels.rowBytes), offsets, rows.data(), weights, 0, 1);
      for (uint32_t bits = 0; bits < row.size(); ++bits)
        ASSERT_EQ(found[bits], expected[bits])
            << set.target << ": value " << std::hex << bits << " weights " << a << " " << b;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Elements, EveryValueTest, ::testing::Values(Element::BF16, Element::F16),
                         [](const auto &info) { return info.param == Element::BF16 ? "BF16" : "F16"; });

} // namespace
} // namespace faro::test
