// Pieces shared by the parsers of attributes and types.
//
// A constraint is checked twice with one function: while parsing, with an emitter that points at the very token, and in
// the verifier (for attributes and types made by code), with the emitter that it is given.
#pragma once

#include "mlir/IR/OpImplementation.h"

namespace faro::ir {

using EmitError = llvm::function_ref<mlir::InFlightDiagnostic()>;

/// The largest count that the module ABI and the layout algebra hold with room to spare.
constexpr int64_t MaxCount = INT32_MAX;

/// `name` `=` integer. `loc` is where the integer stands.
inline mlir::ParseResult parseNamedInteger(mlir::AsmParser &parser, llvm::StringRef name, int64_t &value,
                                           llvm::SMLoc &loc) {
  if (parser.parseKeyword(name) || parser.parseEqual())
    return mlir::failure();
  loc = parser.getCurrentLocation();
  return parser.parseInteger(value);
}

} // namespace faro::ir
