// The tables of a module say what the spec says: read from both ends, the interpreter's programs are the same.
#include "compiler/Codegen/Module/JitModule.h"
#include "compiler/Interpreter/FromIR.h"
#include "compiler/Pipelines/Compilation.h"

#include <gtest/gtest.h>

using namespace faro;

namespace {

struct Spec {
  const char *name, *row, *layout, *routes, *partial = "";
};

class Tables : public testing::TestWithParam<Spec> {};

TEST_P(Tables, SayWhatTheSpecSays) {
  const Spec &spec = GetParam();
  const std::string text = std::string("!t = !faro.tokens<") + spec.row + ">\n!e = !faro.tokens<" + spec.row +
                           ", #faro.layout<" + spec.layout + ">>\n!r = !faro.routes<" + spec.routes +
                           ">\n"
                           "func.func @there(%x: !t, %r: !r) -> !e {\n"
                           "  %y = faro.dispatch %x, %r : (!t, !r) -> !e\n  return %y : !e\n}\n"
                           "func.func @back(%y: !e, %r: !r) -> !t {\n"
                           "  %x = faro.combine %y, %r " +
                           spec.partial + " : (!e, !r) -> !t\n  return %x : !t\n}\n";
  std::string errors;
  compiler::Compilation compilation(text, "spec", [&](const std::string &message) { errors += message + "\n"; });
  ASSERT_TRUE(succeeded(compilation.parse())) << errors;
  auto fromIR = compiler::programsOf(compilation.module());
  ASSERT_TRUE(succeeded(fromIR)) << errors;
  ASSERT_EQ(fromIR->size(), 2u);

  auto host = compiler::hostTarget();
  ASSERT_TRUE(bool(host)) << llvm::toString(host.takeError());
  ASSERT_TRUE(succeeded(compilation.lowerTo(compiler::Phase::Kernels))) << errors;
  ASSERT_TRUE(succeeded(compilation.toLLVM(*host))) << errors;
  auto object = compilation.toCode(compiler::Output::Object);
  ASSERT_TRUE(succeeded(object)) << errors;
  auto jit = compiler::JitModule::load((*object)->getBuffer());
  ASSERT_TRUE(bool(jit)) << llvm::toString(jit.takeError());

  const faro_abi_module *table = (*jit)->table();
  ASSERT_EQ(table->program_count, fromIR->size());
  for (uint32_t i = 0; i < table->program_count; ++i)
    EXPECT_EQ(reference::fromAbi(table->programs[i]), (*fromIR)[i]) << table->programs[i].name;
}

INSTANTIATE_TEST_SUITE_P(, Tables,
                         testing::Values(Spec{"deepseek", "7168xbf16", "order = [expert, source, token], align = 128",
                                              "topk = 8, experts = 256"},
                                         Spec{"tiny", "1xf32", "order = [source]", "topk = 1, experts = 1"},
                                         Spec{"round_robin", "5xf16", "order = [source, expert], align = 3",
                                              "topk = 2, experts = 7, placement = round_robin"},
                                         Spec{"table", "64xf32", "order = [expert, source, choice]",
                                              "topk = 4, experts = 4, placement = table [0, 2, 1, 0]"},
                                         Spec{"partial", "40xbf16", "order = [expert]", "topk = 2, experts = 8",
                                              "partial(f32)"},
                                         Spec{"partial_of_the_element", "40xbf16", "order = [expert]",
                                              "topk = 2, experts = 8", "partial(bf16)"}),
                         [](const auto &info) { return info.param.name; });

} // namespace
