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
  compiler::KernelForm bulk;
};
constexpr Form Forms[] = {{"sm_90", 90, compiler::KernelForm::None},
                          {"sm_100", 100, compiler::KernelForm::None},
                          {"bulk copies", 90, compiler::KernelForm::Instead}};

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

  /// What a push leaves of tokens next to each other.
  Lines expectedWindow(const Kernels &kernels, const Lines &source) const {
    Lines window(offsets.back() * kernels.stride, Untouched);
    for (int64_t t = 0; t < Tokens; ++t)
      for (uint32_t i = offsets[t]; i < offsets[t + 1]; ++i) {
        std::byte *row = window.data() + order[i] * kernels.stride;
        std::memset(row, 0, kernels.stride);
        std::memcpy(row, source.data() + size_t(t) * kernels.rowBytes, kernels.rowBytes);
      }
    return window;
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
    const Lines expected = expectedWindow(kernels, source);
    for (const KernelSet &set : kernels.sets)
      EXPECT_EQ(pushed(set.push[0], source, kernels.rowBytes, kernels.stride), expected)
          << set.target << " " << form.name;
  }
}

/// One thread is all blocks: it does what is posted, and leaves.
TEST_P(DeviceKernels, AResidentPushDoesWhatIsPosted) {
  compiler::EmitKernelsOptions options = compiler::cudaKernelOptions(90);
  options.resident = compiler::KernelForm::Instead;
  const Kernels kernels = compileKernels(GetParam().element, GetParam().columns, false, options);
  Lines source = randomRows(Tokens, GetParam().element, kernels.rowBytes, kernels.rowBytes, random);
  const Lines expected = expectedWindow(kernels, source);
  for (const KernelSet &set : kernels.sets) {
    const auto push = reinterpret_cast<faro_abi_resident_push_fn>(reinterpret_cast<void (*)()>(set.push[0]));
    Lines window(offsets.back() * kernels.stride, Untouched);
    const std::vector<uint64_t> list = addresses(window, kernels.stride);
    auto queue = std::make_unique<faro_abi_push_queue>();
    // A launch that finds all its pushes; one that is told to leave, and does those; one that waits in vain.
    faro_abi_block_state state{FARO_ABI_QUEUE_ENTRIES - 2, 0};
    queue->posted = state.done;
    const auto post = [&](int64_t begin, int64_t end) {
      queue->entries[queue->posted++ % FARO_ABI_QUEUE_ENTRIES] = {uint64_t(reinterpret_cast<uintptr_t>(source.data())),
                                                                  int64_t(kernels.rowBytes),
                                                                  uint64_t(reinterpret_cast<uintptr_t>(offsets.data())),
                                                                  uint64_t(reinterpret_cast<uintptr_t>(list.data())),
                                                                  begin,
                                                                  end,
                                                                  {}};
    };
    post(0, 3);
    push(queue.get(), &state, 1, /*linger=*/0);
    EXPECT_EQ(std::pair(state.done, state.left), std::pair(queue->posted, uint64_t(1)));
    post(3, 3);
    post(3, 11);
    post(11, Tokens);
    queue->leave = 2;
    push(queue.get(), &state, 2, /*linger=*/uint64_t(1) << 40);
    EXPECT_EQ(std::pair(state.done, state.left), std::pair(queue->posted, uint64_t(2)));
    push(queue.get(), &state, 3, /*linger=*/1000);
    EXPECT_EQ(std::pair(state.done, state.left), std::pair(queue->posted, uint64_t(3)));
    EXPECT_EQ(window, expected) << set.target;
  }
}

TEST_P(DeviceKernels, PullSumsAsTheDefinitionSays) {
  for (const Form &form : Forms) {
    if (form.bulk == compiler::KernelForm::Instead) // which is for pushes
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
    for (const KernelSet &set : kernels.sets)
      EXPECT_EQ(pulled(set.pull[0], rows, kernels.stride, kernels.rowBytes), expected) << set.target;
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
