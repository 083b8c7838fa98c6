// WHERE: the route of every shuffle through the mesh.
//
//   faro ──faro-plan-route──► faro with paths ──► compiler/Schedule
#pragma once

#include "dialect/Faro/FaroDialect.h"

#include "mlir/Pass/Pass.h"

#include <memory>

namespace faro::compiler {

#define GEN_PASS_DECL
#include "compiler/Plan/Passes.h.inc"

/// Makes the passes known by their names, for textual pipelines.
void registerPlanPasses();

} // namespace faro::compiler
