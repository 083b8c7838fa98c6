#include "compiler/Pipelines/CheckText.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ConvertUTF.h"

#include <algorithm>

namespace faro::compiler {
namespace {

/// Nobody writes this; the parser takes a few hundred bytes of stack for each level.
constexpr int MaxDepth = 256;

/// Nobody writes these either: the parser nests the operators of an affine expression, and takes a time that grows with
/// the square of a number's digits.
constexpr int MaxOperators = 256;
constexpr size_t MaxDigits = 64;

/// `%x#4294967295` makes the parser set aside a place for each of so many results.
constexpr size_t MaxResultDigits = 5;

TextFault faultAt(std::string_view text, size_t offset, std::string message) {
  const std::string_view before = text.substr(0, offset);
  const size_t line = size_t(std::ranges::count(before, '\n')) + 1, start = before.rfind('\n');
  return {line, start == std::string_view::npos ? offset + 1 : offset - start, std::move(message)};
}

std::optional<TextFault> checkBytes(std::string_view text) {
  const auto *begin = reinterpret_cast<const llvm::UTF8 *>(text.data()), *at = begin;
  const auto *end = begin + text.size();
  if (!llvm::isLegalUTF8String(&at, end))
    return faultAt(text, size_t(at - begin), "not UTF-8 text; expected a spec in MLIR's textual form");
  if (const size_t zero = text.find('\0'); zero != std::string_view::npos)
    return faultAt(text, zero, "a zero byte; expected a spec in MLIR's textual form");
  return std::nullopt;
}

bool isPartOfName(char c) { return llvm::isAlnum(c) || c == '_' || c == '$' || c == '.'; }

/// Brackets, operators and numbers outside strings and comments. Angles are counted apart, since they are comparisons
/// and arrows too. Operators count from the last bracket, comma, colon or equals sign.
std::optional<TextFault> checkStructure(std::string_view text) {
  int brackets = 0, angles = 0, operators = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    switch (text[at]) {
    case '"':
      for (++at; at < text.size() && text[at] != '"' && text[at] != '\n'; ++at)
        at += text[at] == '\\';
      break;
    case '/':
      if (at + 1 < text.size() && text[at + 1] == '/')
        at = std::min(text.find('\n', at), text.size());
      break;
    case '#':
      if (text.find_first_not_of("0123456789", at + 1) > at + 1 + MaxResultDigits &&
          at + 1 + MaxResultDigits < text.size())
        return faultAt(text, at, "a number of more than " + std::to_string(MaxResultDigits) + " digits for a result");
      break;
    case '(':
    case '[':
    case '{':
      ++brackets;
      operators = 0;
      break;
    case ')':
    case ']':
    case '}':
      --brackets;
      break;
    case ',':
    case ':':
    case '=':
      operators = 0;
      break;
    case '+':
    case '-':
    case '*':
      if (++operators > MaxOperators)
        return faultAt(text, at, "more than " + std::to_string(MaxOperators) + " operators in one expression");
      break;
    case '<':
      ++angles;
      break;
    case '>':
      angles -= angles > 0 && !(at > 0 && text[at - 1] == '-');
      break;
    default:
      if (llvm::isDigit(text[at]) && !(at > 0 && isPartOfName(text[at - 1]))) {
        const bool isHex = text[at] == '0' && at + 1 < text.size() && text[at + 1] == 'x';
        const size_t begin = at + (isHex ? 2 : 0);
        const size_t end =
            std::min(text.find_first_not_of(isHex ? "0123456789abcdefABCDEF" : "0123456789", begin), text.size());
        if (end - begin > MaxDigits)
          return faultAt(text, at, "a number of more than " + std::to_string(MaxDigits) + " digits");
      }
      break;
    }
    if (brackets > MaxDepth || angles > MaxDepth)
      return faultAt(text, at, "brackets nested deeper than " + std::to_string(MaxDepth));
  }
  return std::nullopt;
}

} // namespace

std::optional<TextFault> checkText(std::string_view text) {
  if (std::optional<TextFault> fault = checkBytes(text))
    return fault;
  return checkStructure(text);
}

} // namespace faro::compiler
