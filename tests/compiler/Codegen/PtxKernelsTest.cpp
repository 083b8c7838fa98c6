// The PTX of a spec's kernels, run as a device would (tests/ptx/Machine.h), against the CPU's own kernels: the same
// bytes for every form of row, on every architecture, whatever the grid.
#include "compiler/Codegen/CUDA/Images.h"
#include "compiler/Pipelines/Compilation.h"
#include "tests/compiler/Codegen/Kernels.h"
#include "tests/ptx/Machine.h"
#include "tests/support/Some.h"

#include <algorithm>
#include <cstring>
#include <random>

namespace faro::test {
namespace {

using reference::Element;

constexpr int64_t Tokens = 20;
constexpr int Architectures[] = {80, 90, 100};

/// Any grid is right: more blocks than tokens and fewer, more threads than a row has accesses and fewer.
constexpr ptx::Grid Grids[] = {{3, 32}, {31, 96}};

/// PTX for each of the architectures.
std::vector<ptx::Program> compilePtx(const std::string &spec) {
  std::string said;
  compiler::Compilation compilation(spec, "spec", [&](const std::string &message) { said += message + "\n"; });
  EXPECT_TRUE(succeeded(compilation.parse()) && succeeded(compilation.lowerTo(compiler::Phase::Xfer))) << said;
  auto work = compiler::CudaImageWork::start(compilation.module(), Architectures, /*assembler=*/nullptr);
  EXPECT_TRUE(succeeded(work)) << said;
  compiler::CudaImages images = llvm::cantFail((*work)->finish());
  std::vector<ptx::Program> programs;
  for (const compiler::ImageTable &image : images.images) {
    std::string error;
    EXPECT_TRUE(ptx::parse(image.data.c_str(), programs.emplace_back(), error)) << image.target << ": " << error;
  }
  EXPECT_EQ(programs.size(), std::size(Architectures));
  return programs;
}

uint64_t addressOf(const Lines &lines) { return reinterpret_cast<uint64_t>(lines.data()); }

class PtxKernels : public ::testing::TestWithParam<Row> {
protected:
  PtxKernels() : random(uint32_t(GetParam().columns)) {
    for (int64_t t = 0; t < Tokens; ++t)
      offsets.push_back(offsets.back() + uint32_t((t * 5) % 9));
    for (uint32_t i = 0; i < offsets.back(); ++i) {
      order.push_back(i);
      weights.push_back(i % 11 == 0 ? 0.f : std::uniform_real_distribution<float>(-2, 2)(random));
    }
    std::shuffle(order.begin(), order.end(), random);
  }

  /// Rows `stride` apart, zeros behind their `bytes`. Some hold what is no usual number.
  Lines rowsOf(int64_t rows, Element element, uint64_t bytes, uint64_t stride) {
    const float Unusual[] = {INFINITY, -INFINITY, NAN, -0.f, 1e-40f, 6e-8f, 3e38f, 65504.f, 65520.f};
    Lines lines(size_t(rows) * stride, std::byte(0));
    const size_t unit = element == Element::F32 ? 4 : 2;
    for (int64_t row = 0; row < rows; ++row)
      for (size_t at = 0; at < bytes; at += unit)
        reference::fromFloat(
            element, random() % 31 ? std::normal_distribution<float>()(random) : Unusual[random() % std::size(Unusual)],
            lines.data() + size_t(row) * stride + at);
    return lines;
  }

  /// The addresses of rows `stride` apart, in the batch's order.
  std::vector<uint64_t> addresses(const Lines &lines, uint64_t stride) const {
    std::vector<uint64_t> list;
    for (const uint32_t row : order)
      list.push_back(addressOf(lines) + row * stride);
    list.resize(list.size() + FARO_ABI_MAX_TOPK, list.back()); // what a kernel may prefetch through
    return list;
  }

  /// The kernel of this name is run over `memory` with these parameters; nothing else can be reached.
  void runPtx(const ptx::Function &function, ptx::Grid grid, const std::vector<uint64_t> &parameters,
              std::initializer_list<ptx::Range> memory) const {
    const ptx::Fault fault = ptx::run(function, grid, parameters, [&](uint64_t address) {
      for (const ptx::Range &range : memory)
        if (address >= range.begin && address < range.end)
          return range;
      return ptx::Range();
    });
    EXPECT_EQ(fault.code, ptx::NoFault) << fault.what;
  }
  template <typename T> static ptx::Range all(const std::vector<T> &list) {
    const uint64_t begin = reinterpret_cast<uint64_t>(list.data());
    return {begin, begin + list.size() * sizeof(T), reinterpret_cast<std::byte *>(begin)};
  }
  static ptx::Range all(Lines &lines) { return {addressOf(lines), addressOf(lines) + lines.size(), lines.data()}; }

  /// `run(grid, window, list)` lets the device push to the rows of the window that the list names.
  template <typename Run>
  void comparePushed(const ptx::Function &function, faro_abi_push_fn cpu, Lines &source, uint64_t sourceStride,
                     uint64_t stride, Run run) {
    Lines expected(offsets.back() * stride, Untouched);
    cpu(source.data(), int64_t(sourceStride), offsets.data(), addresses(expected, stride).data(), 0, Tokens);
    for (const ptx::Grid grid : Grids) {
      Lines window(offsets.back() * stride, Untouched);
      run(grid, window, addresses(window, stride));
      EXPECT_EQ(window, expected) << function.name;
    }
  }
  void comparePush(const ptx::Function *function, faro_abi_push_fn cpu, Lines &source, uint64_t sourceStride,
                   uint64_t stride) {
    if (!function)
      return;
    comparePushed(*function, cpu, source, sourceStride, stride,
                  [&](ptx::Grid grid, Lines &window, const std::vector<uint64_t> &list) {
                    runPtx(*function, grid,
                           {addressOf(source), sourceStride, all(offsets).begin, all(list).begin, 0, Tokens},
                           {all(source), all(window), all(offsets), all(list)});
                  });
  }
  /// The same by pushes that a queue holds when the kernel begins, which is told to leave.
  void compareResident(const ptx::Function *function, faro_abi_push_fn cpu, Lines &source, uint64_t sourceStride,
                       uint64_t stride) {
    if (!function)
      return;
    comparePushed(
        *function, cpu, source, sourceStride, stride,
        [&](ptx::Grid grid, Lines &window, const std::vector<uint64_t> &list) {
          std::vector<faro_abi_push_queue> queue(1);
          std::vector<faro_abi_block_state> states(grid.blocks, {FARO_ABI_QUEUE_ENTRIES - 1, 0});
          queue[0].posted = states[0].done;
          queue[0].leave = 1;
          for (const auto &[begin, end] : {std::pair<int64_t, int64_t>(0, 7), {7, 7}, {7, Tokens}})
            queue[0].entries[queue[0].posted++ % FARO_ABI_QUEUE_ENTRIES] = {
                addressOf(source), int64_t(sourceStride), all(offsets).begin, all(list).begin, begin, end, {}};
          runPtx(*function, grid, {all(queue).begin, all(states).begin, 1, uint64_t(1) << 40},
                 {all(source), all(window), all(offsets), all(list), all(queue), all(states)});
          for (const faro_abi_block_state &state : states)
            EXPECT_EQ(std::pair(state.done, state.left), std::pair(queue[0].posted, uint64_t(1)));
        });
  }
  void comparePull(const ptx::Function *function, faro_abi_pull_fn cpu, Lines &rows, uint64_t stride,
                   uint64_t outStride) {
    if (!function)
      return;
    const std::vector<uint64_t> list = addresses(rows, stride);
    Lines expected(Tokens * outStride, Untouched);
    cpu(expected.data(), int64_t(outStride), offsets.data(), list.data(), weights.data(), 0, Tokens);
    for (const ptx::Grid grid : Grids) {
      Lines out(Tokens * outStride, Untouched);
      runPtx(*function, grid,
             {addressOf(out), outStride, all(offsets).begin, all(list).begin, all(weights).begin, 0, Tokens},
             {all(rows), all(out), all(offsets), all(list), all(weights)});
      EXPECT_EQ(out, expected) << function->name;
    }
  }

  std::mt19937 random;
  std::vector<uint32_t> offsets{0}, order;
  std::vector<float> weights;
};

/// The device's kernel that goes by the name of a CPU's; null where there is none.
template <typename Fn>
const ptx::Function *twin(const ptx::Program &program, const Kernels &kernels, Fn *entry, const char *suffix = "") {
  const auto name = kernels.names.find(reinterpret_cast<void (*)()>(entry));
  if (name == kernels.names.end())
    return nullptr;
  const auto found = program.functions.find(name->second + suffix);
  EXPECT_TRUE(found != program.functions.end() || *suffix) << name->second;
  return found == program.functions.end() ? nullptr : &found->second;
}

} // namespace

TEST_P(PtxKernels, ShuffleAsTheCpusDo) {
  const auto [element, columns, topk] = GetParam();
  const Kernels kernels = compileOldest(element, columns, /*f32Partials=*/false, topk);
  const KernelSet &cpu = kernels.sets.front();
  Lines source = rowsOf(Tokens, element, kernels.rowBytes, kernels.rowBytes);
  Lines rows = rowsOf(offsets.back(), element, kernels.rowBytes, kernels.stride);
  size_t bulk = 0;
  for (const ptx::Program &program : compilePtx(specOf(element, columns, /*f32Partials=*/false, topk))) {
    const faro_abi_push_fn push = cpu.push[0];
    comparePush(twin(program, kernels, push), push, source, kernels.rowBytes, kernels.stride);
    const ptx::Function *copies = twin(program, kernels, push, FARO_ABI_BULK_SUFFIX);
    comparePush(copies, push, source, kernels.rowBytes, kernels.stride);
    bulk += copies != nullptr;
    const ptx::Function *resident = twin(program, kernels, push, FARO_ABI_RESIDENT_SUFFIX);
    EXPECT_NE(resident, nullptr);
    compareResident(resident, push, source, kernels.rowBytes, kernels.stride);
    comparePull(twin(program, kernels, cpu.pull[0]), cpu.pull[0], rows, kernels.stride, kernels.rowBytes);
  }
  EXPECT_EQ(bulk > 0, kernels.rowBytes % 16 == 0 && kernels.rowBytes >= 512);
}

TEST_P(PtxKernels, SumBetweenNodesAsTheCpusDo) {
  const auto [element, columns, topk] = GetParam();
  const Kernels kernels = compileOldest(element, columns, /*f32Partials=*/true, topk);
  const KernelSet &cpu = kernels.sets.front();
  const uint64_t partial = kernels.partialStride;
  Lines rows = rowsOf(offsets.back(), element, kernels.rowBytes, kernels.stride);
  Lines partials = rowsOf(offsets.back(), Element::F32, 4 * columns, partial);
  for (const ptx::Program &program : compilePtx(specOf(element, columns, /*f32Partials=*/true, topk))) {
    comparePull(twin(program, kernels, cpu.share), cpu.share, rows, kernels.stride, partial);
    comparePull(twin(program, kernels, cpu.add[0]), cpu.add[0], partials, partial, kernels.rowBytes);
    comparePush(twin(program, kernels, cpu.land[0]), cpu.land[0], partials, partial, partial);
  }
}

static std::vector<Row> rows() {
  std::vector<Row> rows;
  for (uint64_t columns : {7168, 1, 7, 256, 257})
    rows.push_back({Element::BF16, columns});
  for (uint64_t columns : {287, 64})
    rows.push_back({Element::F16, columns});
  for (uint64_t columns : {4, 129, 5120})
    rows.push_back({Element::F32, columns});
  return rows;
}

INSTANTIATE_TEST_SUITE_P(Rows, PtxKernels, ::testing::ValuesIn(some(rows(), 8)), nameOf);

} // namespace faro::test
