#include "dialect/Xfer/StageSyntax.h"

#include "dialect/Xfer/XferDialect.h"

#include "llvm/ADT/StringExtras.h"

#include <cstring>

using namespace mlir;

namespace faro::xfer {
namespace {

using Operands = SmallVector<OpAsmParser::UnresolvedOperand>;

class StageParser {
public:
  StageParser(OpAsmParser &parser, OperationState &state, unsigned syntax)
      : parser(parser), state(state), syntax(syntax) {}

  ParseResult parse() {
    const SMLoc start = parser.getCurrentLocation();
    if (parseHead())
      return failure();
    while (true) {
      const SMLoc loc = parser.getCurrentLocation();
      StringRef word;
      if (isLocation(loc) || isOperation(loc) || parser.parseOptionalKeyword(&word))
        break;
      if (llvm::is_contained(seen, word))
        return parser.emitError(loc) << "has the clause '" << word << "' twice";
      seen.push_back(word);
      if (parser.parseLParen() || parseClause(word, loc) || parser.parseRParen())
        return failure();
    }
    return failure(parser.parseOptionalAttrDict(state.attributes) || checkComplete(start) || resolve());
  }

private:
  bool has(unsigned what) const { return syntax & what; }

  /// Whether the operation's own location follows, which looks like a clause and is MLIR's to read. Parsers cannot look
  /// ahead; the text ends with a zero.
  static bool isLocation(SMLoc at) {
    constexpr StringLiteral Word = "loc";
    const char *text = at.getPointer();
    return std::strncmp(text, Word.data(), Word.size()) == 0 && !llvm::isAlnum(text[Word.size()]) &&
           text[Word.size()] != '_';
  }

  /// Whether the next operation follows, one without results.
  static bool isOperation(SMLoc at) {
    const char *text = at.getPointer();
    while (llvm::isAlnum(*text) || *text == '_' || *text == '$')
      ++text;
    return *text == '.';
  }

  ParseResult parseHead() {
    if (has(syntax::Plan))
      return parser.parseOperand(plan.emplace_back());
    StringAttr flag;
    return has(syntax::Flag) ? parser.parseAttribute(flag, "flag", state.attributes) : success();
  }

  /// What stands between the parentheses.
  ParseResult parseClause(StringRef word, SMLoc loc) {
    if (word == "after")
      return parser.parseOperandList(after);
    if (word == "on")
      return parseEnum<ResourceAttr>("on");
    if (word == "from" && has(syntax::From))
      return parser.parseOperand(from.emplace_back());
    if (word == "into" && has(syntax::Into))
      return parser.parseOperand(into.emplace_back());
    if (word == "acquires" && has(syntax::Slots))
      return parser.parseOperandList(acquires);
    if (word == "releases" && has(syntax::Slots))
      return parser.parseOperandList(releases);
    if (word == "by" && has(syntax::By))
      return parseEnum<GatherModeAttr>("by");
    if (((word == "kernel" || word == "streaming") && has(syntax::Kernel)) || (word == "share" && has(syntax::Share))) {
      StringAttr name;
      if (parser.parseSymbolName(name))
        return failure();
      state.addAttribute(word, FlatSymbolRefAttr::get(name));
      return success();
    }
    return parser.emitError(loc) << "has no clause '" << word << "'; expected " << llvm::join(clauses(), ", ");
  }

  SmallVector<StringRef> clauses() const {
    SmallVector<StringRef> words{"after"};
    if (has(syntax::From))
      words.push_back("from");
    if (has(syntax::Into))
      words.push_back("into");
    if (has(syntax::Slots))
      words.append({"acquires", "releases"});
    words.push_back("on");
    if (has(syntax::By))
      words.push_back("by");
    if (has(syntax::Kernel))
      words.append({"kernel", "streaming"});
    if (has(syntax::Share))
      words.push_back("share");
    return words;
  }

  template <typename EnumAttr> ParseResult parseEnum(StringRef name) {
    EnumAttr value;
    if (parseWord(parser, value))
      return failure();
    state.addAttribute(name, value);
    return success();
  }

  ParseResult checkComplete(SMLoc start) {
    for (StringRef word : clauses())
      if (!llvm::is_contained({"after", "acquires", "releases", "streaming", "share"}, word) &&
          !llvm::is_contained(seen, word))
        return parser.emitError(start) << "expects the clause '" << word << "'";
    return success();
  }

  ParseResult resolve() {
    MLIRContext *context = parser.getContext();
    const Type ring = RingType::get(context), timepoint = TimepointType::get(context);
    state.addTypes(timepoint);
    SmallVector<int32_t> sizes;
    const auto add = [&](Operands &operands, Type type) {
      sizes.push_back(int32_t(operands.size()));
      return parser.resolveOperands(operands, type, state.operands);
    };
    if ((has(syntax::Plan) && add(plan, DescriptorsType::get(context))) || add(after, timepoint) ||
        (has(syntax::From) && add(from, ring)) || (has(syntax::Into) && add(into, ring)))
      return failure();
    if (!has(syntax::Slots))
      return success();
    if (add(acquires, ring) || add(releases, ring))
      return failure();
    state.addAttribute("operandSegmentSizes", parser.getBuilder().getDenseI32ArrayAttr(sizes));
    return success();
  }

  OpAsmParser &parser;
  OperationState &state;
  unsigned syntax;
  Operands plan, after, from, into, acquires, releases;
  SmallVector<StringRef> seen;
};

} // namespace

ParseResult parseStage(OpAsmParser &parser, OperationState &state, unsigned syntax) {
  return StageParser(parser, state, syntax).parse();
}

void printStage(OpAsmPrinter &printer, Operation *op, unsigned syntax) {
  auto stage = cast<StageOpInterface>(op);
  const auto clause = [&](StringRef word, ValueRange operands) {
    if (!operands.empty())
      printer << ' ' << word << '(' << operands << ')';
  };
  if (syntax & syntax::Flag)
    printer << ' ' << stage.getFlagAttr();
  if (syntax & syntax::Plan)
    printer << ' ' << op->getOperand(0);
  clause("after", stage.getAfter());
  if (Value ring = stage.getFrom())
    clause("from", ring);
  if (Value ring = stage.getInto())
    clause("into", ring);
  clause("acquires", stage.getAcquires());
  clause("releases", stage.getReleases());
  printer << " on(" << stringifyResource(stage.getOn()) << ')';
  if (auto gather = dyn_cast<GatherOp>(op))
    printer << " by(" << stringifyGatherMode(gather.getBy()) << ')';
  for (const auto &[word, name] : stage.getKernelClauses())
    printer << ' ' << word << '(' << name << ')';
  // Clauses are of the operation's own attributes; any other of such a name is one of the user's, in the dictionary.
  SmallVector<StringRef> said = {"operandSegmentSizes"};
  llvm::append_range(said, op->getName().getAttributeNames());
  printer.printOptionalAttrDict(op->getAttrs(), said);
}

} // namespace faro::xfer
