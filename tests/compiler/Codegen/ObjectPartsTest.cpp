// A module compiled in parts does what it does in one.
#include "compiler/Codegen/Module/ObjectParts.h"
#include "compiler/Codegen/Module/CpuTarget.h"
#include "compiler/Codegen/Module/JitModule.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/Module.h"
#include "llvm/Object/Archive.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Target/TargetMachine.h"

#include <gtest/gtest.h>

namespace faro::compiler {
namespace {

using Function = int (*)(int);

/// Three functions that a table points to; two of them call a helper, and one reads a constant.
const std::string Table = std::string("@") + FARO_ABI_SYMBOL + R"( = constant [3 x ptr] [ptr @one, ptr @two, ptr @three]
@four = private constant i32 4
)";
const std::string Functions = R"(
define internal i32 @helper(i32 %a) noinline {
  %b = mul i32 %a, 10
  ret i32 %b
}
define internal i32 @one(i32 %a) {
  %b = call i32 @helper(i32 %a)
  %c = add i32 %b, 1
  ret i32 %c
}
define internal i32 @two(i32 %a) {
  %b = add i32 %a, 2
  ret i32 %b
}
define internal i32 @three(i32 %a) {
  %b = call i32 @helper(i32 %a)
  %four = load i32, ptr @four
  %c = add i32 %b, %four
  ret i32 %c
}
)";

std::unique_ptr<llvm::Module> parse(const std::string &text, llvm::LLVMContext &context) {
  auto machine = llvm::cantFail(makeTargetMachine());
  llvm::SMDiagnostic fault;
  std::unique_ptr<llvm::Module> module = llvm::parseAssemblyString(text, fault, context);
  if (!module)
    throw std::runtime_error(fault.getMessage().str());
  module->setTargetTriple(machine->getTargetTriple());
  module->setDataLayout(machine->createDataLayout());
  module->setPICLevel(llvm::PICLevel::BigPIC);
  return module;
}

size_t membersOf(const llvm::MemoryBuffer &archive) {
  auto read = llvm::cantFail(llvm::object::Archive::create(archive));
  llvm::Error error = llvm::Error::success();
  size_t members = 0;
  for ([[maybe_unused]] const llvm::object::Archive::Child &each : read->children(error))
    ++members;
  llvm::cantFail(std::move(error));
  return members;
}

TEST(ObjectParts, AsManyAsAskedForDoTheSame) {
  for (size_t most : {0, 1, 2, 3, 64}) {
    SCOPED_TRACE(most);
    llvm::LLVMContext context;
    auto code = llvm::cantFail(generateInParts(parse(Table + Functions, context), most));
    // Three functions: no more parts than that.
    EXPECT_EQ(membersOf(*code), std::clamp<size_t>(most, 1, 3));
    auto module = llvm::cantFail(JitModule::load(code->getBuffer()));
    const auto *functions = reinterpret_cast<const Function *>(module->table());
    EXPECT_EQ(functions[0](7), 71);
    EXPECT_EQ(functions[1](7), 9);
    EXPECT_EQ(functions[2](7), 74);
  }
}

TEST(ObjectParts, AModuleMayHaveNoFunction) {
  llvm::LLVMContext context;
  const std::string text = std::string("@") + FARO_ABI_SYMBOL + " = constant i32 42";
  auto code = llvm::cantFail(generateInParts(parse(text, context), 8));
  auto module = llvm::cantFail(JitModule::load(code->getBuffer()));
  EXPECT_EQ(*reinterpret_cast<const int *>(module->table()), 42);
}

TEST(ObjectParts, AFaultOfOnePartIsTheFaultOfAll) {
  for (const char *broken : {"one", "two", "three"}) {
    std::string text = Table + Functions;
    const std::string head = std::string("@") + broken + "(i32 %a) {\n";
    text.insert(text.find(head) + head.size(), "  call void asm sideeffect \"nonsense\", \"\"()\n");
    llvm::LLVMContext context;
    auto code = generateInParts(parse(text, context), 3);
    ASSERT_FALSE(code) << broken;
    const std::string said = llvm::toString(code.takeError());
    EXPECT_NE(said.find("invalid instruction mnemonic"), std::string::npos) << said;
  }
}

TEST(JitModuleLoad, WhatIsNoObjectIsRefused) {
  for (const char *code :
       {"", "!<arch>\n", "!<arch>\nnonsense that is longer than a member's head, by a good deal ....", "text"}) {
    auto module = JitModule::load(code);
    EXPECT_FALSE(module) << code;
    llvm::consumeError(module.takeError());
  }
}

} // namespace
} // namespace faro::compiler
