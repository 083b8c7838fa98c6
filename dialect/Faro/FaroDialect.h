// The faro dialect: attributes, types and operations. dialect/README.md is its law.
#pragma once

#include "dialect/Layout/Layout.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace faro::ir {

/// One plane of a row: `columns` elements, next to each other.
struct Plane {
  int64_t columns = 0;
  mlir::Type element;
  bool operator==(const Plane &) const = default;
  int64_t bytes() const { return columns * (element.getIntOrFloatBitWidth() / 8); }
};

inline llvm::hash_code hash_value(const Plane &plane) { return llvm::hash_combine(plane.columns, plane.element); }

/// Makes the dialect known to a context that is built from `registry`.
void registerFaroDialect(mlir::DialectRegistry &registry);

} // namespace faro::ir

#include "dialect/Faro/FaroDialect.h.inc"

#include "dialect/Faro/FaroEnums.h.inc"

namespace faro::ir {

/// `custom<Word>($attr)`: an enumeration's attribute as the bare word.
template <typename EnumAttr> mlir::ParseResult parseWord(mlir::OpAsmParser &parser, EnumAttr &attr) {
  auto value = mlir::FieldParser<decltype(attr.getValue())>::parse(parser);
  if (failed(value))
    return mlir::failure();
  attr = EnumAttr::get(parser.getContext(), *value);
  return mlir::success();
}
template <typename EnumAttr> void printWord(mlir::OpAsmPrinter &printer, mlir::Operation *, EnumAttr attr) {
  printer << stringifyEnum(attr.getValue());
}

} // namespace faro::ir

#define GET_ATTRDEF_CLASSES
#include "dialect/Faro/FaroAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialect/Faro/FaroTypes.h.inc"
#define GET_OP_CLASSES
#include "dialect/Faro/FaroOps.h.inc"

namespace faro::ir {

/// The mesh of the nearest enclosing module that names one; null when none does.
MeshAttr meshOf(mlir::Operation *op);

/// Whether `element` is one that a combine can sum: bf16, f16 or f32.
bool isSummable(mlir::Type element);

} // namespace faro::ir
