// What the interpreter is told to run is what the spec says.
#include "compiler/Interpreter/FromIR.h"
#include "dialect/Faro/FaroDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>
#include <regex>

using namespace faro;

namespace {

class FromIR : public testing::Test {
protected:
  FromIR() {
    mlir::DialectRegistry registry;
    ir::registerFaroDialect(registry);
    registry.insert<mlir::func::FuncDialect>();
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    context.getDiagEngine().registerHandler([this](mlir::Diagnostic &diagnostic) { errors += diagnostic.str(); });
  }

  mlir::FailureOr<std::vector<reference::Program>> read(const std::string &text) {
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module) << errors;
    if (!module)
      return mlir::failure();
    return compiler::programsOf(*module);
  }

  static std::string dispatch(const std::string &row, const std::string &layout, const std::string &routes) {
    return "!t = !faro.tokens<" + row + ">\n!e = !faro.tokens<" + row + ", #faro.layout<" + layout +
           ">>\n!r = !faro.routes<" + routes +
           ">\nfunc.func @d(%x: !t, %r: !r) -> !e {\n  %y = faro.dispatch %x, %r : (!t, !r) -> !e\n  return %y : "
           "!e\n}\n";
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string errors;
};

layout::Order orderOf(std::vector<layout::Key> keys) { return *layout::Order::complete(keys); }

TEST_F(FromIR, ReadsDispatchAndCombineInOrder) {
  auto programs =
      read(dispatch("7168xbf16", "order = [expert, source, token], align = 128", "topk = 8, experts = 256") +
           "func.func @c(%y: !e, %r: !r) -> !t {\n  %x = faro.combine %y, %r : (!e, !r) -> !t\n"
           "  return %x : !t\n}\n");
  ASSERT_TRUE(succeeded(programs)) << errors;
  ASSERT_EQ(programs->size(), 2u);
  reference::Program expected;
  expected.name = "d";
  expected.isDispatch = true;
  expected.element = expected.partial = reference::Element::BF16;
  expected.columns = 7168;
  expected.layout = {orderOf({layout::Key::Expert, layout::Key::Source, layout::Key::Token}), 128};
  expected.placement = layout::Placement::block(256);
  expected.topk = 8;
  EXPECT_EQ(programs->front(), expected);
  expected.name = "c";
  expected.isDispatch = false;
  EXPECT_EQ(programs->back(), expected);
}

TEST_F(FromIR, ReadsTheTypeOfPartials) {
  const std::string spec = dispatch("8xf16", "order = [expert]", "topk = 1, experts = 2") +
                           "func.func @c(%y: !e, %r: !r) -> !t {\n  %x = faro.combine %y, %r PARTIAL: (!e, !r) -> !t\n"
                           "  return %x : !t\n}\n";
  const auto partial = [&](const std::string &written) {
    auto programs = read(std::regex_replace(spec, std::regex("PARTIAL"), written));
    EXPECT_TRUE(succeeded(programs)) << errors;
    return succeeded(programs) ? programs->back().partial : reference::Element::BF16;
  };
  EXPECT_EQ(partial(""), reference::Element::F16);
  EXPECT_EQ(partial("partial(f16) "), reference::Element::F16);
  EXPECT_EQ(partial("partial(f32) "), reference::Element::F32);
}

TEST_F(FromIR, CompletesTheOrderByTheTieRule) {
  auto programs = read(dispatch("1xf32", "order = [expert]", "topk = 1, experts = 1"));
  ASSERT_TRUE(succeeded(programs)) << errors;
  const std::array<layout::Key, 4> expected = {layout::Key::Expert, layout::Key::Source, layout::Key::Token,
                                               layout::Key::Choice};
  EXPECT_EQ(programs->front().layout.order.keys(), expected);
  EXPECT_EQ(programs->front().layout.align, 1u);
  EXPECT_EQ(programs->front().element, reference::Element::F32);
}

TEST_F(FromIR, ReadsPlacements) {
  auto roundRobin = read(dispatch("3xf16", "order = [source]", "topk = 2, experts = 5, placement = round_robin"));
  ASSERT_TRUE(succeeded(roundRobin)) << errors;
  EXPECT_EQ(roundRobin->front().placement, layout::Placement::roundRobin(5));
  EXPECT_EQ(roundRobin->front().element, reference::Element::F16);
  auto table = read(dispatch("3xf16", "order = [source]", "topk = 2, experts = 4, placement = table [0, 2, 1, 0]"));
  ASSERT_TRUE(succeeded(table)) << errors;
  EXPECT_EQ(table->front().placement, layout::Placement::table({0, 2, 1, 0}));
}

TEST_F(FromIR, RefusesRowsWithoutNumbers) {
  EXPECT_TRUE(failed(read(dispatch("8xi8", "order = [expert]", "topk = 1, experts = 1"))));
  EXPECT_NE(errors.find("found 8xi8"), std::string::npos) << errors;
  errors.clear();
  EXPECT_TRUE(failed(read(dispatch("{8xf32, 1xf32}", "order = [expert]", "topk = 1, experts = 1"))));
  EXPECT_NE(errors.find("found {8xf32, 1xf32}"), std::string::npos) << errors;
}

TEST_F(FromIR, RefusesAFunctionThatIsNoShuffle) {
  EXPECT_TRUE(failed(read("func.func @nothing() {\n  return\n}\n")));
  EXPECT_NE(errors.find("found 0"), std::string::npos) << errors;
}

} // namespace
