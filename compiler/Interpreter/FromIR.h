// What the interpreter is to run, read from the faro dialect itself: not from a schedule and not from a module's
// tables, so that a mistake on the way there shows as a difference.
//
//   spec.mlir ──► faro dialect ──programsOf──► reference::Program
#pragma once

#include "compiler/Interpreter/Reference.h"

#include "mlir/IR/BuiltinOps.h"

#include <vector>

namespace faro::compiler {

/// The programs of a module, one for each function, in their order. A function that is not one shuffle, or whose rows
/// the interpreter has no numbers for, gets a diagnostic.
mlir::FailureOr<std::vector<reference::Program>> programsOf(mlir::ModuleOp module);

} // namespace faro::compiler
