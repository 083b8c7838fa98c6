#include "dialect/Xfer/XferDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace faro::xfer;

#include "dialect/Xfer/XferDialect.cpp.inc"

#include "dialect/Xfer/XferEnums.cpp.inc"
#include "dialect/Xfer/XferInterfaces.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialect/Xfer/XferAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialect/Xfer/XferTypes.cpp.inc"

void XferDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialect/Xfer/XferAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialect/Xfer/XferTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialect/Xfer/XferOps.cpp.inc"
      >();
}

void faro::xfer::registerXferDialect(DialectRegistry &registry) {
  ir::registerFaroDialect(registry);
  registry.insert<XferDialect>();
}

bool faro::xfer::isKernelName(StringRef name) {
  const auto isOfIdentifier = [](char c) { return llvm::isAlnum(c) || c == '_'; };
  return !name.empty() && !llvm::isDigit(name.front()) && llvm::all_of(name, isOfIdentifier);
}

std::string faro::xfer::kernelName(StringRef base, StringRef suffix) {
  if (isKernelName(base))
    return (base + suffix).str();
  std::string name = base.empty() || llvm::isDigit(base.front()) ? "_" : "";
  for (char c : base)
    name += llvm::isAlnum(c) ? c : '_';
  return (name + "_" + llvm::utohexstr(llvm::xxh3_64bits(base), /*LowerCase=*/true, /*Width=*/16) + suffix).str();
}

/// LLVM ends the process at a name that assemblers have no way to write; others would be theirs to refuse.
static LogicalResult checkKernelName(Operation *op, StringAttr name) {
  // /*kernel_k3*/
  if (!name || isKernelName(name.getValue()))
    return success();
  return op->emitError() << "expected a kernel's name to be letters, digits and underscores, no digit first, found "
                         << name;
}

LogicalResult faro::xfer::checkKernelNames(Operation *stage) {
  for (const auto &[word, name] : cast<StageOpInterface>(stage).getKernelClauses())
    if (failed(checkKernelName(stage, name.getAttr())))
      return failure();
  return success();
}

LogicalResult XferDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  if (attribute.getName() != KernelAttrName)
    return op->emitError() << "unknown attribute '" << attribute.getName().getValue()
                           << "' of the xfer dialect; expected 'xfer.kernel'";
  // /*kernel_k1*/
  if (op->getName().getStringRef() != "func.func")
    return op->emitError() << "expected 'xfer.kernel' on a 'func.func', found it on '" << op->getName() << "'";
  if (!isa<UnitAttr>(attribute.getValue()))
    return op->emitError() << "expected 'xfer.kernel' to be a unit attribute, found " << attribute.getValue();
  if (failed(checkKernelName(op, op->getAttrOfType<StringAttr>(SymbolTable::getSymbolAttrName()))))
    return failure();
  // Attributes are verified before their operation: the function may lack its type, which is its own verifier's to say.
  auto typeAttribute = op->getAttrOfType<TypeAttr>("function_type");
  auto function = typeAttribute ? dyn_cast<FunctionType>(typeAttribute.getValue()) : FunctionType();
  if (!function)
    return success();
  // /*kernel_k2*/
  if (function.getNumResults() != 0)
    return op->emitError() << "expected a kernel to have no results, found " << function.getNumResults();
  for (auto [index, type] : llvm::enumerate(function.getInputs()))
    if (!isa<AddrType>(type) && !type.isIntOrIndexOrFloat())
      return op->emitError() << "expected argument " << index
                             << " of a kernel to be an !xfer.addr, integer, index or float, found " << type;
  return success();
}

#define GET_OP_CLASSES
#include "dialect/Xfer/XferOps.cpp.inc"
