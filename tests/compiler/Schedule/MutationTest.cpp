// The schedule verifier against mutants of correct schedules: whatever it accepts does no harm in any order of events.
#include "Mutations.h"
#include "Simulator.h"

#include "compiler/Plan/Passes.h"
#include "compiler/Schedule/Passes.h"
#include "tests/support/Some.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

#include <iostream>
#include <map>

using namespace faro::test;
using namespace faro::compiler;

namespace {

/// The schedules that the lowering prints, and the verifier, behind texts.
class Compiler {
public:
  Compiler() {
    mlir::DialectRegistry registry;
    faro::xfer::registerXferDialect(registry);
    registry.insert<mlir::func::FuncDialect>();
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  /// The printed schedules of a dispatch and its combine.
  std::string lower(int align, const std::string &partial) {
    const std::string experts =
        "!faro.tokens<1024xbf16, #faro.layout<order = [expert, source, token], align = " + std::to_string(align) + ">>";
    mlir::OwningOpRef<mlir::ModuleOp> module =
        parse("!tokens = !faro.tokens<1024xbf16>\n!experts = " + experts +
              "\n!routes = !faro.routes<topk = 4, experts = 16>\n"
              "func.func @dispatch(%x: !tokens, %r: !routes) -> !experts {\n"
              "  %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts\n  return %y : !experts\n}\n"
              "func.func @combine(%y: !experts, %r: !routes) -> !tokens {\n"
              "  %x = faro.combine %y, %r " +
              partial + ": (!experts, !routes) -> !tokens\n  return %x : !tokens\n}\n");
    mlir::PassManager passes(&context);
    passes.addPass(createFaroPlanRoute());
    passes.addPass(createFaroCheckProgram());
    passes.addPass(createFaroLowerToXfer());
    if (!module || failed(passes.run(*module)))
      throw std::runtime_error("the schedules that are to be changed do not compile: " + said);
    std::string text;
    llvm::raw_string_ostream(text) << *module;
    return text;
  }

  enum class Verdict { Accepted, Unreadable, Rejected };
  /// What the parser, the verifiers of operations, and xfer-verify-schedule say of a program.
  Verdict judge(const std::string &text) {
    mlir::OwningOpRef<mlir::ModuleOp> module = parse(text);
    if (!module)
      return Verdict::Unreadable;
    mlir::PassManager passes(&context);
    passes.addPass(createXferVerifySchedule());
    return failed(passes.run(*module)) ? Verdict::Rejected : Verdict::Accepted;
  }
  const std::string &diagnostic() const { return said; }

private:
  mlir::OwningOpRef<mlir::ModuleOp> parse(const std::string &text) {
    said.clear();
    return mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  }

  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  std::string said;
  mlir::ScopedDiagnosticHandler handler{&context, [this](mlir::Diagnostic &diagnostic) {
                                          llvm::raw_string_ostream(said) << diagnostic << "\n";
                                          return mlir::success();
                                        }};
};

/// Slices in both directions, two flows of one rank, ranks that only send or only receive, and none at all.
const std::vector<SimulatedJob> Jobs = {
    {.flows = {{0, 2, 2}, {0, 3, 2}, {1, 3, 1}, {2, 0, 2}}},
    {.flows = {{0, 2, 3}}},
    {.flows = {{0, 2, 2}, {3, 1, 3}}},
    {.flows = {}},
};

/// The first harm that a schedule does in one of the jobs, with few slots.
std::optional<std::string> harmOf(const ScheduleText &schedule, bool padded) {
  for (size_t slots : {1, 2})
    for (SimulatedJob job : Jobs) {
      job.padded = padded;
      ScheduleText small = schedule;
      bool changed = false;
      for (StageLine &line : small.lines)
        if (Clause *clause = line.find("slots"); clause && std::stoull(clause->args.front()) > slots) {
          clause->args = {std::to_string(slots)};
          changed = true;
        }
      if (slots > 1 && !changed)
        continue;
      if (!schedule.isHierarchical())
        job.flows.clear();
      if (const Simulation simulation = simulate(small, job); simulation.harm)
        return "with " + std::to_string(slots) + " slots: " + *simulation.harm;
      if (!schedule.isHierarchical())
        return std::nullopt;
    }
  return std::nullopt;
}

struct Original {
  ScheduleText schedule;
  std::string types; ///< lines before the programs, which name types
  bool padded;
};

std::vector<Original> originals(Compiler &compiler) {
  std::vector<Original> all;
  for (const auto &[align, partial] : {std::pair(1, ""), std::pair(16, "partial(f32) ")}) {
    const std::string text = compiler.lower(align, partial);
    const std::string types = text.substr(0, text.find("module"));
    for (ScheduleText &schedule : readSchedules(text)) {
      // Each stands alone here.
      if (const size_t of = schedule.header.find(" of(@"); of != std::string::npos)
        schedule.header.erase(of, schedule.header.find(')', of) + 1 - of);
      all.push_back({std::move(schedule), types, align > 1});
    }
  }
  return all;
}

TEST(Mutation, TheOriginalsAreAcceptedAndDoNoHarm) {
  Compiler compiler;
  const std::vector<Original> all = originals(compiler);
  ASSERT_EQ(all.size(), 8u); // dispatch and combine, on both paths, in two forms
  for (const Original &original : all) {
    const std::string text = original.types + original.schedule.print();
    EXPECT_EQ(compiler.judge(text), Compiler::Verdict::Accepted) << compiler.diagnostic() << text;
    EXPECT_EQ(harmOf(original.schedule, original.padded), std::nullopt) << text;
  }
}

constexpr size_t Step = stepOf(20);

TEST(Mutation, WhatTheVerifierAcceptsDoesNoHarm) {
  Compiler compiler;
  size_t made = 0, mutants = 0, unreadable = 0, rejected = 0, harmless = 0, strict = 0;
  for (const Original &original : originals(compiler))
    for (const Mutant &mutant : mutantsOf(original.schedule)) {
      if (made++ % Step != 0)
        continue;
      ++mutants;
      const std::string text = original.types + mutant.schedule.print();
      switch (compiler.judge(text)) {
      case Compiler::Verdict::Unreadable:
        ++unreadable;
        break;
      case Compiler::Verdict::Rejected:
        ++rejected;
        strict += !harmOf(mutant.schedule, original.padded);
        break;
      case Compiler::Verdict::Accepted:
        ++harmless;
        if (const std::optional<std::string> harm = harmOf(mutant.schedule, original.padded)) {
          --harmless;
          ADD_FAILURE() << original.schedule.name() << ", " << mutant.what << ", is accepted: " << *harm << "\n"
                        << text;
        }
      }
    }
  std::cout << mutants << " mutants: " << unreadable << " do not parse, " << rejected
            << " are rejected by the verifier (" << strict << " of them do no harm in the small case), " << harmless
            << " are accepted and harmless\n";
  EXPECT_GT(rejected, 1000 / Step);
  EXPECT_GT(harmless, 100 / Step);
}

} // namespace
