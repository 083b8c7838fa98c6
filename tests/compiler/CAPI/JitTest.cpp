// The compiler's C face: results and diagnostics.
#include "tests/compiler/CAPI/JitKit.h"

#include <csignal>
#include <fstream>
#include <tuple>

using namespace faro::test;

namespace {

TEST_F(JitTest, TablesSayWhatTheSpecSays) {
  Compiled compiled(Spec, "");
  ASSERT_EQ(compiled.status, 0) << (compiled.said.empty() ? "" : compiled.said[0]);
  const faro_abi_module &module = *faro_compiled_module(compiled.result);
  EXPECT_EQ(module.magic, FARO_ABI_MAGIC);
  EXPECT_EQ(module.version, FARO_ABI_VERSION);
  EXPECT_EQ(std::string(module.spec_text, module.spec_size), Spec);
  EXPECT_EQ(module.mesh.nodes, 1u);
  EXPECT_EQ(module.mesh.ranks_per_node, 0u);
  ASSERT_EQ(module.program_count, 1u);
  const faro_abi_program &program = module.programs[0];
  EXPECT_STREQ(program.name, "send");
  EXPECT_EQ(program.op, uint32_t(FARO_ABI_DISPATCH));
  EXPECT_EQ(program.row.columns, 96u);
  EXPECT_EQ(program.row.bytes, 192u);
  EXPECT_EQ(program.layout.align, 8u);
  const uint8_t order[] = {FARO_ABI_KEY_EXPERT, FARO_ABI_KEY_SOURCE, FARO_ABI_KEY_TOKEN, FARO_ABI_KEY_CHOICE};
  EXPECT_TRUE(std::equal(order, order + 4, program.layout.order));
  EXPECT_EQ(program.routes.topk, 2u);
  ASSERT_EQ(program.routes.table_size, 4u);
  EXPECT_EQ(program.routes.table[2], 1u);
  EXPECT_TRUE(compiled.works());
}

/// Stages by operation; the schedules below have one of each.
const faro_abi_stage &stageOf(const faro_abi_schedule &schedule, uint32_t op) {
  for (uint32_t s = 0; s < schedule.stage_count; ++s)
    if (schedule.stages[s].op == op)
      return schedule.stages[s];
  static const faro_abi_stage none{};
  ADD_FAILURE() << schedule.name << " has no stage of operation " << op;
  return none;
}

const std::string Across = "!tokens = !faro.tokens<7168xbf16>\n"
                           "!experts = !faro.tokens<7168xbf16, #faro.layout<order = [expert], align = 8>>\n"
                           "!routes = !faro.routes<topk = 2, experts = 4>\n"
                           "func.func @send(%x: !tokens, %r: !routes) -> !experts {\n"
                           "  %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts\n"
                           "  return %y : !experts\n}\n"
                           "func.func @bring(%y: !experts, %r: !routes) -> !tokens {\n"
                           "  %x = faro.combine %y, %r partial(f32) : (!experts, !routes) -> !tokens\n"
                           "  return %x : !tokens\n}\n";

TEST_F(JitTest, AMeshOfAnyNodesGetsAScheduleForEachPath) {
  Compiled compiled(Across, "");
  ASSERT_EQ(compiled.status, 0) << (compiled.said.empty() ? "" : compiled.said[0]);
  const faro_abi_module &module = *faro_compiled_module(compiled.result);
  ASSERT_EQ(module.program_count, 2u);
  EXPECT_EQ(module.schedule_size, sizeof(faro_abi_schedule));
  EXPECT_EQ(module.ring_size, sizeof(faro_abi_ring));
  const char *names[2][2] = {{"send", "send_across"}, {"bring", "bring_across"}};
  for (uint32_t p = 0; p < 2; ++p) {
    EXPECT_STREQ(module.programs[p].name, names[p][0]);
    ASSERT_EQ(module.programs[p].schedule_count, 2u);
    for (uint32_t s = 0; s < 2; ++s) {
      const faro_abi_schedule &schedule = module.programs[p].schedules[s];
      EXPECT_STREQ(schedule.name, names[p][s]);
      EXPECT_EQ(schedule.path, s);
      EXPECT_EQ(schedule.ring_count, s == 0 ? 0u : 2u);
      const bool sums = p == 1 && s == 1;
      EXPECT_EQ(schedule.partial, sums ? uint32_t(FARO_ABI_F32) : 0u);
      EXPECT_EQ(schedule.partial_stride, sums ? 28672u : 0u);
    }
    const faro_abi_schedule &across = module.programs[p].schedules[1];
    EXPECT_STREQ(across.rings[0].name, "tx");
    EXPECT_STREQ(across.rings[1].name, "rx");
    EXPECT_EQ(across.rings[0].slots, 8u);
    EXPECT_EQ(across.rings[0].slot_bytes, 131072u);
    const faro_abi_stage &wire = stageOf(across, FARO_ABI_STAGE_WIRE), &out = stageOf(across, FARO_ABI_STAGE_FAN_OUT);
    const faro_abi_stage &fill = stageOf(across, p == 0 ? FARO_ABI_STAGE_GATHER : FARO_ABI_STAGE_REDUCE);
    EXPECT_EQ(wire.resource, uint32_t(FARO_ABI_ON_NIC));
    EXPECT_EQ(wire.kernel, FARO_ABI_NO_KERNEL);
    EXPECT_EQ(std::tuple(fill.from, fill.into, fill.acquires, fill.releases), std::tuple(FARO_ABI_NO_RING, 0u, 1u, 0u));
    EXPECT_EQ(std::tuple(wire.from, wire.into, wire.acquires, wire.releases), std::tuple(0u, 1u, 2u, 1u));
    EXPECT_EQ(std::tuple(out.from, out.into, out.acquires, out.releases), std::tuple(1u, FARO_ABI_NO_RING, 0u, 2u));
    EXPECT_EQ(fill.gather, p == 0 ? uint32_t(FARO_ABI_BY_REFERENCE) : uint32_t(FARO_ABI_BY_COPY));
    ASSERT_EQ(wire.after_count, 1u);
    EXPECT_EQ(&across.stages[wire.after[0]], &fill);
  }
  // One kernel for a share, wherever it is needed; another for what lands and for the last sum.
  const faro_abi_schedule &across = module.programs[1].schedules[1];
  const uint32_t share = stageOf(across, FARO_ABI_STAGE_PULL).share_kernel;
  EXPECT_EQ(stageOf(across, FARO_ABI_STAGE_REDUCE).kernel, share);
  EXPECT_EQ(stageOf(across, FARO_ABI_STAGE_SETTLE).share_kernel, share);
  EXPECT_EQ(stageOf(across, FARO_ABI_STAGE_REDUCE).share_kernel, FARO_ABI_NO_KERNEL);
  EXPECT_NE(stageOf(across, FARO_ABI_STAGE_PULL).kernel, share);
  EXPECT_NE(stageOf(module.programs[1].schedules[0], FARO_ABI_STAGE_PULL).kernel, share);
  EXPECT_STREQ(module.kernel_sets[0].kernels[share].name, "bring_share");
}

TEST_F(JitTest, SlicesAreChosenForTheWireAndKeptApart) {
  const auto slot = [&](uint32_t wire, bool cached) {
    Compiled compiled(Across, folder, 0, 0, wire);
    EXPECT_EQ(compiled.status, 0) << (compiled.said.empty() ? "" : compiled.said[0]);
    EXPECT_EQ(compiled.stats.from_cache != 0, cached);
    return compiled.status == 0 ? faro_compiled_module(compiled.result)->programs[0].schedules[1].rings[0].slot_bytes
                                : 0;
  };
  const uint64_t unsaid = slot(FARO_COMPILE_ANY_WIRE, false), tcp = slot(FARO_COMPILE_TCP, false);
  EXPECT_EQ(tcp, unsaid);
  EXPECT_GT(slot(FARO_COMPILE_RDMA, false), tcp);
  EXPECT_GT(slot(FARO_COMPILE_RDMA, true), tcp);
}

TEST_F(JitTest, WiresThatAreNoneOrComeTooLateAreErrors) {
  const auto refused = [](const std::string &text, uint32_t wire) {
    Compiled compiled(text, "", 0, 0, wire);
    EXPECT_NE(compiled.status, 0);
    return compiled.said.empty() ? "" : compiled.said[0];
  };
  EXPECT_EQ(refused(Across, 3), "moe.mlir: error: wire 3 is none of faro_compile_wire");
  const std::string schedule = R"(
!experts = !faro.tokens<8xf32, #faro.layout<order = [expert, source, token]>>
!routes = !faro.routes<topk = 2, experts = 8>
xfer.program @p dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in   = xfer.await "open" after(%open) on(link)
  %push = xfer.push %plan after(%in) on(core) kernel(@push)
  %sent = xfer.notify "done" after(%push) on(link)
  %all  = xfer.await "done" after(%sent) on(link)
}
)";
  EXPECT_EQ(Compiled(schedule, "").status, 0);
  EXPECT_NE(refused(schedule, FARO_COMPILE_TCP).find("holds schedules, whose slices are given"), std::string::npos);
}

TEST_F(JitTest, ADeviceGetsAnImageOfItsOwn) {
  setenv("FARO_PTXAS", "none", 1); // text, whatever this machine has
  Compiled host(Spec, folder), device(Spec, folder, 90), again(Spec, folder, 90), older(Spec, folder, 80);
  Compiled both(Spec, folder, 90, FARO_COMPILE_HOST);
  unsetenv("FARO_PTXAS");
  ASSERT_EQ(device.status, 0) << (device.said.empty() ? "" : device.said[0]);
  EXPECT_EQ(faro_compiled_module(host.result)->image_count, 0u);
  EXPECT_EQ(device.stats.from_cache, 0u);
  EXPECT_EQ(again.stats.from_cache, 1u);
  EXPECT_EQ(older.stats.from_cache, 0u);
  for (const Compiled *each : {&device, &again}) {
    const faro_abi_module &module = *faro_compiled_module(each->result);
    ASSERT_EQ(module.image_count, 1u);
    EXPECT_EQ(module.images[0].format, uint32_t(FARO_ABI_PTX));
    EXPECT_EQ(module.images[0].architecture, 90u);
    const std::string text(reinterpret_cast<const char *>(module.images[0].data), module.images[0].size);
    EXPECT_NE(text.find(".entry send_push("), std::string::npos);
    // Names only: nobody has waited for the CPU's kernels.
    const faro_abi_kernel_set &set = module.kernel_sets[0];
    EXPECT_EQ(set.level, uint32_t(FARO_ABI_CPU_NONE));
    for (uint32_t k = 0; k < set.kernel_count; ++k)
      EXPECT_EQ(set.kernels[k].entry, nullptr);
    EXPECT_STREQ(set.kernels[0].name, "send_push");
    EXPECT_STREQ(each->stats.assembler, "");
    EXPECT_EQ(each->stats.ptx_milliseconds > 0, each == &device);
  }
  ASSERT_EQ(both.status, 0);
  EXPECT_EQ(both.stats.from_cache, 0u);
  EXPECT_EQ(faro_compiled_module(both.result)->image_count, 1u);
  EXPECT_TRUE(both.works());
}

/// Then nobody can say how the assembler ended; what it wrote is there.
TEST_F(JitTest, AProcessThatIgnoresItsChildrenGetsMachineCode) {
  const fs::path assembler = folder / "ptxas";
  std::ofstream(assembler) << "#!/bin/sh\nwhile [ $# -gt 1 ]; do [ \"$1\" = -o ] && out=$2; shift; done\n"
                              "sleep 0.05\nprintf code > \"$out\"\n";
  fs::permissions(assembler, fs::perms::owner_all);
  setenv("FARO_PTXAS", assembler.c_str(), 1);
  const auto before = std::signal(SIGCHLD, SIG_IGN);
  Compiled device(Spec, "", 90);
  std::signal(SIGCHLD, before);
  unsetenv("FARO_PTXAS");
  fs::remove(assembler);
  ASSERT_EQ(device.status, 0) << (device.said.empty() ? "" : device.said[0]);
  const faro_abi_module &module = *faro_compiled_module(device.result);
  ASSERT_GE(module.image_count, 1u);
  EXPECT_EQ(module.images[0].format, uint32_t(FARO_ABI_CUBIN));
  EXPECT_EQ(
      std::string(static_cast<const char *>(static_cast<const void *>(module.images[0].data)), module.images[0].size),
      "code");
}

/// What else is asked for is part of the cache's key, and of the tables.
TEST_F(JitTest, KernelsForADeviceAreThoseAskedFor) {
  setenv("FARO_PTXAS", "none", 1);
  const std::string spec = "!tokens = !faro.tokens<512xbf16>\n"
                           "!experts = !faro.tokens<512xbf16, #faro.layout<order = [expert, source, token]>>\n"
                           "!routes = !faro.routes<topk = 2, experts = 4>\n"
                           "func.func @send(%x: !tokens, %r: !routes) -> !experts {\n"
                           "  %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts\n"
                           "  return %y : !experts\n}\n";
  for (const int wanted : {0, int(FARO_COMPILE_PLAN), int(FARO_COMPILE_BULK), int(FARO_COMPILE_RESIDENT),
                           FARO_COMPILE_PLAN | FARO_COMPILE_BULK}) {
    const auto kernels = uint32_t(wanted);
    SCOPED_TRACE(kernels);
    Compiled first(spec, folder, 90, kernels), second(spec, folder, 90, kernels);
    ASSERT_EQ(first.status, 0) << (first.said.empty() ? "" : first.said[0]);
    EXPECT_EQ(first.stats.from_cache, 0u);
    EXPECT_EQ(second.stats.from_cache, 1u);
    for (const Compiled *each : {&first, &second}) {
      const faro_abi_module &module = *faro_compiled_module(each->result);
      EXPECT_EQ(module.programs[0].plan != nullptr, (kernels & FARO_COMPILE_PLAN) != 0);
      const std::string text(reinterpret_cast<const char *>(module.images[0].data), module.images[0].size);
      EXPECT_EQ(text.find(".entry send_plan_count(") != std::string::npos, (kernels & FARO_COMPILE_PLAN) != 0);
      EXPECT_EQ(text.find(".entry send_push_bulk(") != std::string::npos, (kernels & FARO_COMPILE_BULK) != 0);
      EXPECT_EQ(text.find(".entry send_push_resident(") != std::string::npos, (kernels & FARO_COMPILE_RESIDENT) != 0);
    }
  }
  unsetenv("FARO_PTXAS");
}

TEST_F(JitTest, ArchitecturesThatNobodyKnowsAreRefused) {
  for (const uint32_t architecture : {42u, 91u, 4000000000u}) {
    Compiled compiled(Spec, folder, architecture);
    EXPECT_NE(compiled.status, 0);
    ASSERT_EQ(compiled.said.size(), 1u);
    EXPECT_EQ(compiled.said[0].rfind("moe.mlir: error: sm_", 0), 0u) << compiled.said[0];
    EXPECT_NE(compiled.said[0].find("expected one of"), std::string::npos) << compiled.said[0];
  }
  EXPECT_TRUE(files().empty());
}

/// Callers that were built before a field was added.
TEST_F(JitTest, OlderCallersGetWhatTheyKnow) {
  struct {
    faro_compile_options options;
    uint32_t behind;
  } in{};
  in.options.struct_size = offsetof(faro_compile_options, cuda_architecture);
  in.options.cache_dir = "";
  in.options.cuda_architecture = 91; // beyond what it says it has
  faro_compile_stats stats{};
  stats.struct_size = offsetof(faro_compile_stats, ptx_milliseconds);
  stats.ptx_milliseconds = -1;
  faro_compiled *result = nullptr;
  ASSERT_EQ(faro_compiler_jit(Spec.data(), Spec.size(), "x", &in.options, nullptr, nullptr, &result, &stats), 0);
  EXPECT_GT(stats.milliseconds, 0);
  EXPECT_EQ(stats.ptx_milliseconds, -1);
  faro_compiled_destroy(result);
}

TEST_F(JitTest, FaultsAreReportedAtTheirLine) {
  Compiled syntax("module {\n  func.func @f( {\n}\n", folder);
  EXPECT_NE(syntax.status, 0);
  ASSERT_FALSE(syntax.said.empty());
  EXPECT_EQ(syntax.said[0].rfind("moe.mlir:2:", 0), 0u) << syntax.said[0];
  EXPECT_NE(syntax.said[0].find(": error: "), std::string::npos);

  std::string wrong = Spec;
  wrong.replace(wrong.find("topk = 2"), 8, "topk = 9");
  Compiled semantic(wrong, folder);
  EXPECT_NE(semantic.status, 0);
  ASSERT_FALSE(semantic.said.empty());
  EXPECT_EQ(semantic.said[0].rfind("moe.mlir:3:", 0), 0u) << semantic.said[0];
  EXPECT_TRUE(files().empty()) << "a fault was cached";
}

TEST_F(JitTest, GarbageIsRefusedWithAMessage) {
  std::string deep;
  for (int i = 0; i < 100000; ++i)
    deep += "(";
  for (const std::string &text :
       {std::string(), std::string("\n\n"), std::string("\xff\xfe\x00M", 4), std::string("ML\xefR\x0dgarbage"),
        std::string("func.func\0", 10), deep, std::string("\"x\"(%0#2147483647) : (i32) -> ()"),
        std::string("!a = !faro.tokens<"), std::string("module {}")}) {
    Compiled compiled(text, folder);
    EXPECT_NE(compiled.status, 0);
    EXPECT_EQ(compiled.result, nullptr);
    EXPECT_FALSE(compiled.said.empty());
  }
}

TEST_F(JitTest, NullArgumentsAreFaultsNotCrashes) {
  EXPECT_NE(faro_compiler_jit(Spec.data(), Spec.size(), nullptr, nullptr, nullptr, nullptr, nullptr, nullptr), 0);
  faro_compiled *result = nullptr;
  EXPECT_NE(faro_compiler_jit(nullptr, 3, "x", nullptr, nullptr, nullptr, &result, nullptr), 0);
  EXPECT_EQ(faro_compiled_module(nullptr), nullptr);
  faro_compiled_destroy(nullptr);
}

} // namespace
