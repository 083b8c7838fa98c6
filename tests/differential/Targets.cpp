// A module holds what it was compiled for; whoever needs something else of it is told.
#include "faro/device_shuffle.h"
#include "faro/module.h"
#include "tests/support/SpecText.h"

#include <gtest/gtest.h>

#include <cstdlib>

using namespace faro;

namespace {

class Targets : public testing::Test {
protected:
  void SetUp() override { setenv("FARO_PTXAS", "none", 1); } // text, whatever this machine has
  void TearDown() override { unsetenv("FARO_PTXAS"); }

  Expected<std::shared_ptr<const Module>> compile(const CompileTargets &targets, CompileReport *report = nullptr) {
    support::SpecShape shape;
    shape.columns = 64;
    shape.topk = 2;
    shape.experts = 4;
    return Module::compile(support::specText(shape), "moe.mlir", report, targets);
  }
  static std::shared_ptr<Communicator> alone() {
    auto made = Communicator::createLocal(1, std::chrono::seconds(20));
    return made ? std::move(made->front()) : nullptr;
  }
  static void expectError(const Status &status, faro_status code, std::initializer_list<const char *> words) {
    EXPECT_EQ(status.code(), code) << status.message();
    for (const char *word : words)
      EXPECT_NE(status.message().find(word), std::string::npos) << word << ": " << status.message();
  }
};

CompileTargets forArchitecture(uint32_t architecture) {
  CompileTargets targets;
  targets.cudaArchitecture = architecture;
  return targets;
}

TEST_F(Targets, aDeviceNeedNotBeThere) {
  CompileReport report;
  auto module = compile(forArchitecture(90), &report);
  ASSERT_TRUE(module) << module.status().message();
  EXPECT_EQ((*module)->abi().images[0].architecture, 90u);
  EXPECT_EQ((*module)->kernels().level, uint32_t(FARO_ABI_CPU_NONE));
  EXPECT_EQ(report.assembler, "");
}

TEST_F(Targets, aSessionOnTheHostNeedsTheHostsKernels) {
  auto module = compile(forArchitecture(90));
  ASSERT_TRUE(module);
  expectError(Session::create(alone(), *module).status(), FARO_UNAVAILABLE,
              {"rank 0", "moe.mlir holds kernels for CUDA devices only", "CompileTargets::host"});
  CompileTargets both = forArchitecture(90);
  both.host = true;
  auto whole = compile(both);
  ASSERT_TRUE(whole);
  EXPECT_TRUE(Session::create(alone(), *whole));
}

TEST_F(Targets, aShuffleOnDevicesNeedsKernelsThatPlan) {
  auto module = compile(forArchitecture(90));
  ASSERT_TRUE(module);
  expectError(DeviceShuffle::create(alone(), *module, {}).status(), FARO_UNAVAILABLE,
              {"dispatch has no kernels that plan on a device", "CompileTargets::planning"});
  CompileTargets planned = forArchitecture(90);
  planned.planning = true;
  auto other = compile(planned);
  ASSERT_TRUE(other);
  EXPECT_NE((*other)->find("dispatch")->plan, nullptr);
}

TEST_F(Targets, thoseThatMakeNoSenseAreRefused) {
  expectError(compile(forArchitecture(91)).status(), FARO_INVALID_ARGUMENT, {"moe.mlir", "sm_91", "expected one of"});
  CompileTargets two = forArchitecture(90);
  two.cudaDevice = 0;
  expectError(compile(two).status(), FARO_INVALID_ARGUMENT, {"device 0", "sm_90", "one of them"});
}

} // namespace
