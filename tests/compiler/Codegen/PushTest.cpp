// Push kernels: every destination row gets the token's bits and zeros in its padding; nothing else is written, and
// nothing behind the source is read.
#include "tests/compiler/Codegen/Kernels.h"
#include "tests/support/Some.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

namespace faro::test {
namespace {

using reference::Element;

constexpr size_t Guard = 64;

class PushTest : public ::testing::TestWithParam<Row> {
protected:
  void expectRight(std::optional<compiler::EmitKernelsOptions> options);
};

/// Tokens with 0 to 8 destinations each, in destination rows that lie in a random order with guards between them.
struct Batch {
  Batch(uint64_t rowBytes, uint64_t stride, uint32_t seed) : rowBytes(rowBytes), stride(stride), random(seed) {
    for (int64_t t = 0; t < Tokens; ++t)
      offsets.push_back(offsets.back() + uint32_t(t % 9));
    // Any distance will do for the user's rows.
    sourceStride = int64_t(rowBytes + random() % 70);
    const size_t bytes = size_t(sourceStride) * (Tokens - 1) + rowBytes;
    source = std::make_unique<EdgeMemory>(bytes);
    for (std::byte *at = source->begin(); at != source->end(); ++at)
      *at = std::byte(random());
    // Rows whose stride is no multiple of 64 may start anywhere.
    step = stride + Guard + (stride % 64 ? 1 : 0);
    window.resize(Guard + step * offsets.back() + 64, Untouched);
    base = window.data() + (64 - reinterpret_cast<uintptr_t>(window.data()) % 64) % 64;
    std::vector<uint32_t> slots(offsets.back());
    for (uint32_t i = 0; i < slots.size(); ++i)
      slots[i] = i;
    std::shuffle(slots.begin(), slots.end(), random);
    for (uint32_t slot : slots)
      destinations.push_back(reinterpret_cast<uint64_t>(base + slot * step));
  }

  static constexpr int64_t Tokens = 20;
  uint64_t rowBytes, stride;
  std::mt19937 random;
  std::vector<uint32_t> offsets{0};
  int64_t sourceStride = 0;
  std::unique_ptr<EdgeMemory> source;
  size_t step = 0;
  std::vector<std::byte> window;
  std::byte *base = nullptr;
  std::vector<uint64_t> destinations;

  /// What the window holds after tokens [begin, end) were pushed.
  std::vector<std::byte> expected(int64_t begin, int64_t end) const {
    std::vector<std::byte> result(window.size(), Untouched);
    for (int64_t t = begin; t < end; ++t)
      for (uint32_t i = offsets[t]; i < offsets[t + 1]; ++i) {
        std::byte *row = result.data() + (reinterpret_cast<std::byte *>(destinations[i]) - window.data());
        std::memset(row, 0, stride);
        std::memcpy(row, source->begin() + t * sourceStride, rowBytes);
      }
    return result;
  }
};

TEST_P(PushTest, EveryDestinationRowHoldsTheTokenAndNothingElseIsTouched) { expectRight({}); }

/// Rows have many blocks, some, or none.
TEST_P(PushTest, InBlocksAsWell) {
  compiler::EmitKernelsOptions options;
  options.vector = 32;
  options.block = 1536;
  expectRight(options);
}

void PushTest::expectRight(std::optional<compiler::EmitKernelsOptions> options) {
  const Kernels kernels = compileKernels(GetParam().element, GetParam().columns, /*f32Partials=*/false, options);
  ASSERT_GE(kernels.sets.size(), 2u); // x86-64 and this machine at least
  Batch batch(kernels.rowBytes, kernels.stride, uint32_t(GetParam().columns));
  const std::pair<int64_t, int64_t> ranges[] = {{0, Batch::Tokens}, {3, Batch::Tokens - 2}, {5, 5}};
  for (const KernelSet &set : kernels.sets)
    for (int form = 0; form < 2; ++form) {
      if (form == 1 && kernels.stride % 64 != 0) {
        EXPECT_EQ(set.push[1], nullptr) << "partial lines must not be streamed";
        continue;
      }
      ASSERT_NE(set.push[form], nullptr);
      for (const auto &[begin, end] : ranges) {
        std::fill(batch.window.begin(), batch.window.end(), Untouched);
        set.push[form](batch.source->begin(), batch.sourceStride, batch.offsets.data(), batch.destinations.data(),
                       begin, end);
        EXPECT_TRUE(batch.window == batch.expected(begin, end))
            << set.target << (form ? " streaming" : " plain") << " tokens " << begin << " to " << end;
      }
    }
}

/// Partial rows that arrive from other nodes land so, too.
class LandTest : public PushTest {};

TEST_P(LandTest, PartialRowsLand) {
  const Kernels kernels = compileKernels(GetParam().element, GetParam().columns, /*f32Partials=*/true);
  Batch batch(4 * GetParam().columns, kernels.partialStride, uint32_t(GetParam().columns) + 1);
  for (const KernelSet &set : kernels.sets) {
    ASSERT_NE(set.land[0], nullptr);
    std::fill(batch.window.begin(), batch.window.end(), Untouched);
    set.land[0](batch.source->begin(), batch.sourceStride, batch.offsets.data(), batch.destinations.data(), 0,
                Batch::Tokens);
    EXPECT_TRUE(batch.window == batch.expected(0, Batch::Tokens)) << set.target;
  }
}

std::vector<Row> rows() {
  std::vector<Row> rows = {{Element::F16, 257}};
  for (uint64_t columns : {1, 2, 3, 7, 31, 32, 33, 255, 256, 257, 259, 287, 2880, 3584, 7167, 7168})
    rows.push_back({Element::BF16, columns});
  for (uint64_t columns : {1, 3, 32, 129, 255, 7168})
    rows.push_back({Element::F32, columns});
  return rows;
}

INSTANTIATE_TEST_SUITE_P(Rows, PushTest, ::testing::ValuesIn(some(rows(), 5)), nameOf);
INSTANTIATE_TEST_SUITE_P(Rows, LandTest,
                         ::testing::Values(Row{Element::BF16, 3}, Row{Element::BF16, 129}, Row{Element::F16, 287},
                                           Row{Element::F32, 33}),
                         nameOf);

} // namespace
} // namespace faro::test
