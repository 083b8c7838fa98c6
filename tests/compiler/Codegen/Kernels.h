// A spec's kernels for every processor level that this machine can run, in memory.
#pragma once

#include "compiler/Codegen/Module/CpuTarget.h"
#include "compiler/Codegen/Module/JitModule.h"
#include "compiler/Codegen/Passes.h"
#include "compiler/Interpreter/Reference.h"
#include "compiler/Pipelines/Pipelines.h"

#include <cstring>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace faro::test {

/// The shape that a test of kernels is run for, and the test's name: "BF16x257", or "BF16x257Top2".
struct Row {
  reference::Element element;
  uint64_t columns;
  uint32_t topk = 8;
};
std::string nameOf(const ::testing::TestParamInfo<Row> &info);

/// A dispatch and a combine of rows of `columns` elements on any number of nodes. `f32Partials`: whose sums travel
/// between nodes as f32.
std::string specOf(reference::Element element, uint64_t columns, bool f32Partials = false, uint32_t topk = 8);

/// One kernel set, and the two forms (plain, streaming) of the kernels of specOf's programs. A streaming form may be
/// missing.
struct KernelSet {
  std::string target;
  faro_abi_push_fn push[2] = {};
  faro_abi_pull_fn pull[2] = {};
  // Of the combine across nodes: items to a share, shares that arrive, shares to the result.
  faro_abi_pull_fn share = nullptr;
  faro_abi_push_fn land[2] = {};
  faro_abi_pull_fn add[2] = {};
};

struct Kernels {
  std::unique_ptr<compiler::JitModule> module;
  std::vector<KernelSet> sets;
  std::map<void (*)(), std::string> names; ///< of the kernels of all sets
  uint64_t rowBytes = 0, stride = 0, partialStride = 0;
};

/// Compiles for all levels and for this machine, and leaves out what it cannot run. Throws when anything goes wrong.
/// `options`: how kernels are written; each level's own way without.
Kernels compileKernels(reference::Element element, uint64_t columns, bool f32Partials = false,
                       std::optional<compiler::EmitKernelsOptions> options = {}, uint32_t topk = 8);

/// The same for the oldest processors alone.
Kernels compileOldest(reference::Element element, uint64_t columns, bool f32Partials = false, uint32_t topk = 8);

/// A spec for these processors, in memory. Throws when anything goes wrong.
std::unique_ptr<compiler::JitModule> compileSpec(const std::string &text, llvm::ArrayRef<compiler::CpuTarget> targets,
                                                 const compiler::LoweringOptions &options);

constexpr std::byte Untouched{0xa5};

/// Zeroed or untouched memory that starts at a line, as a device's allocations do.
struct Lines {
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  Lines(size_t size, std::byte fill) : memory(size / 64 + 1) { std::memset(data(), int(fill), memory.size() * 64); }
  std::byte *data() { return memory.front().bytes; }
  const std::byte *data() const { return memory.front().bytes; }
  size_t size() const { return memory.size() * 64; }
  bool operator==(const Lines &other) const { return std::memcmp(data(), other.data(), size()) == 0; }
  std::vector<Line> memory;
};

/// Memory that ends where an inaccessible page begins.
class EdgeMemory {
public:
  explicit EdgeMemory(size_t bytes);
  ~EdgeMemory();
  EdgeMemory(const EdgeMemory &) = delete;
  EdgeMemory &operator=(const EdgeMemory &) = delete;
  std::byte *end() const { return end_; }
  std::byte *begin() const { return end_ - bytes; }

private:
  size_t bytes, mapped;
  void *base;
  std::byte *end_;
};

} // namespace faro::test
