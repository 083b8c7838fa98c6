// The kernels as they are written for a CUDA device, run on the CPU with its blocks and threads as loops: what such a
// kernel computes, apart from what PTX makes of it. Against the reference, and across nodes against the CPU's own.
#include "tests/compiler/Codegen/Kernels.h"
#include "tests/support/Some.h"

#include <cstring>
#include <random>

namespace faro::test {
namespace {

using reference::Element;

constexpr int64_t Tokens = 20;

/// Rows `stride` apart with random numbers in `bytes` of each, zeros behind them.
Lines randomRows(int64_t rows, Element element, uint64_t bytes, uint64_t stride, std::mt19937 &random) {
  Lines lines(size_t(rows) * stride, std::byte(0));
  const size_t unit = element == Element::F32 ? 4 : 2;
  for (int64_t row = 0; row < rows; ++row)
    for (size_t at = 0; at < bytes; at += unit)
      reference::fromFloat(element, std::normal_distribution<float>()(random),
                           lines.data() + size_t(row) * stride + at);
  return lines;
}

/// As kernels are written for a device: by accesses of 16 or 32 bytes, or by bulk copies where these are possible.
struct Form {
  const char *name;
  int architecture;
  compiler::BulkCopies bulk;
};
constexpr Form Forms[] = {{"sm_90", 90, compiler::BulkCopies::None},
                          {"sm_100", 100, compiler::BulkCopies::None},
                          {"bulk copies", 90, compiler::BulkCopies::Instead}};

class DeviceKernels : public ::testing::TestWithParam<Row> {
protected:
  DeviceKernels() : random(uint32_t(GetParam().columns)) {
    for (int64_t t = 0; t < Tokens; ++t)
      offsets.push_back(offsets.back() + uint32_t((t * 5) % 9));
    for (uint32_t i = 0; i < offsets.back(); ++i) {
      order.push_back(i);
      weights.push_back(std::uniform_real_distribution<float>(-2, 2)(random));
    }
    std::shuffle(order.begin(), order.end(), random);
  }
  static Kernels compile(bool f32Partials, const Form &form) {
    compiler::EmitKernelsOptions options = compiler::cudaKernelOptions(form.architecture);
    options.bulk = form.bulk;
    return compileKernels(GetParam().element, GetParam().columns, f32Partials, options);
  }

  /// The addresses of rows `stride` apart, in the batch's order.
  std::vector<uint64_t> addresses(Lines &lines, uint64_t stride) const {
    std::vector<uint64_t> list;
    for (const uint32_t row : order)
      list.push_back(reinterpret_cast<uint64_t>(lines.data() + row * stride));
    list.resize(list.size() + FARO_ABI_MAX_TOPK, list.back()); // what a kernel may prefetch through
    return list;
  }

  Lines pushed(faro_abi_push_fn push, Lines &source, uint64_t sourceStride, uint64_t stride) const {
    Lines window(offsets.back() * stride, Untouched);
    push(source.data(), int64_t(sourceStride), offsets.data(), addresses(window, stride).data(), 0, Tokens);
    return window;
  }
  Lines pulled(faro_abi_pull_fn pull, Lines &rows, uint64_t stride, uint64_t outStride) const {
    Lines out(Tokens * outStride, Untouched);
    pull(out.data(), int64_t(outStride), offsets.data(), addresses(rows, stride).data(), weights.data(), 0, Tokens);
    return out;
  }

  std::mt19937 random;
  std::vector<uint32_t> offsets{0}, order;
  std::vector<float> weights;
};

TEST_P(DeviceKernels, PushStoresEachRowToItsPlaces) {
  for (const Form &form : Forms) {
    const Kernels kernels = compile(false, form);
    Lines source = randomRows(Tokens, GetParam().element, kernels.rowBytes, kernels.rowBytes, random);
    Lines expected(offsets.back() * kernels.stride, Untouched);
    for (int64_t t = 0; t < Tokens; ++t)
      for (uint32_t i = offsets[t]; i < offsets[t + 1]; ++i) {
        std::byte *row = expected.data() + order[i] * kernels.stride;
        std::memset(row, 0, kernels.stride);
        std::memcpy(row, source.data() + size_t(t) * kernels.rowBytes, kernels.rowBytes);
      }
    for (const KernelSet &set : kernels.sets)
      for (const faro_abi_push_fn push : set.push)
        if (push)
          EXPECT_EQ(pushed(push, source, kernels.rowBytes, kernels.stride), expected) << set.target << " " << form.name;
  }
}

TEST_P(DeviceKernels, PullSumsAsTheDefinitionSays) {
  for (const Form &form : Forms) {
    if (form.bulk == compiler::BulkCopies::Instead) // which is for pushes
      continue;
    const Kernels kernels = compile(false, form);
    reference::Program program;
    program.element = GetParam().element;
    program.columns = GetParam().columns;
    Lines rows = randomRows(offsets.back(), program.element, kernels.rowBytes, kernels.stride, random);
    const std::vector<uint64_t> list = addresses(rows, kernels.stride);
    Lines expected(Tokens * kernels.rowBytes, Untouched);
    for (int64_t t = 0; t < Tokens; ++t) {
      std::vector<const std::byte *> of;
      for (uint32_t i = offsets[t]; i < offsets[t + 1]; ++i)
        of.push_back(reinterpret_cast<const std::byte *>(list[i]));
      combineRow(program, of, weights.data() + offsets[t], expected.data() + size_t(t) * kernels.rowBytes);
    }
    for (const KernelSet &set : kernels.sets) {
      EXPECT_EQ(pulled(set.pull[0], rows, kernels.stride, kernels.rowBytes), expected) << set.target;
      if (set.pull[1] && kernels.rowBytes % 64 == 0)
        EXPECT_EQ(pulled(set.pull[1], rows, kernels.stride, kernels.rowBytes), expected) << set.target << " streaming";
    }
  }
}

TEST_P(DeviceKernels, SumsBetweenNodesAreThoseOfTheCpu) {
  const Kernels cpu = compileKernels(GetParam().element, GetParam().columns, true);
  for (const Form &form : Forms) {
    const Kernels device = compile(true, form);
    Lines rows = randomRows(offsets.back(), GetParam().element, device.rowBytes, device.stride, random);
    Lines partials = randomRows(offsets.back(), Element::F32, 4 * GetParam().columns, device.partialStride, random);
    for (size_t s = 0; s < device.sets.size(); ++s) {
      const KernelSet &mine = device.sets[s], &theirs = cpu.sets[s];
      EXPECT_EQ(pulled(mine.share, rows, device.stride, device.partialStride),
                pulled(theirs.share, rows, device.stride, device.partialStride))
          << mine.target;
      EXPECT_EQ(pulled(mine.add[0], partials, device.partialStride, device.rowBytes),
                pulled(theirs.add[0], partials, device.partialStride, device.rowBytes))
          << mine.target;
      EXPECT_EQ(pushed(mine.land[0], partials, device.partialStride, device.partialStride),
                pushed(theirs.land[0], partials, device.partialStride, device.partialStride))
          << mine.target;
      if (mine.land[1])
        EXPECT_EQ(pushed(mine.land[1], partials, device.partialStride, device.partialStride),
                  pushed(theirs.land[1], partials, device.partialStride, device.partialStride))
            << mine.target << " streaming, " << form.name;
    }
  }
}

std::vector<Row> rows() {
  std::vector<Row> rows = {{Element::F16, 287}};
  for (uint64_t columns : {1, 33, 257, 7168})
    rows.push_back({Element::BF16, columns});
  for (uint64_t columns : {4, 129, 12288})
    rows.push_back({Element::F32, columns});
  return rows;
}

INSTANTIATE_TEST_SUITE_P(Rows, DeviceKernels, ::testing::ValuesIn(some(rows(), 5)), nameOf);

} // namespace
} // namespace faro::test
