// WHEN: from shuffles to schedules.
//
//   faro with paths ──faro-check-program──► (closed) ──faro-lower-to-xfer──► xfer ──xfer-verify-schedule──► (closed)
//
// What comes before is compiler/Plan, what comes after is compiler/Codegen.
#pragma once

#include "dialect/Xfer/XferDialect.h"

#include "mlir/Pass/Pass.h"

#include <memory>

namespace faro::compiler {

#define GEN_PASS_DECL
#include "compiler/Schedule/Passes.h.inc"

/// Makes the passes known by their names, for textual pipelines.
void registerSchedulePasses();

} // namespace faro::compiler
