#include "compiler/Pipelines/Compilation.h"

#include "compiler/Codegen/Module/BuildModule.h"
#include "compiler/Codegen/Module/ModuleTables.h"
#include "compiler/Codegen/Module/ObjectParts.h"
#include "compiler/Pipelines/CheckText.h"
#include "dialect/Xfer/XferDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"

#include <algorithm>
#include <thread>

namespace faro::compiler {
namespace {

using namespace mlir;

DialectRegistry makeRegistry() {
  DialectRegistry registry;
  xfer::registerXferDialect(registry);
  // What kernels are written in. Not registerAllDialects: a JIT's first spec would pay for all of MLIR.
  registry.insert<arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect, gpu::GPUDialect, LLVM::LLVMDialect,
                  scf::SCFDialect, vector::VectorDialect>();
  registerModuleTranslation(registry);
  return registry;
}

const char *severityName(DiagnosticSeverity severity) {
  switch (severity) {
  case DiagnosticSeverity::Error:
    return "error";
  case DiagnosticSeverity::Warning:
    return "warning";
  default:
    return "note";
  }
}

/// The place in the text that a location stands for, if any.
std::string placeOf(Location location) {
  std::string place;
  location->walk([&](Location each) {
    auto file = dyn_cast<FileLineColLoc>(each);
    if (!file)
      return WalkResult::advance();
    // A module that is not written out begins at 0:0; editors count from 1.
    place = (file.getFilename().getValue() + ":" + Twine(std::max(file.getLine(), 1u)) + ":" +
             Twine(std::max(file.getColumn(), 1u)))
                .str();
    return WalkResult::interrupt();
  });
  return place;
}

} // namespace

Compilation::Compilation(std::string text, std::string name, Report report)
    : text(std::move(text)), name(std::move(name)), report(std::move(report)),
      // One spec is too little work for threads, and their start costs more than it.
      context(makeRegistry(), MLIRContext::Threading::DISABLED),
      handler(&context, [this](Diagnostic &diagnostic) { show(diagnostic); }) {
  // Messages name what is wrong and where; a dump of the operation behind each would bury them.
  context.printOpOnDiagnostic(false);
  onErrors(llvmContext, [this](const std::string &message) {
    (void)fail(message);
    llvmFailed = true;
  });
}

Compilation::~Compilation() = default;

void Compilation::show(Diagnostic &diagnostic) {
  saidError |= diagnostic.getSeverity() == DiagnosticSeverity::Error;
  const std::string place = placeOf(diagnostic.getLocation());
  report((place.empty() ? name : place) + ": " + severityName(diagnostic.getSeverity()) + ": " + diagnostic.str());
  for (Diagnostic &note : diagnostic.getNotes())
    show(note);
}

LogicalResult Compilation::fail(const std::string &message) {
  report(name + ": error: " + message);
  return failure();
}

LogicalResult Compilation::fail(llvm::Error error) { return fail(llvm::toString(std::move(error))); }

LogicalResult Compilation::parse() {
  if (std::optional<TextFault> fault = checkText(text)) {
    report(name + ":" + std::to_string(fault->line) + ":" + std::to_string(fault->column) +
           ": error: " + fault->message);
    return failure();
  }
  mlirModule = parseSourceString<ModuleOp>(text, ParserConfig(&context), name);
  // MLIR's parser says what is wrong behind the type of an alias, and goes on as if nothing were.
  if (!mlirModule || saidError)
    return failure();
  const auto isOfXfer = [](Operation &op) {
    auto kernels = dyn_cast<ModuleOp>(op);
    return isa<xfer::ProgramOp>(op) || (kernels && kernels.getSymName() == xfer::XferDialect::KernelsModuleName);
  };
  if (llvm::none_of(*mlirModule->getBody(), isOfXfer))
    return success();
  level = Phase::Xfer;
  // What is of another level would be lowered unchecked, or left out without a word.
  for (Operation &op : *mlirModule->getBody())
    if (!isOfXfer(op))
      return op.emitOpError() << "stands beside schedules: expected only 'xfer.program' and a module @"
                              << xfer::XferDialect::KernelsModuleName << "; compile the rest as a module of its own";
  return success();
}

LogicalResult Compilation::lowerTo(Phase end, const LoweringOptions &options,
                                   const std::function<LogicalResult(Phase)> &reached) {
  if (end < level)
    return fail("the input is of the level '" + std::string(phaseName(level)) + "' already, beyond '" + phaseName(end) +
                "'");
  if (options.wire && level != Phase::Faro && !atLevel)
    return fail(
        "a wire chooses slices for specs of the level 'faro'; this text holds schedules, whose slices are given");
  for (Phase phase : {Phase::Faro, Phase::Xfer, Phase::Kernels}) {
    if (phase < level || (phase == level && atLevel) || phase > end)
      continue;
    if (phase == Phase::Kernels) {
      schedules = mlirModule->clone();
      lowering = options;
    }
    PassManager passes(&context);
    buildPhase(passes, phase, options);
    if (failed(passes.run(*mlirModule)))
      return failure();
    level = phase;
    atLevel = true;
    if (reached && failed(reached(phase)))
      return failure();
  }
  return success();
}

std::string Compilation::print() {
  std::string printed;
  llvm::raw_string_ostream stream(printed);
  // Aliases and all: what is printed is meant to be edited and given back.
  mlirModule->print(stream, OpPrintingFlags());
  stream << '\n';
  return printed;
}

FailureOr<OwningOpRef<ModuleOp>> Compilation::kernelsOf(const CpuTarget &target) {
  constexpr llvm::StringRef Name = xfer::XferDialect::KernelsModuleName;
  if (target.kernels == lowering.kernels)
    return OwningOpRef<ModuleOp>(mlirModule->lookupSymbol<ModuleOp>(Name).clone());
  OwningOpRef<ModuleOp> written(schedules->clone());
  LoweringOptions own = lowering;
  own.kernels = target.kernels;
  PassManager passes(&context);
  buildPhase(passes, Phase::Kernels, own);
  if (failed(passes.run(*written)))
    return failure();
  auto kernels = written->lookupSymbol<ModuleOp>(Name);
  kernels->remove();
  return OwningOpRef<ModuleOp>(kernels);
}

LogicalResult Compilation::build(llvm::ArrayRef<CpuTarget> targets, llvm::ArrayRef<ImageTable> images) {
  llvm::Expected<std::unique_ptr<llvm::TargetMachine>> made = makeTargetMachine();
  if (!made)
    return fail(made.takeError());
  machine = std::move(*made);
  FailureOr<std::unique_ptr<llvm::Module>> built = buildModule(
      *mlirModule, targets, [this](const CpuTarget &target) { return kernelsOf(target); }, images, text, llvmContext,
      *machine);
  if (failed(built))
    return failure();
  llvmModule = std::move(*built);
  return success();
}

LogicalResult Compilation::toLLVM(llvm::ArrayRef<CpuTarget> targets, llvm::ArrayRef<ImageTable> images) {
  if (failed(build(targets, images)))
    return failure();
  optimise(*llvmModule, *machine);
  return success();
}

std::string Compilation::printLLVM() {
  std::string printed;
  llvm::raw_string_ostream stream(printed);
  llvmModule->print(stream, nullptr);
  return printed;
}

FailureOr<std::unique_ptr<llvm::MemoryBuffer>> Compilation::toCode(Output output) {
  llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> code = generate(*llvmModule, *machine, output);
  if (!code)
    return fail(code.takeError());
  if (llvmFailed)
    return failure();
  return std::move(*code);
}

FailureOr<std::unique_ptr<llvm::MemoryBuffer>> Compilation::toArchive(llvm::ArrayRef<CpuTarget> targets,
                                                                      llvm::ArrayRef<ImageTable> images) {
  if (failed(build(targets, images)))
    return failure();
  auto objects = generateInParts(std::move(llvmModule), std::max(std::thread::hardware_concurrency(), 1u));
  if (!objects)
    return fail(objects.takeError());
  return std::move(*objects);
}

} // namespace faro::compiler
