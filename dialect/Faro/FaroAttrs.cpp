// Attributes: parsing, printing, constraints (M1, L1..L3).
#include "dialect/Faro/FaroDialect.h"
#include "dialect/Faro/Parsing.h"

using namespace mlir;
using namespace faro::ir;
using faro::layout::Key;

//===---------------------------------------------------------------- mesh ---===//

static LogicalResult checkExtent(EmitError emit, StringRef name, int64_t extent) {
  // /*mesh_m1*/
  if (extent < 1 || extent > MaxCount)
    return emit() << "expected the mesh's '" << name << "' to be from 1 to " << MaxCount << ", or '?', found "
                  << extent;
  return success();
}

static FailureOr<int64_t> parseExtent(AsmParser &parser, StringRef name) {
  if (parser.parseKeyword(name) || parser.parseEqual())
    return failure();
  if (succeeded(parser.parseOptionalQuestion()))
    return MeshAttr::Dynamic;
  int64_t extent = 0;
  const SMLoc loc = parser.getCurrentLocation();
  if (parser.parseInteger(extent) || failed(checkExtent([&] { return parser.emitError(loc); }, name, extent)))
    return failure();
  return extent;
}

Attribute MeshAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  FailureOr<int64_t> nodes = parseExtent(parser, "nodes");
  if (failed(nodes) || parser.parseComma())
    return {};
  FailureOr<int64_t> ranksPerNode = parseExtent(parser, "ranks_per_node");
  if (failed(ranksPerNode) || parser.parseGreater())
    return {};
  return MeshAttr::get(parser.getContext(), *nodes, *ranksPerNode);
}

void MeshAttr::print(AsmPrinter &printer) const {
  auto extent = [&](int64_t value) {
    if (value == Dynamic)
      printer << '?';
    else
      printer << value;
  };
  printer << "<nodes = ";
  extent(getNodes());
  printer << ", ranks_per_node = ";
  extent(getRanksPerNode());
  printer << '>';
}

LogicalResult MeshAttr::verify(EmitError emit, int64_t nodes, int64_t ranksPerNode) {
  if (nodes != Dynamic && failed(checkExtent(emit, "nodes", nodes)))
    return failure();
  if (ranksPerNode != Dynamic && failed(checkExtent(emit, "ranks_per_node", ranksPerNode)))
    return failure();
  return success();
}

std::optional<int64_t> MeshAttr::getRanks() const {
  if (!hasStaticNodes() || !hasStaticRanksPerNode())
    return std::nullopt;
  return getNodes() * getRanksPerNode();
}

//===-------------------------------------------------------------- layout ---===//

static LogicalResult checkAlign(EmitError emit, int64_t align) {
  // /*layout_l3*/
  if (align < 1 || align > MaxCount)
    return emit() << "expected 'align' in 1.." << MaxCount << ", found " << align;
  return success();
}

static LogicalResult checkKeyIsNew(EmitError emit, ArrayRef<Key> before, Key key) {
  // /*layout_l2*/
  if (llvm::is_contained(before, key))
    return emit() << "key '" << faro::layout::keyName(key) << "' is named twice in 'order'";
  return success();
}

static ParseResult parseOrder(AsmParser &parser, SmallVectorImpl<Key> &order) {
  if (parser.parseKeyword("order") || parser.parseEqual())
    return failure();
  const SMLoc listLoc = parser.getCurrentLocation();
  auto parseKey = [&]() -> ParseResult {
    const SMLoc loc = parser.getCurrentLocation();
    StringRef name;
    if (parser.parseKeyword(&name))
      return failure();
    std::optional<Key> key = faro::layout::keyFromName(name);
    if (!key)
      return parser.emitError(loc) << "expected a key 'expert', 'source', 'token' or 'choice', found '" << name << "'";
    if (failed(checkKeyIsNew([&] { return parser.emitError(loc); }, order, *key)))
      return failure();
    order.push_back(*key);
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseKey))
    return failure();
  // /*layout_l1*/
  if (order.empty())
    return parser.emitError(listLoc) << "expected 'order' to name at least one key, found an empty list";
  return success();
}

Attribute LayoutAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  if (succeeded(parser.parseOptionalKeyword("token_major"))) {
    if (parser.parseGreater())
      return {};
    return getTokenMajor(parser.getContext());
  }
  SmallVector<Key, 4> order;
  int64_t align = 1;
  if (parseOrder(parser, order))
    return {};
  if (succeeded(parser.parseOptionalComma())) {
    SMLoc loc;
    if (parseNamedInteger(parser, "align", align, loc) ||
        failed(checkAlign([&] { return parser.emitError(loc); }, align)))
      return {};
  }
  if (parser.parseGreater())
    return {};
  return LayoutAttr::get(parser.getContext(), order, align);
}

void LayoutAttr::print(AsmPrinter &printer) const {
  if (isTokenMajor()) {
    printer << "<token_major>";
    return;
  }
  printer << "<order = [";
  llvm::interleaveComma(getOrder(), printer, [&](Key key) { printer << faro::layout::keyName(key); });
  printer << ']';
  if (getAlign() != 1)
    printer << ", align = " << getAlign();
  printer << '>';
}

LogicalResult LayoutAttr::verify(EmitError emit, ArrayRef<Key> order, int64_t align) {
  for (size_t i = 0; i < order.size(); ++i)
    if (failed(checkKeyIsNew(emit, order.take_front(i), order[i])))
      return failure();
  // /*layout_l3*/ Only token-major has an empty order.
  if (order.empty() && align != 1)
    return emit() << "expected a token-major layout to have align 1, found " << align;
  return checkAlign(emit, align);
}

LayoutAttr LayoutAttr::getTokenMajor(MLIRContext *context) { return get(context, ArrayRef<Key>{}, 1); }

faro::layout::Layout LayoutAttr::toLayout() const {
  assert(!isTokenMajor() && "rows of a token-major buffer are tokens, not items");
  // The verifier has seen that the keys are distinct and at least one.
  return {*layout::Order::complete(std::span<const Key>(getOrder().data(), getOrder().size())), uint32_t(getAlign())};
}
