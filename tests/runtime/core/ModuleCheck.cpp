// A module's tables are checked before anything relies on them: each way in which they may be wrong is refused.
#include "runtime/core/ModuleCheck.h"

#include "faro/module.h"
#include "runtime/core/ModuleTerms.h"
#include "tests/runtime/HandMadeTables.h"

#include <cstdlib>
#include <functional>
#include <gtest/gtest.h>
#include <span>

using namespace faro;

namespace {

void kernel() {}

/// A correct module that a test then breaks in one place.
struct Tables : test::DirectDispatch {
  faro_abi_kernel kernels[1] = {{"push", kernel}};
  faro_abi_kernel_set set{"x86-64", FARO_ABI_CPU_X86_64, 1, kernels};
  faro_abi_plan_kernels plan{32, 0, 0, 0, 0, 0, FARO_ABI_NO_KERNEL, 0};
  faro_abi_module module = test::moduleHead("test", "spec");

  Tables() {
    program.plan = &plan;
    module.program_count = module.kernel_set_count = 1;
    module.programs = &program;
    module.kernel_sets = &set;
  }
};

} // namespace

TEST(ModuleCheck, acceptsACorrectModule) {
  Tables tables;
  EXPECT_TRUE(checkModule(tables.module, "m.so")) << checkModule(tables.module, "m.so").message();
  auto module = Module::adopt(&tables.module, nullptr, "m.so");
  ASSERT_TRUE(module);
  EXPECT_EQ((*module)->find("dispatch"), &tables.program);
  EXPECT_EQ((*module)->find("other"), nullptr);
  EXPECT_EQ((*module)->only(FARO_ABI_COMBINE).status().code(), FARO_NOT_FOUND);
}

TEST(ModuleCheck, refusesEachFaultByName) {
  struct Fault {
    const char *expected;
    faro_status code;
    std::function<void(Tables &)> inflict;
  };
  const Fault faults[] = {
      {"magic", FARO_INVALID_ARGUMENT, [](Tables &t) { t.module.magic = 1; }},
      {"version 1", FARO_VERSION_MISMATCH, [](Tables &t) { t.module.version = 1; }},
      {"stage table", FARO_VERSION_MISMATCH, [](Tables &t) { t.module.stage_size += 8; }},
      {"hash", FARO_DATA_LOSS, [](Tables &t) { t.module.spec_sha256[5] ^= 1; }},
      {"hash", FARO_DATA_LOSS, [](Tables &t) { t.module.spec_size = 3; }},
      {"no program", FARO_DATA_LOSS, [](Tables &t) { t.module.program_count = 0; }},
      {"element type 9", FARO_DATA_LOSS, [](Tables &t) { t.program.row.element = 9; }},
      {"row of 8 columns", FARO_DATA_LOSS, [](Tables &t) { t.program.row.bytes = 17; }},
      {"row of 8 columns", FARO_DATA_LOSS, [](Tables &t) { t.program.row.stride = 8; }},
      {"order 0 1 2 2", FARO_DATA_LOSS, [](Tables &t) { t.program.layout.order[3] = 2; }},
      {"align 0", FARO_DATA_LOSS, [](Tables &t) { t.program.layout.align = 0; }},
      {"token or choice before source", FARO_DATA_LOSS,
       [](Tables &t) { std::swap(t.program.layout.order[1], t.program.layout.order[2]); }},
      {"top-5 of 4", FARO_DATA_LOSS, [](Tables &t) { t.program.routes.topk = 5; }},
      {"placement 2", FARO_DATA_LOSS, [](Tables &t) { t.program.routes.placement = FARO_ABI_PLACEMENT_TABLE; }},
      {"unknown operation", FARO_DATA_LOSS, [](Tables &t) { t.stages[1].op = 77; }},
      {"flag 4", FARO_DATA_LOSS, [](Tables &t) { t.stages[0].flag = 4; }},
      {"kernel that is not there", FARO_DATA_LOSS, [](Tables &t) { t.stages[2].kernel = 1; }},
      {"waits for a later one", FARO_DATA_LOSS, [](Tables &t) { t.after1[0] = 1; }},
      {"before the other ranks are ready", FARO_DATA_LOSS, [](Tables &t) { t.after2[0] = 0; }},
      {"against the direction", FARO_DATA_LOSS, [](Tables &t) { t.stages[2].op = FARO_ABI_STAGE_PULL; }},
      {"chunks of 0 tokens", FARO_DATA_LOSS, [](Tables &t) { t.plan.chunk_tokens = 0; }},
      {"kernel 1 of 1 plans", FARO_DATA_LOSS, [](Tables &t) { t.plan.meet = 1; }},
      {"kernel 0 of 1 zeroes padding for align 1", FARO_DATA_LOSS, [](Tables &t) { t.plan.pad = 0; }},
      {"kernel 0 of set x86-64", FARO_DATA_LOSS, [](Tables &t) { t.kernels[0].entry = nullptr; }},
      {"kernel 0 of set x86-64", FARO_DATA_LOSS, [](Tables &t) { t.set.level = FARO_ABI_CPU_NONE; }},
  };
  for (const Fault &fault : faults) {
    Tables tables;
    fault.inflict(tables);
    const Status status = checkModule(tables.module, "m.so");
    EXPECT_EQ(status.code(), fault.code) << fault.expected << ": " << status.message();
    EXPECT_NE(status.message().find(fault.expected), std::string::npos) << fault.expected << ": " << status.message();
    EXPECT_EQ(status.message().rfind("m.so: ", 0), 0u) << status.message();
  }
}

TEST(ModuleTerms, differWithWhatRanksTellEachOtherWithoutSaying) {
  const Tables same;
  const Digest terms = termsOf(same.module);
  const std::function<void(Tables &)> changes[] = {
      [](Tables &t) { t.module.spec_sha256[5] ^= 1; },
      [](Tables &t) { t.module.mesh.nodes = 2; },
      [](Tables &t) { t.program.name = "other"; },
      [](Tables &t) { t.program.row.stride += 64; },
      [](Tables &t) { t.program.layout.align = 2; },
      [](Tables &t) { t.program.routes.topk = 1; },
      [](Tables &t) { t.stages[2].name = "other"; },
      [](Tables &t) { t.stages[0].flag = 1; },
      [](Tables &t) { t.after2[0] = 0; },
      [](Tables &t) { t.schedule.stage_count = 2; },
      [](Tables &t) { t.stages[1].acquires = 1; },
      [](Tables &t) { t.schedule.partial_stride = 64; },
  };
  for (const auto &change : changes) {
    Tables changed;
    change(changed);
    EXPECT_NE(termsOf(changed.module), terms) << "change " << &change - changes;
  }
  Tables other; // another processor's kernels, and more of them
  other.set.target = "x86-64-v4";
  other.kernels[0].name = "other";
  other.program.plan = nullptr;
  EXPECT_EQ(termsOf(other.module), terms);
}

TEST(ModuleCheck, aModuleForDevicesOnlyHasNamesOfKernels) {
  Tables tables;
  tables.set.level = FARO_ABI_CPU_NONE;
  tables.kernels[0].entry = nullptr;
  EXPECT_TRUE(checkModule(tables.module, "m.so")) << checkModule(tables.module, "m.so").message();
  auto kernels = chooseKernels(tables.module, "m.so");
  ASSERT_TRUE(kernels);
  EXPECT_EQ(*kernels, &tables.set);
}

TEST(ModuleCheck, aModuleWithoutKernelsForThisMachineSaysWhatItHas) {
  Tables tables;
  tables.set.target = "x86-64-v99";
  tables.set.level = 99;
  auto kernels = chooseKernels(tables.module, "m.so");
  ASSERT_FALSE(kernels);
  EXPECT_EQ(kernels.status().code(), FARO_UNAVAILABLE);
  EXPECT_NE(kernels.status().message().find("x86-64-v99"), std::string::npos);
}

TEST(ModuleCheck, kernelsForAVendorsMemoryAreTakenThereOrWhenAskedFor) {
  if (!__builtin_cpu_supports("x86-64-v3"))
    GTEST_SKIP() << "this processor has no AVX2";
  Tables tables;
  faro_abi_kernel_set sets[] = {{"x86-64", FARO_ABI_CPU_X86_64, 1, tables.kernels},
                                {"x86-64-v3-amd", FARO_ABI_CPU_X86_64_V3_AMD, 1, tables.kernels},
                                {"x86-64-v3-amd17h", FARO_ABI_CPU_X86_64_V3_AMD17H, 1, tables.kernels},
                                {"x86-64-v3", FARO_ABI_CPU_X86_64_V3, 1, tables.kernels},
                                {"x86-64-v4-amd", FARO_ABI_CPU_X86_64_V4_AMD, 1, tables.kernels},
                                {"x86-64-v4", FARO_ABI_CPU_X86_64_V4, 1, tables.kernels}};
  tables.module.kernel_sets = sets;
  const auto chosen = [&] {
    const auto set = chooseKernels(tables.module, "m.so");
    return set ? std::string((*set)->target) : set.status().message();
  };
  const std::string vendor = __builtin_cpu_is("amd") ? "-amd" : "";
  const std::string family = __builtin_cpu_is("amdfam17h") ? "-amd17h" : vendor;
  const uint32_t run = __builtin_cpu_supports("x86-64-v4") ? 6 : 4;
  for (const uint32_t count : {4u, run}) {
    tables.module.kernel_set_count = count;
    EXPECT_EQ(chosen(), count == 4 ? "x86-64-v3" + family : "x86-64-v4" + vendor);
  }
  for (const faro_abi_kernel_set &set : std::span(sets).first(run)) {
    setenv("FARO_KERNELS", set.target, 1);
    EXPECT_EQ(chosen(), set.target);
  }
  unsetenv("FARO_KERNELS");
}

TEST(ModuleCheck, filesThatAreNoModulesAreRefused) {
  EXPECT_EQ(Module::load("/nonexistent/m.so").status().code(), FARO_NOT_FOUND);
  EXPECT_EQ(Module::load("/etc/passwd").status().code(), FARO_INVALID_ARGUMENT);
  const Status other = Module::load("libc.so.6").status();
  EXPECT_EQ(other.code(), FARO_NOT_FOUND); // a name without a slash is a file here, not a library of the system
}
