#include "dialect/Faro/FaroDialect.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace faro::ir;

#include "dialect/Faro/FaroDialect.cpp.inc"

// The generated code of attributes and types is compiled here, where the dialect's parser needs it; their hand-written
// parts are in FaroAttrs.cpp and FaroTypes.cpp.
#include "dialect/Faro/FaroEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialect/Faro/FaroAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialect/Faro/FaroTypes.cpp.inc"

namespace {

/// Short names for the long types in printed IR.
struct Aliases : OpAsmDialectInterface {
  using OpAsmDialectInterface::OpAsmDialectInterface;
  AliasResult getAlias(Type type, raw_ostream &os) const override {
    if (auto tokens = dyn_cast<TokensType>(type))
      os << (tokens.isTokenMajor() ? "tokens" : "experts");
    else if (isa<RoutesType>(type))
      os << "routes";
    else
      return AliasResult::NoAlias;
    return AliasResult::OverridableAlias;
  }
};

} // namespace

void FaroDialect::initialize() {
  addInterfaces<Aliases>();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialect/Faro/FaroAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialect/Faro/FaroTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialect/Faro/FaroOps.cpp.inc"
      >();
}

void faro::ir::registerFaroDialect(DialectRegistry &registry) { registry.insert<FaroDialect>(); }

MeshAttr faro::ir::meshOf(Operation *op) {
  for (; op; op = op->getParentOp())
    if (auto mesh = op->getAttrOfType<MeshAttr>(FaroDialect::MeshAttrName))
      return mesh;
  return {};
}

namespace {

/// Refuses tables that name ranks which a static mesh does not have.
LogicalResult checkTablesFit(Operation *module, MeshAttr mesh) {
  const std::optional<int64_t> ranks = mesh.getRanks();
  if (!ranks)
    return success();
  WalkResult result = module->walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (op != module && op->hasAttr(FaroDialect::MeshAttrName))
      return WalkResult::skip();
    // Types alone, of operands and in attributes (a schedule's): the operations inside are not verified yet.
    SmallVector<Type> types(op->getOperandTypes());
    for (NamedAttribute attribute : op->getAttrs())
      if (auto named = dyn_cast<TypeAttr>(attribute.getValue()))
        types.push_back(named.getValue());
    for (Type type : types) {
      auto routes = dyn_cast<RoutesType>(type);
      if (!routes)
        continue;
      for (auto [expert, rank] : llvm::enumerate(routes.getTable())) {
        if (rank < *ranks)
          continue;
        // /*module_m3*/
        op->emitOpError() << "places expert " << expert << " on rank " << rank << ", but the module's mesh has "
                          << *ranks << (*ranks == 1 ? " rank" : " ranks");
        return WalkResult::interrupt();
      }
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

} // namespace

LogicalResult FaroDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  if (attribute.getName() != MeshAttrName)
    return op->emitError() << "unknown attribute '" << attribute.getName().getValue()
                           << "' of the faro dialect; expected 'faro.mesh'";
  // /*module_m2*/
  if (!isa<ModuleOp>(op))
    return op->emitError() << "expected 'faro.mesh' on a 'builtin.module', found it on '" << op->getName() << "'";
  auto mesh = dyn_cast<MeshAttr>(attribute.getValue());
  if (!mesh)
    return op->emitError() << "expected 'faro.mesh' to be a #faro.mesh, found " << attribute.getValue();
  return checkTablesFit(op, mesh);
}
