// A text of PTX in parts: every kernel in one of them, behind the head; and code that is made of parts is all there.
#include "compiler/Codegen/CUDA/PtxParts.h"
#include "compiler/Codegen/CUDA/Assemble.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

using namespace faro::compiler;

namespace {

const std::string Head =
    "//\n// made by hand\n//\n\n.version 8.0\n.target sm_80\n.address_size 64\n\n\t// .globl\tk0\n";

/// A kernel that stores so many words.
std::string kernel(const std::string &name, int stores) {
  std::string text = fmt::format("\n.visible .entry {}(\n\t.param .u64 p\n)\n{{\n\t.reg .b64 %rd<2>;\n"
                                 "\tld.param.b64 %rd1, [p];\n",
                                 name);
  for (int i = 0; i < stores; ++i)
    text += fmt::format("\tst.global.b64 [%rd1 + {}], %rd1;\n", 8 * i);
  return text + "\tret;\n}\n";
}

std::string kernels(int count) {
  std::string text = Head;
  for (int k = 0; k < count; ++k)
    text += kernel(fmt::format("k{}", k), k % 5 * 20);
  return text;
}

size_t timesIn(const std::string &text, const std::string &what) {
  size_t times = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
    ++times;
  return times;
}

TEST(PtxParts, EachKernelIsInOnePartBehindTheHead) {
  for (const size_t most : {1u, 2u, 3u, 16u}) {
    const auto parts = splitPtx(kernels(7), most);
    EXPECT_EQ(parts.size(), std::min<size_t>(most, 7));
    for (int k = 0; k < 7; ++k) {
      size_t times = 0;
      for (const std::string &part : parts) {
        EXPECT_TRUE(part.starts_with(Head));
        times += timesIn(part, fmt::format(".entry k{}(", k));
      }
      EXPECT_EQ(times, 1u) << "k" << k << " in " << most << " parts";
    }
  }
}

TEST(PtxParts, PartsAreAboutAsLong) {
  const auto parts = splitPtx(kernels(20), 2);
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_LT(std::max(parts[0].size(), parts[1].size()), 1.2 * double(std::min(parts[0].size(), parts[1].size())));
}

/// Whatever kernels might share stays with all of them.
TEST(PtxParts, OtherTextsAreOnePart) {
  for (const std::string &text : {std::string(), Head, "nonsense\n" + kernels(3),
                                  Head + ".global .align 4 .b8 shared_by_all[64];\n" + kernel("a", 1) + kernel("b", 1)})
    EXPECT_EQ(splitPtx(text, 4), std::vector{text});
}

TEST(PtxParts, WhatIsAssembledOfPartsHasAllKernels) {
  const auto assembler = findNvJitLink();
  if (!assembler)
    GTEST_SKIP() << "there is no libnvJitLink here";
  auto assembled = assembler->assemble(kernels(5), 80);
  ASSERT_TRUE(bool(assembled)) << llvm::toString(assembled.takeError());
  std::vector<std::string> names;
  for (const KernelUsage &usage : assembled->usage) {
    names.push_back(usage.kernel);
    EXPECT_GT(usage.registers, 0u);
  }
  std::ranges::sort(names);
  EXPECT_EQ(names, (std::vector<std::string>{"k0", "k1", "k2", "k3", "k4"}));
  for (int k = 0; k < 5; ++k)
    EXPECT_NE(assembled->cubin.find(fmt::format(".text.k{}", k)), std::string::npos) << "k" << k;
}

TEST(PtxParts, AFaultIsToldOfTheWholeText) {
  const auto assembler = findNvJitLink();
  if (!assembler)
    GTEST_SKIP() << "there is no libnvJitLink here";
  auto assembled =
      assembler->assemble(kernels(4) + "\n.visible .entry wrong(\n)\n{\n\tthis is no instruction;\n}\n", 80);
  ASSERT_FALSE(bool(assembled));
  EXPECT_NE(llvm::toString(assembled.takeError()).find("line "), std::string::npos);
}

} // namespace
