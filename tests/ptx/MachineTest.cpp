// The machine by itself: what instructions compute, and that it finds what a kernel may not do.
#include "tests/ptx/Machine.h"

#include <bit>
#include <cstring>
#include <gtest/gtest.h>

namespace faro::test::ptx {
namespace {

/// A kernel @k(u64 memory, u64 number) with a few registers and 64 bytes of shared memory.
std::string kernel(const std::string &body) {
  return "//\n.version 8.5\n.target sm_90\n.visible .entry k(\n\t.param .u64 .ptr .global .align 1 k_param_0,\n"
         "\t.param .u64 k_param_1\n)\n{\n\t.reg .pred %p<4>;\n\t.reg .b16 %rs<4>;\n\t.reg .b32 %r<8>;\n"
         "\t.reg .b64 %rd<8>;\n\t.shared .align 128 .b8 k_staging[64];\n"
         "\tld.param.b64 %rd1, [k_param_0];\n\tld.param.b64 %rd2, [k_param_1];\n" +
         body + "\n\tret;\n}\n";
}

struct alignas(64) Memory {
  uint64_t words[16] = {};
};

class PtxMachine : public ::testing::Test {
protected:
  Fault run(const std::string &body, Grid grid = {}, uint64_t number = 0, Work *work = nullptr) {
    Program program;
    std::string error;
    EXPECT_TRUE(parse(kernel(body), program, error)) << error;
    if (!error.empty())
      return {};
    return ptx::run(
        program.functions.at("k"), grid, {address(), number},
        [this](uint64_t) {
          return Range{address(), address() + sizeof memory, reinterpret_cast<std::byte *>(&memory)};
        },
        work);
  }
  uint64_t address() const { return reinterpret_cast<uint64_t>(&memory); }
  void expectFault(int code, const std::string &word, const std::string &body, Grid grid = {}) {
    const Fault fault = run(body, grid);
    EXPECT_EQ(fault.code, code) << fault.what;
    EXPECT_NE(fault.what.find(word), std::string::npos) << fault.what;
  }
  /// What a body leaves in %rd3.
  uint64_t value(const std::string &body, uint64_t number = 0) {
    const Fault fault = run(body + "\n\tst.global.b64 [%rd1], %rd3;", {}, number);
    EXPECT_EQ(fault.code, NoFault) << fault.what;
    return memory.words[0];
  }
  Memory memory;
};

/// Bulk copies of 16 bytes: memory[0..1] to shared memory, and from there to memory[8..9].
const std::string
    Begin = "\tmov.b64 %rd3, k_staging;\n\tcvt.u32.u64 %r1, %rd3;\n\tadd.s32 %r2, %r1, 48;\n"
            "\tmbarrier.init.shared::cta.b64 [%r1 + 48], 1;\n\tfence.proxy.async.shared::cta;\n",
    Load = "\tmbarrier.arrive.expect_tx.shared::cta.b64 _, [%r2], 16;\n"
           "\tcp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r1], [%rd1], 16, [%r2];\n",
    Await = "\t{\n\t.reg .pred there;\n\tagain:\n\tmbarrier.try_wait.parity.shared::cta.b64 there, [%r2], 0;\n"
            "\t@!there bra again;\n\t}\n",
    Store = "\tadd.s64 %rd4, %rd1, 64;\n\tcp.async.bulk.global.shared::cta.bulk_group [%rd4], [%r1], 16;\n"
            "\tcp.async.bulk.commit_group;\n",
    Wait = "\tcp.async.bulk.wait_group 0;\n";

} // namespace

TEST_F(PtxMachine, Computes) {
  EXPECT_EQ(value("mul.hi.u64 %rd3, %rd2, %rd2;", uint64_t(1) << 63), uint64_t(1) << 62);
  EXPECT_EQ(value("mul.hi.s64 %rd3, %rd2, 3;", uint64_t(-1)), uint64_t(-1));
  EXPECT_EQ(value("shr.s64 %rd3, %rd2, 70;", uint64_t(-8)), uint64_t(-1));
  EXPECT_EQ(value("shr.u64 %rd3, %rd2, 64;", uint64_t(-8)), 0u);
  EXPECT_EQ(value("mad.lo.s64 %rd3, %rd2, -2, 5;", 4), uint64_t(-3));
  EXPECT_EQ(value("cvt.u32.u64 %r1, %rd2;\n\tbfe.u32 %r2, %r1, 4, 8;\n\tcvt.u64.u32 %rd3, %r2;", 0xffff'f123'4567),
            0x56u);
  EXPECT_EQ(value("min.s64 %rd4, %rd2, 7;\n\tmax.u64 %rd3, %rd4, 1;", uint64_t(-5)), uint64_t(-5));
  EXPECT_EQ(value("setp.lt.s64 %p1, %rd2, 0;\n\tselp.b64 %rd3, 8, 9, %p1;", uint64_t(-5)), 8u);
  EXPECT_EQ(value("setp.lt.u64 %p1, %rd2, 0;\n\tnot.pred %p2, %p1;\n\tselp.b64 %rd3, 8, 9, %p2;", uint64_t(-5)), 8u);
  EXPECT_EQ(value("mov.b64 %rd3, 5;\n\tsetp.eq.b64 %p1, %rd2, 0;\n\t@%p1 bra over;\n\tmov.b64 %rd3, 6;\nover:"), 5u);
}

TEST_F(PtxMachine, HasAClock) {
  EXPECT_EQ(run("mov.u64 %rd3, %globaltimer;\nagain:\n\tmov.u64 %rd4, %globaltimer;\n\tsub.s64 %rd4, %rd4, %rd3;\n"
                "\tsetp.lt.u64 %p1, %rd4, 1000000;\n\t@%p1 bra again;")
                .code,
            NoFault);
}

TEST_F(PtxMachine, LetsTheThreadsOfABlockMeet) {
  // Thread 0, behind the others, says yes, and each thread stores what it is told to a word of its own.
  const std::string meet = "mov.u32 %r1, %tid.x;\n\tsetp.eq.b32 %p1, %r1, 0;\n\t@!%p1 bra together;\n"
                           "\tmov.b64 %rd3, 0;\nagain:\n\tadd.s64 %rd3, %rd3, 1;\n\tsetp.lt.u64 %p2, %rd3, 3000;\n"
                           "\t@%p2 bra again;\ntogether:\n\tbar.red.or.pred %p3, 0, %p1;\n\tselp.b64 %rd4, 7, 8, %p3;\n"
                           "\tmul.wide.u32 %rd5, %r1, 8;\n\tadd.s64 %rd5, %rd1, %rd5;\n\tshr.u64 %rd6, %rd5, 63;\n"
                           "\tsetp.lt.u32 %p2, %r1, 16;\n\t@%p2 st.global.b64 [%rd5], %rd4;";
  EXPECT_EQ(run(meet, {1, 70}).code, NoFault);
  for (const uint64_t word : memory.words)
    EXPECT_EQ(word, 7u);
}

TEST_F(PtxMachine, LetsABlockBeginWhenTheOthersRest) {
  // Block 1 waits for what block 0 signals, as no kernel should that may not be there as a whole; but it rests.
  const std::string wait = "mov.u32 %r1, %ctaid.x;\n\tsetp.eq.b32 %p1, %r1, 0;\n\t@%p1 bra signal;\nagain:\n"
                           "\tnanosleep.u32 200;\n\tld.acquire.sys.global.b64 %rd3, [%rd1];\n"
                           "\tsetp.eq.b64 %p2, %rd3, 0;\n\t@%p2 bra again;\n\tbra.uni over;\nsignal:\n"
                           "\tmov.b64 %rd3, 1;\n\tst.release.sys.global.b64 [%rd1], %rd3;\nover:";
  EXPECT_EQ(run(wait, {2, 1}).code, NoFault);
  EXPECT_EQ(memory.words[0], 1u);
}

TEST_F(PtxMachine, RoundsAsADeviceDoes) {
  const auto bits = [](float value) { return uint64_t(std::bit_cast<uint32_t>(value)); };
  const std::string sum = "cvt.u32.u64 %r1, %rd2;\n\tadd.rn.f32 %r2, %r1, 0f3f800000;\n\tcvt.u64.u32 %rd3, %r2;";
  EXPECT_EQ(value(sum, bits(2.5f)), bits(3.5f));
  EXPECT_EQ(value(sum, 0xffc01234), 0x7fffffffu); // every NaN
  EXPECT_EQ(value("mul.rn.f32x2 %rd3, %rd2, %rd2;", bits(3.f) << 32 | 0x7fc00001), bits(9.f) << 32 | 0x7fffffff);
  const std::string half = "cvt.u32.u64 %r1, %rd2;\n\tcvt.rn.f16.f32 %rs1, %r1;\n\tmov.b32 %r2, {%rs1, %rs1};\n"
                           "\tcvt.u64.u32 %rd3, %r2;";
  EXPECT_EQ(value(half, bits(65520.f)), 0x7c007c00u);    // rounds up, to infinity
  EXPECT_EQ(value(half, bits(0x1.002p0f)), 0x3c003c00u); // a tie, to even
  EXPECT_EQ(value(half, 0x7f800001), 0x7fff7fffu);
  EXPECT_EQ(
      value("cvt.u32.u64 %r1, %rd2;\n\tcvt.rn.f16x2.f32 %r2, %r1, 0f00000000;\n\tcvt.u64.u32 %rd3, %r2;", bits(1.f)),
      0x3c000000u);
  EXPECT_EQ(
      value("cvt.u32.u64 %r1, %rd2;\n\tmov.b32 {%rs1, _}, %r1;\n\tcvt.f32.f16 %r2, %rs1;\n\tcvt.u64.u32 %rd3, %r2;",
            0x12340001),
      bits(0x1p-24f));
}

TEST_F(PtxMachine, FindsAccessesThatAreNotAlignedOrOutOfRange) {
  expectFault(MisalignedAddress, "multiple of 16", "ld.global.v4.b32 {%r1, %r2, %r3, %r4}, [%rd1+8];");
  expectFault(MisalignedAddress, "multiple of 8", "st.global.b64 [%rd1 + 4], %rd2;");
  expectFault(IllegalAddress, "in no allocation", "ld.global.nc.b64 %rd3, [%rd1+128];");
  expectFault(IllegalAddress, "in no allocation", "ld.global.b64 %rd3, [%rd1+-8];");
  expectFault(IllegalAddress, "line 16, block 0, thread 0", "ld.global.b64 %rd3, [%rd1+-8];");
  expectFault(IllegalAddress, "shared memory",
              "mov.b64 %rd3, k_staging;\n\tcvt.u32.u64 %r1, %rd3;\n"
              "\tst.shared.b32 [%r1 + 128], 0;");
}

TEST_F(PtxMachine, FindsThreadsThatShouldHaveWaited) {
  const std::string mine = "mov.u32 %r1, %tid.x;\n\tmov.u32 %r2, %ctaid.x;\n\tmov.u32 %r3, %ntid.x;\n"
                           "\tmul.lo.s32 %r2, %r2, %r3;\n\tadd.s32 %r1, %r1, %r2;\n\tcvt.u64.u32 %rd3, %r1;\n"
                           "\tmul.wide.u32 %rd4, %r1, 8;\n\tadd.s64 %rd4, %rd1, %rd4;\n"; // a word a thread
  EXPECT_EQ(run(mine + "ld.global.b64 %rd5, [%rd4];\n\tst.global.b64 [%rd4], %rd3;", {3, 4}).code, NoFault);
  EXPECT_EQ(memory.words[11], 11u);
  expectFault(LaunchFailed, "another thread", "mov.u32 %r1, %tid.x;\n\tst.global.b32 [%rd1], %r1;", {1, 3});
  expectFault(LaunchFailed, "the same launch writes",
              mine + "add.s64 %rd3, %rd3, 100;\n\tst.global.b64 [%rd4], %rd3;\n\tld.global.b64 %rd5, [%rd4+8];",
              {3, 2});
  expectFault(LaunchFailed, "the same launch writes",
              mine + "add.s64 %rd3, %rd3, 200;\n\tst.global.b64 [%rd4], %rd3;\n\tld.global.nc.b64 %rd5, [%rd4];");
  EXPECT_EQ(run("mov.b64 %rd3, 7;\n\tst.global.b64 [%rd1], %rd3;", {2, 4}).code, NoFault); // all the same
}

TEST_F(PtxMachine, ThreadsOfABlockWaitForEachOther) {
  // 0 waits for 1, which waits for 2.
  EXPECT_EQ(run("mov.u32 %r1, %tid.x;\n\tmul.wide.u32 %rd3, %r1, 8;\n\tadd.s64 %rd3, %rd1, %rd3;\n"
                "\tsetp.eq.b32 %p1, %r1, 2;\n\t@%p1 bra tell;\n"
                "wait:\n\tld.acquire.sys.global.b64 %rd4, [%rd3+8];\n\tsetp.eq.b64 %p2, %rd4, 0;\n\t@%p2 bra wait;\n"
                "tell:\n\tmov.b64 %rd5, 1;\n\tst.release.sys.global.b64 [%rd3], %rd5;",
                {1, 3})
                .code,
            NoFault);
  EXPECT_EQ(memory.words[0], 1u);
}

TEST_F(PtxMachine, ThreadsOfAWarpPartAndMeet) {
  // Odd threads go around a loop as often as their number says, the others skip it; each adds what it then has.
  const std::string body = "mov.u32 %r1, %tid.x;\n\tmov.b32 %r2, 100;\n\tand.b32 %r3, %r1, 1;\n"
                           "\tsetp.eq.b32 %p1, %r3, 0;\n\t@%p1 bra over;\n\tmov.b32 %r4, %r1;\n"
                           "again:\n\tadd.s32 %r2, %r2, 3;\n\tadd.s32 %r4, %r4, -1;\n\tsetp.gt.s32 %p2, %r4, 0;\n"
                           "\t@%p2 bra again;\nover:\n\tmul.wide.u32 %rd3, %r1, 2;\n\tadd.s64 %rd3, %rd1, %rd3;\n"
                           "\tcvt.u16.u32 %rs1, %r2;\n\tst.global.b16 [%rd3], %rs1;";
  Work work;
  ASSERT_EQ(run(body, {1, 40}, 0, &work).code, NoFault);
  uint64_t steps = 0;
  for (uint32_t t = 0; t < 40; ++t) {
    const uint32_t rounds = t % 2 ? t : 0;
    uint16_t found = 0;
    std::memcpy(&found, reinterpret_cast<const std::byte *>(&memory) + 2 * t, sizeof found);
    EXPECT_EQ(found, 100 + 3 * rounds) << "thread " << t;
    steps += 12 + (rounds ? 1 + 4 * rounds : 0);
  }
  EXPECT_EQ(work.all, steps);
  EXPECT_EQ(work.longest, 13u + 4 * 39);
}

TEST_F(PtxMachine, BulkCopiesAreOverWhenTheyAreAwaited) {
  memory.words[0] = 42;
  EXPECT_EQ(run(Begin + Load + Await + Store + Wait).code, NoFault);
  EXPECT_EQ(memory.words[8], 42u);
}

TEST_F(PtxMachine, BulkCopiesThatAreNotAwaitedMoveRubbish) {
  memory.words[0] = 42;
  expectFault(LaunchFailed, "under way", Begin + Load + Store + Wait);
  EXPECT_EQ(memory.words[8], 0xeeeeeeeeeeeeeeee);
  expectFault(LaunchFailed, "under way", Begin + Load + Await + Store);
  expectFault(LaunchFailed, "under way", Begin + Load + Await + Store + "\tcp.async.bulk.wait_group.read 0;\n");
  // The slot is filled again while its store has yet to read.
  memory.words[8] = 0;
  EXPECT_EQ(run(Begin + Load + Await + Store + "\tst.shared.b32 [%r1], 7;\n" + Wait).code, NoFault);
  EXPECT_EQ(memory.words[8], 7u);
  EXPECT_EQ(
      run(Begin + Load + Await + Store + "\tcp.async.bulk.wait_group.read 0;\n\tst.shared.b32 [%r1], 9;\n" + Wait).code,
      NoFault);
  EXPECT_EQ(memory.words[8], 42u);
}

TEST_F(PtxMachine, BulkCopiesHaveRules) {
  const std::string odd =
      "\tadd.s64 %rd4, %rd1, 8;\n\tcp.async.bulk.global.shared::cta.bulk_group [%rd4], [%r1], 16;\n";
  expectFault(MisalignedAddress, "multiple of 16", Begin + Load + Await + odd);
  expectFault(IllegalInstruction, "24 bytes",
              Begin + "\tcp.async.bulk.global.shared::cta.bulk_group [%rd1], [%r1], 24;\n");
  expectFault(IllegalInstruction, "no mbarrier", Begin + "\tadd.s32 %r2, %r2, 8;\n" + Load);
  expectFault(IllegalInstruction, "one arrival more", Begin + Load + Load);
}

TEST_F(PtxMachine, RefusesWhatItDoesNotKnow) {
  const auto errorOf = [](const std::string &body) {
    Program program;
    std::string error;
    EXPECT_FALSE(parse(kernel(body), program, error));
    return error;
  };
  EXPECT_EQ(errorOf("bar.sync 0;"), "line 16: bar.sync is not known to the PTX machine");
  EXPECT_NE(errorOf(".local .align 4 .b8 depot[8];").find(".local"), std::string::npos);
  EXPECT_NE(errorOf("add.rz.f32 %r1, %r1, %r1;").find("add.rz.f32"), std::string::npos);
  EXPECT_NE(errorOf("add.s32 %r1, %r99, 1;").find("%r99"), std::string::npos);
  EXPECT_NE(errorOf("bra nowhere;").find("nowhere"), std::string::npos);
}

} // namespace faro::test::ptx
