// Types: parsing, printing, constraints (T1..T3, R1..R4).
#include "dialect/Faro/FaroDialect.h"
#include "dialect/Faro/Parsing.h"

using namespace mlir;
using namespace faro::ir;
using faro::layout::Placement;

//===-------------------------------------------------------------- tokens ---===//

static LogicalResult checkColumns(EmitError emit, int64_t columns) {
  // /*tokens_t2*/
  if (columns < 1 || columns > MaxCount)
    return emit() << "expected a row to have 1.." << MaxCount << " columns, found " << columns;
  return success();
}

static LogicalResult checkElement(EmitError emit, Type element) {
  // /*tokens_t3*/
  if (!element.isIntOrFloat() || element.getIntOrFloatBitWidth() % 8 != 0 || element.getIntOrFloatBitWidth() == 0)
    return emit() << "expected the element of a row to be an integer or float of whole bytes, found " << element;
  return success();
}

static ParseResult parsePlane(AsmParser &parser, Plane &plane) {
  SmallVector<int64_t, 1> dims;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseDimensionList(dims, /*allowDynamic=*/false, /*withTrailingX=*/true))
    return failure();
  // /*tokens_t1*/
  if (dims.size() != 1)
    return parser.emitError(loc) << "expected a row of one dimension, like 7168xbf16, found " << dims.size();
  plane.columns = dims.front();
  if (failed(checkColumns([&] { return parser.emitError(loc); }, plane.columns)))
    return failure();
  loc = parser.getCurrentLocation();
  if (parser.parseType(plane.element))
    return failure();
  return checkElement([&] { return parser.emitError(loc); }, plane.element);
}

static ParseResult parseLayout(AsmParser &parser, LayoutAttr &layout) {
  const SMLoc loc = parser.getCurrentLocation();
  Attribute attribute;
  if (parser.parseAttribute(attribute))
    return failure();
  layout = dyn_cast<LayoutAttr>(attribute);
  if (!layout)
    return parser.emitError(loc) << "expected a layout like #faro.layout<order = [expert, source, token]>, found "
                                 << attribute;
  return success();
}

Type TokensType::parse(AsmParser &parser) {
  SmallVector<Plane, 2> planes;
  auto parseNext = [&] { return parsePlane(parser, planes.emplace_back()); };
  if (parser.parseLess())
    return {};
  if (succeeded(parser.parseOptionalLBrace())) {
    if (parser.parseCommaSeparatedList(parseNext) || parser.parseRBrace())
      return {};
  } else if (parseNext()) {
    return {};
  }
  LayoutAttr layout = LayoutAttr::getTokenMajor(parser.getContext());
  if (succeeded(parser.parseOptionalComma()) && parseLayout(parser, layout))
    return {};
  if (parser.parseGreater())
    return {};
  return TokensType::get(planes, layout);
}

static void printRow(raw_ostream &os, ArrayRef<Plane> planes) {
  auto one = [&](const Plane &plane) { os << plane.columns << 'x' << plane.element; };
  if (planes.size() == 1)
    return one(planes.front());
  os << '{';
  llvm::interleaveComma(planes, os, one);
  os << '}';
}

void TokensType::print(AsmPrinter &printer) const {
  printer << '<';
  printRow(printer.getStream(), getPlanes());
  if (!isTokenMajor()) {
    printer << ", ";
    printer.printAttribute(getLayout());
  }
  printer << '>';
}

LogicalResult TokensType::verify(EmitError emit, ArrayRef<Plane> planes, LayoutAttr layout) {
  // /*tokens_t1*/
  if (planes.empty())
    return emit() << "expected a row of at least one plane";
  if (!layout)
    return emit() << "expected a layout";
  for (const Plane &plane : planes)
    if (failed(checkColumns(emit, plane.columns)) || failed(checkElement(emit, plane.element)))
      return failure();
  return success();
}

int64_t TokensType::getRowBytes() const {
  int64_t bytes = 0;
  for (const Plane &plane : getPlanes())
    bytes += plane.bytes();
  return bytes;
}

std::string TokensType::getRowText() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  printRow(os, getPlanes());
  return text;
}

//===-------------------------------------------------------------- routes ---===//

static LogicalResult checkTopk(EmitError emit, int64_t topk) {
  // /*routes_r1*/
  if (topk < 1 || topk > RoutesType::MaxTopk)
    return emit() << "expected 'topk' in 1.." << RoutesType::MaxTopk << ", found " << topk;
  return success();
}

static LogicalResult checkExperts(EmitError emit, int64_t topk, int64_t experts) {
  // /*routes_r2*/
  if (experts < topk || experts > MaxCount)
    return emit() << "expected 'experts' in " << topk << " (the top-k).." << MaxCount << ", found " << experts;
  return success();
}

static LogicalResult checkTableSize(EmitError emit, int64_t experts, size_t size) {
  // /*routes_r3*/
  if (int64_t(size) != experts)
    return emit() << "expected a table of " << experts << " ranks, one for each expert, found " << size;
  return success();
}

static LogicalResult checkTableRank(EmitError emit, size_t expert, int64_t rank) {
  // /*routes_r4*/
  if (rank < 0 || rank > MaxCount)
    return emit() << "expected the rank of expert " << expert << " in 0.." << MaxCount << ", found " << rank;
  return success();
}

static ParseResult parseTable(AsmParser &parser, int64_t experts, SmallVectorImpl<int64_t> &table) {
  const SMLoc listLoc = parser.getCurrentLocation();
  auto parseRank = [&]() -> ParseResult {
    const SMLoc loc = parser.getCurrentLocation();
    int64_t rank = 0;
    if (parser.parseInteger(rank) || failed(checkTableRank([&] { return parser.emitError(loc); }, table.size(), rank)))
      return failure();
    table.push_back(rank);
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseRank))
    return failure();
  return checkTableSize([&] { return parser.emitError(listLoc); }, experts, table.size());
}

Type RoutesType::parse(AsmParser &parser) {
  int64_t topk = 0, experts = 0;
  SMLoc loc;
  auto here = [&] { return parser.emitError(loc); };
  if (parser.parseLess() || parseNamedInteger(parser, "topk", topk, loc) || failed(checkTopk(here, topk)) ||
      parser.parseComma() || parseNamedInteger(parser, "experts", experts, loc) ||
      failed(checkExperts(here, topk, experts)))
    return {};
  Placement::Kind kind = Placement::Kind::Block;
  SmallVector<int64_t> table;
  if (succeeded(parser.parseOptionalComma())) {
    if (parser.parseKeyword("placement") || parser.parseEqual())
      return {};
    loc = parser.getCurrentLocation();
    StringRef name;
    if (parser.parseKeyword(&name))
      return {};
    if (name == "round_robin") {
      kind = Placement::Kind::RoundRobin;
    } else if (name == "table") {
      kind = Placement::Kind::Table;
      if (parseTable(parser, experts, table))
        return {};
    } else if (name != "block") {
      here() << "expected a placement 'block', 'round_robin' or 'table', found '" << name << "'";
      return {};
    }
  }
  if (parser.parseGreater())
    return {};
  return RoutesType::get(parser.getContext(), topk, experts, kind, table);
}

void RoutesType::print(AsmPrinter &printer) const {
  printer << "<topk = " << getTopk() << ", experts = " << getExperts();
  if (getPlacementKind() == Placement::Kind::RoundRobin)
    printer << ", placement = round_robin";
  if (getPlacementKind() == Placement::Kind::Table) {
    printer << ", placement = table [";
    llvm::interleaveComma(getTable(), printer);
    printer << ']';
  }
  printer << '>';
}

LogicalResult RoutesType::verify(EmitError emit, int64_t topk, int64_t experts, Placement::Kind kind,
                                 ArrayRef<int64_t> table) {
  if (failed(checkTopk(emit, topk)) || failed(checkExperts(emit, topk, experts)))
    return failure();
  // /*routes_r3*/
  if (kind != Placement::Kind::Table)
    return table.empty() ? success() : LogicalResult(emit() << "expected a table only with a table placement");
  for (auto [expert, rank] : llvm::enumerate(table))
    if (failed(checkTableRank(emit, expert, rank)))
      return failure();
  return checkTableSize(emit, experts, table.size());
}

Placement RoutesType::getPlacement() const {
  switch (getPlacementKind()) {
  case Placement::Kind::Block:
    return Placement::block(uint32_t(getExperts()));
  case Placement::Kind::RoundRobin:
    return Placement::roundRobin(uint32_t(getExperts()));
  case Placement::Kind::Table:
    break;
  }
  return Placement::table(std::vector<uint32_t>(getTable().begin(), getTable().end()));
}
