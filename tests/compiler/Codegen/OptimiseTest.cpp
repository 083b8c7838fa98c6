// The passes over a device's kernels are a part of O2, and make of them what O2 makes: to the letter of the PTX.
#include "compiler/Codegen/CUDA/Optimise.h"
#include "compiler/Codegen/CUDA/Images.h"
#include "compiler/Codegen/CUDA/Ptx.h"
#include "compiler/Codegen/Module/Object.h"
#include "compiler/Pipelines/Compilation.h"

#include "llvm/IR/Module.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Utils/Cloning.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

using namespace faro::compiler;

namespace {

struct Shape {
  const char *row;
  int topk;
  int architecture;
  const char *partial = "";
};

class Optimise : public ::testing::TestWithParam<Shape> {};

std::string textOf(llvm::Module &module, llvm::TargetMachine &machine) {
  return llvm::cantFail(generate(module, machine, Output::Assembly))->getBuffer().str();
}

TEST_P(Optimise, KernelsComeOutAsFromO2) {
  const Shape shape = GetParam();
  std::string said;
  Compilation compilation(fmt::format(R"(!tokens = !faro.tokens<{0}>
!experts = !faro.tokens<{0}, #faro.layout<order = [expert, source, token], align = 8>>
!routes = !faro.routes<topk = {1}, experts = 64>
func.func @d(%x: !tokens, %r: !routes) -> !experts {{
  %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
  return %y : !experts
}}
func.func @c(%y: !experts, %r: !routes) -> !tokens {{
  %x = faro.combine %y, %r {2} : (!experts, !routes) -> !tokens
  return %x : !tokens
}}
)",
                                      shape.row, shape.topk, shape.partial),
                          "moe.mlir", [&](const std::string &message) { said += message; });
  ASSERT_TRUE(succeeded(compilation.parse()) && succeeded(compilation.lowerTo(Phase::Xfer))) << said;
  auto kernels = makeGpuModule(compilation.module(), shape.architecture);
  ASSERT_TRUE(succeeded(kernels)) << said;
  auto code = toDeviceCode(gpuModuleOf(**kernels));
  ASSERT_TRUE(succeeded(code)) << said;
  auto machine = llvm::cantFail(makeDeviceMachine(shape.architecture));
  code->module->setTargetTriple(machine->getTargetTriple());
  code->module->setDataLayout(machine->createDataLayout());
  const std::unique_ptr<llvm::Module> other = llvm::CloneModule(*code->module);

  optimiseForDevice(*code->module, *machine);
  runPasses(llvm::PassBuilder(machine.get()).buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2), *other,
            *machine);
  const std::string ours = textOf(*code->module, *machine), all = textOf(*other, *machine);
  EXPECT_GT(llvm::StringRef(ours).count(".entry "), 5u);
  EXPECT_TRUE(ours == all) << ours << "\n----- from O2 -----\n" << all;
}

INSTANTIATE_TEST_SUITE_P(Shapes, Optimise,
                         testing::Values(Shape{"7168xbf16", 8, 80}, Shape{"7168xbf16", 8, 90},
                                         Shape{"7168xbf16", 8, 100}, Shape{"4096xbf16", 2, 90},
                                         Shape{"2880xf16", 6, 90, "partial(f32)"}, Shape{"16384xbf16", 1, 90},
                                         Shape{"8192xf32", 16, 90}, Shape{"64xf16", 16, 100},
                                         Shape{"520xbf16", 5, 100, "partial(f32)"}, Shape{"257xf16", 1, 100},
                                         Shape{"287xbf16", 4, 80}, Shape{"1xf32", 1, 90}, Shape{"1xf32", 16, 80},
                                         Shape{"3xbf16", 5, 90, "partial(f32)"}, Shape{"1000xf32", 3, 90}),
                         [](const auto &info) {
                           return fmt::format("row_{}_top{}_sm{}{}", info.param.row, info.param.topk,
                                              info.param.architecture, *info.param.partial ? "_partial" : "");
                         });

} // namespace
