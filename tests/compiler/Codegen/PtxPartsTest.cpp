// Kernels in parts: every kernel in one of them, texts that are one again, and code of parts that is all there.
#include "compiler/Codegen/CUDA/PtxParts.h"
#include "compiler/Codegen/CUDA/Assemble.h"
#include "compiler/Codegen/CUDA/Images.h"
#include "compiler/Codegen/CUDA/Ptx.h"
#include "compiler/Pipelines/Compilation.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

using namespace faro::compiler;

namespace {

const std::string Head = "//\n// made by hand\n//\n\n.version 8.0\n.target sm_80\n.address_size 64\n";

/// A kernel that stores so many words.
std::string kernel(const std::string &name, int stores) {
  std::string text = fmt::format("\n.visible .entry {}(\n\t.param .u64 p\n)\n{{\n\t.reg .b64 %rd<2>;\n"
                                 "\tld.param.b64 %rd1, [p];\n",
                                 name);
  for (int i = 0; i < stores; ++i)
    text += fmt::format("\tst.global.b64 [%rd1 + {}], %rd1;\n\t{{\n\t}}\n", 8 * i);
  return text + "\tret;\n}\n";
}

/// As LLVM writes it: named in a comment first.
std::string written(const std::string &name, int stores) {
  return "\n\t// .globl\t" + name + "\n// of " + name + "\n" + kernel(name, stores);
}

TEST(PtxParts, TextsOfPartsAreOneInTheOrderAskedFor) {
  const std::vector<std::string> parts{Head + written("b", 2) + written("d", 1),
                                       Head + written("a", 3) + written("c", 0)};
  const std::string a = kernel("a", 3), b = kernel("b", 2), c = kernel("c", 0), d = kernel("d", 1);
  EXPECT_EQ(joinPtx(parts, {"a", "b", "c", "d"}), Head + a + b + c + d);
  EXPECT_EQ(joinPtx(parts, {"d", "c", "b", "a"}), Head + d + c + b + a);
}

TEST(PtxParts, WhatOnlyOnePartHasGoesAlong) {
  const std::string table = ".global .align 4 .b8 table[4] = {1, 2, 3, 4};\n";
  EXPECT_EQ(joinPtx({Head + written("a", 1), Head + table + written("b", 1)}, {"a", "b"}),
            Head + table + kernel("a", 1) + kernel("b", 1));
}

/// A spec's program at the xfer level.
class Kernels : public ::testing::Test {
protected:
  void SetUp() override {
    ASSERT_TRUE(succeeded(compilation.parse())) << said;
    ASSERT_TRUE(succeeded(compilation.lowerTo(Phase::Xfer))) << said;
  }
  /// Names of an image's kernels, or of what is wrong.
  std::vector<std::string> namesOf(int architecture, const MoreKernels &more) {
    auto made = makeGpuModule(compilation.module(), architecture, more);
    return failed(made) ? std::vector{said} : kernelNames(gpuModuleOf(**made));
  }

  std::string said;
  Compilation compilation{R"(!tokens = !faro.tokens<512xbf16>
!experts = !faro.tokens<512xbf16, #faro.layout<order = [expert, source, token], align = 8>>
!routes = !faro.routes<topk = 2, experts = 4>
func.func @d(%x: !tokens, %r: !routes) -> !experts {
  %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
  return %y : !experts
}
func.func @c(%y: !experts, %r: !routes) -> !tokens {
  %x = faro.combine %y, %r : (!experts, !routes) -> !tokens
  return %x : !tokens
}
)",
                          "moe.mlir", [this](const std::string &message) { said += message; }};
};

TEST_F(Kernels, OnlyThoseThatAreAskedForAreWritten) {
  const std::vector<std::string> session{"d_push", "c_pull"};
  EXPECT_EQ(namesOf(90, {.plan = false, .bulk = false, .resident = false}), session);
  auto bulk = session;
  bulk.insert(bulk.begin() + 1, "d_push_bulk");
  EXPECT_EQ(namesOf(90, {.plan = false, .bulk = true, .resident = false}), bulk);
  EXPECT_EQ(namesOf(80, {.plan = false, .bulk = true, .resident = false}), session);
  const std::vector<std::string> planned = namesOf(90, {.plan = true, .bulk = false, .resident = false});
  ASSERT_EQ(planned.size(), session.size() + 7);
  EXPECT_TRUE(std::equal(session.begin(), session.end(), planned.begin()));
  EXPECT_EQ(planned[2], "d_plan_count");
  EXPECT_EQ(namesOf(80, {.plan = false, .bulk = false, .resident = true}),
            (std::vector<std::string>{"d_push", "d_push_resident", "c_pull"}));
}

TEST_F(Kernels, EachIsInOnePart) {
  for (const size_t most : {1u, 2u, 3u, 16u}) {
    auto made = makeGpuModule(compilation.module(), 90, {.plan = false, .bulk = true, .resident = true});
    ASSERT_TRUE(succeeded(made)) << said;
    std::vector<std::string> all = kernelNames(gpuModuleOf(**made)), found;
    const auto parts = splitKernels(gpuModuleOf(**made), most);
    EXPECT_EQ(parts.size(), std::min<size_t>(most, all.size()));
    for (const auto &part : parts)
      std::ranges::move(kernelNames(*part), std::back_inserter(found));
    std::ranges::sort(all);
    std::ranges::sort(found);
    EXPECT_EQ(found, all) << most << " parts";
  }
}

/// In whatever part a kernel is, it becomes what it is alone; its shared memory goes with it.
TEST_F(Kernels, PartsMakeTheTextOfTheWhole) {
  std::vector<std::string> texts;
  for (const size_t most : {1u, 2u, 5u}) {
    auto made = makeGpuModule(compilation.module(), 90, {.plan = true, .bulk = true, .resident = true});
    ASSERT_TRUE(succeeded(made)) << said;
    const std::vector<std::string> names = kernelNames(gpuModuleOf(**made));
    std::vector<std::string> parts;
    for (auto &part : splitKernels(gpuModuleOf(**made), most)) {
      auto code = toDeviceCode(*part);
      ASSERT_TRUE(succeeded(code)) << said;
      parts.push_back(llvm::cantFail(writePtx(std::move(*code), 90)));
    }
    texts.push_back(joinPtx(parts, names));
  }
  EXPECT_NE(texts[0].find(".shared .align 128 .b8 d_push_bulk_staging"), std::string::npos);
  EXPECT_TRUE(texts[0] == texts[1]);
  EXPECT_TRUE(texts[0] == texts[2]);
}

TEST_F(Kernels, WithoutAnAssemblerImagesAreText) {
  auto work =
      CudaImageWork::start(compilation.module(), {80, 90}, nullptr, {.plan = false, .bulk = false, .resident = true});
  ASSERT_TRUE(succeeded(work)) << said;
  const CudaImages made = llvm::cantFail((*work)->finish());
  ASSERT_EQ(made.images.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(made.images[i].format, uint32_t(FARO_ABI_PTX));
    EXPECT_EQ(made.images[i].architecture, i ? 90u : 80u);
    EXPECT_NE(made.images[i].data.find(i ? ".target sm_90" : ".target sm_80"), std::string::npos);
  }
  EXPECT_GT(made.times.ptx, 0);
  EXPECT_TRUE(made.usage.empty());
}

/// Work that nobody waits for ends before what it looks at is gone.
TEST_F(Kernels, WorkMayBeGivenUp) {
  auto work = CudaImageWork::start(compilation.module(), {90}, nullptr);
  EXPECT_TRUE(succeeded(work)) << said;
}

/// What is cached is cached under its name, and two releases may say the same of their version.
TEST(Assembler, NvJitLinkIsNamedAfterItsFile) {
  const auto assembler = findNvJitLink();
  if (!assembler)
    GTEST_SKIP() << "there is no libnvJitLink here";
  llvm::SmallVector<llvm::StringRef> words;
  const std::string name = assembler->name();
  llvm::StringRef(name).split(words, ' ');
  ASSERT_EQ(words.size(), 4u) << name; // and version, size and time
  uint64_t size = 0, time = 0;
  EXPECT_FALSE(words[2].getAsInteger(10, size)) << name;
  EXPECT_FALSE(words[3].getAsInteger(10, time)) << name;
  EXPECT_GT(size, 1u << 20) << name;
}

TEST_F(Kernels, CodeOfPartsHasAllKernels) {
  const auto assembler = findNvJitLink();
  if (!assembler)
    GTEST_SKIP() << "there is no libnvJitLink here";
  auto work = CudaImageWork::start(compilation.module(), {80, 90}, assembler.get());
  ASSERT_TRUE(succeeded(work)) << said;
  llvm::Expected<CudaImages> made = (*work)->finish();
  ASSERT_TRUE(bool(made)) << llvm::toString(made.takeError());
  ASSERT_EQ(made->images.size(), 4u); // code and text for both
  EXPECT_GT(made->times.code, 0);
  size_t usage = 0;
  for (const size_t image : {0u, 2u}) {
    EXPECT_EQ(made->images[image].format, uint32_t(FARO_ABI_CUBIN));
    for (const std::string &name : namesOf(image ? 90 : 80, {})) {
      EXPECT_NE(made->images[image].data.find(".text." + name), std::string::npos) << name;
      ASSERT_LT(usage, made->usage.size());
      EXPECT_EQ(made->usage[usage].second.kernel, name); // in the order of the module
      EXPECT_GT(made->usage[usage++].second.registers, 0u);
    }
  }
  EXPECT_EQ(usage, made->usage.size());
}

/// Takes parts, and then is of no use.
class Faulty final : public Assembler, public PartAssembler {
public:
  std::string name() const override { return "faulty"; }
  PartAssembler *parts() override { return this; }
  llvm::Expected<Assembled> assemblePart(const std::string &, int) override {
    return llvm::createStringError("of a part");
  }
  llvm::Expected<std::string> link(llvm::ArrayRef<std::string>, int) override {
    return llvm::createStringError("of the link");
  }
  llvm::Expected<Assembled> assemble(const std::string &ptx, int) override {
    return llvm::createStringError("of a text with %d kernels", int(llvm::StringRef(ptx).count(".entry ")));
  }
};

TEST_F(Kernels, AFaultOfTheAssemblerIsToldOfTheWholeText) {
  Faulty assembler;
  auto work =
      CudaImageWork::start(compilation.module(), {90}, &assembler, {.plan = false, .bulk = false, .resident = false});
  ASSERT_TRUE(succeeded(work)) << said;
  llvm::Expected<CudaImages> made = (*work)->finish();
  ASSERT_FALSE(bool(made));
  EXPECT_EQ(llvm::toString(made.takeError()), "of a text with 2 kernels");
}

TEST(Architectures, ThoseThatNobodyKnowsAreRefusedWithTheOthersNames) {
  for (const uint32_t known : {80, 90, 100})
    EXPECT_FALSE(bool(checkCudaArchitecture(known)));
  for (const uint32_t unknown : {0u, 42u, 91u, 4000000000u}) {
    llvm::Error error = checkCudaArchitecture(unknown);
    ASSERT_TRUE(bool(error)) << unknown;
    const std::string text = llvm::toString(std::move(error));
    EXPECT_NE(text.find("sm_" + std::to_string(unknown) + " is no architecture"), std::string::npos) << text;
    EXPECT_NE(text.find("sm_89, sm_90, sm_100"), std::string::npos) << text;
  }
}

} // namespace
