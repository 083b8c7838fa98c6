// A spec, what the compiler's C face makes of it, and a folder for its cache.
#pragma once

#include "compiler/CAPI/faro_compiler.h"

#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <unistd.h>
#include <vector>

namespace faro::test {

namespace fs = std::filesystem;

inline const std::string Spec = R"(!tokens = !faro.tokens<96xbf16>
!experts = !faro.tokens<96xbf16, #faro.layout<order = [expert, source], align = 8>>
!routes = !faro.routes<topk = 2, experts = 4, placement = table [0, 1, 1, 0]>
module attributes {faro.mesh = #faro.mesh<nodes = 1, ranks_per_node = ?>} {
  func.func @send(%x: !tokens, %r: !routes) -> !experts {
    %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
    return %y : !experts
  }
}
)";

struct Compiled {
  faro_compiled *result = nullptr;
  int status = 0;
  faro_compile_stats stats{};
  std::vector<std::string> said;

  Compiled(const std::string &text, const std::string &cache, uint32_t architecture = 0, uint32_t kernels = 0,
           uint32_t wire = FARO_COMPILE_ANY_WIRE) {
    stats.struct_size = sizeof stats;
    const faro_compile_options options{sizeof(faro_compile_options), cache.c_str(), architecture, kernels, wire};
    status = faro_compiler_jit(
        text.data(), text.size(), "moe.mlir", &options,
        [](void *self, const char *line) { static_cast<Compiled *>(self)->said.push_back(line); }, this, &result,
        &stats);
  }
  ~Compiled() { faro_compiled_destroy(result); }
  Compiled(const Compiled &) = delete;
  Compiled &operator=(const Compiled &) = delete;

  /// Copies one row to two places with the module's own kernel.
  bool works() const {
    const faro_abi_module *module = faro_compiled_module(result);
    if (!module || module->magic != FARO_ABI_MAGIC || module->kernel_set_count != 1)
      return false;
    const faro_abi_schedule &schedule = module->programs[0].schedules[0];
    for (uint32_t s = 0; s < schedule.stage_count; ++s)
      if (schedule.stages[s].op == FARO_ABI_STAGE_PUSH) {
        auto push = reinterpret_cast<faro_abi_push_fn>(module->kernel_sets[0].kernels[schedule.stages[s].kernel].entry);
        std::vector<uint16_t> source(96, 0x1234);
        alignas(64) uint16_t rows[2][96] = {};
        const uint32_t offsets[] = {0, 2};
        const uint64_t destinations[] = {reinterpret_cast<uint64_t>(rows[0]), reinterpret_cast<uint64_t>(rows[1])};
        push(source.data(), 192, offsets, destinations, 0, 1);
        return rows[0][0] == 0x1234 && rows[1][95] == 0x1234;
      }
    return false;
  }
};

class JitTest : public ::testing::Test {
protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "faro-jit-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder = pattern;
  }
  void TearDown() override { fs::remove_all(folder); }

  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto &entry : fs::directory_iterator(folder))
      found.push_back(entry.path());
    return found;
  }
  fs::path folder;
};

} // namespace faro::test
