// The passes over a device's kernels are a part of O2, and make of them what O2 makes: to the letter of the PTX, but
// for what registers are called.
#include "compiler/Codegen/CUDA/Optimise.h"
#include "compiler/Codegen/CUDA/Images.h"
#include "compiler/Codegen/CUDA/Ptx.h"
#include "compiler/Codegen/Module/Object.h"
#include "compiler/Pipelines/Compilation.h"
#include "tests/support/Some.h"
#include "tests/support/SpecText.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/Module.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Utils/Cloning.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <map>

using namespace faro::compiler;

namespace {

struct Shape {
  uint64_t columns;
  const char *element;
  uint32_t topk;
  int architecture;
  const char *partial = "";
};

class Optimise : public ::testing::TestWithParam<Shape> {};

std::string textOf(llvm::Module &module, llvm::TargetMachine &machine) {
  return llvm::cantFail(generate(module, machine, Output::Assembly))->getBuffer().str();
}

/// The same text with registers numbered by where each kernel names them first: what numbers they have, and how many
/// are declared, is a matter of names.
std::string renumbered(const std::string &text) {
  std::string to;
  std::map<std::string, size_t> seen;
  for (llvm::StringRef line : llvm::split(text, '\n')) {
    if (line.starts_with(".visible"))
      seen.clear();
    if (line.trim().starts_with(".reg"))
      continue;
    for (size_t at = 0; at < line.size();) {
      const llvm::StringRef name = line.substr(at).take_while([](char c) { return c == '%' || llvm::isAlnum(c); });
      if (name.size() > 1 && name.front() == '%' && llvm::isDigit(name.back())) {
        const auto number = seen.try_emplace(name.str(), seen.size()).first->second;
        to += "%" + name.drop_front().take_until(llvm::isDigit).str() + std::to_string(number);
      } else {
        to += name.empty() ? line.substr(at, 1).str() : name.str();
      }
      at += std::max<size_t>(name.size(), 1);
    }
    to += '\n';
  }
  return to;
}

TEST_P(Optimise, KernelsComeOutAsFromO2) {
  const Shape shape = GetParam();
  std::string said;
  faro::support::SpecShape spec;
  spec.columns = shape.columns;
  spec.element = shape.element;
  spec.align = 8;
  spec.topk = shape.topk;
  spec.experts = 64;
  spec.partial = shape.partial;
  Compilation compilation(faro::support::specText(spec), "moe.mlir",
                          [&](const std::string &message) { said += message; });
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
  const std::string ours = renumbered(textOf(*code->module, *machine)), all = renumbered(textOf(*other, *machine));
  EXPECT_GT(llvm::StringRef(ours).count(".entry "), 5u);
  EXPECT_TRUE(ours == all) << ours << "\n----- from O2 -----\n" << all;
}

INSTANTIATE_TEST_SUITE_P(Shapes, Optimise,
                         testing::ValuesIn(faro::test::some<Shape>(
                             {Shape{7168, "bf16", 8, 80}, Shape{7168, "bf16", 8, 90}, Shape{7168, "bf16", 8, 100},
                              Shape{4096, "bf16", 2, 90}, Shape{2880, "f16", 6, 90, "f32"}, Shape{16384, "bf16", 1, 90},
                              Shape{8192, "f32", 16, 90}, Shape{64, "f16", 16, 100}, Shape{520, "bf16", 5, 100, "f32"},
                              Shape{257, "f16", 1, 100}, Shape{287, "bf16", 4, 80}, Shape{1, "f32", 1, 90},
                              Shape{1, "f32", 16, 80}, Shape{3, "bf16", 5, 90, "f32"}, Shape{1000, "f32", 3, 90}})),
                         [](const auto &info) {
                           return fmt::format("row_{}x{}_top{}_sm{}{}", info.param.columns, info.param.element,
                                              info.param.topk, info.param.architecture,
                                              *info.param.partial ? "_partial" : "");
                         });

} // namespace
