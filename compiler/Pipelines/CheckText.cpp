#include "compiler/Pipelines/CheckText.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ConvertUTF.h"

#include <algorithm>
#include <map>
#include <vector>

namespace faro::compiler {
namespace {

// Nobody writes what is beyond these, and the parser, or who walks what it has read, runs out of stack or time there.

/// The parser takes a few hundred bytes of stack for each level.
constexpr int MaxDepth = 256;
/// Of one expression, which they nest, with those in its brackets.
constexpr int MaxOperators = 256;
/// The time grows with the square of a number's digits, and the stack with a fraction's.
constexpr size_t MaxDigits = 64;
/// `%x#4294967295` makes the parser set aside a place for each of so many results.
constexpr size_t MaxResultDigits = 5;
/// How many aliases one stands for, itself and those in those that it names included.
constexpr uint64_t MaxAliases = 1000;

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

/// The text with blanks in place of what is in strings and comments.
std::string withoutStrings(std::string_view text) {
  std::string blanked(text);
  for (size_t at = 0; at < text.size(); ++at) {
    size_t end = at;
    if (text[at] == '"') {
      for (end = at + 1; end < text.size() && text[end] != '"' && text[end] != '\n'; ++end)
        end += text[end] == '\\';
      end = std::min(end, text.size());
    } else if (text[at] == '/' && at + 1 < text.size() && text[at + 1] == '/') {
      end = std::min(text.find('\n', at), text.size());
    } else {
      continue;
    }
    std::replace_if(
        blanked.begin() + ptrdiff_t(at), blanked.begin() + ptrdiff_t(end), [](char c) { return c != '\n'; }, ' ');
    at = end;
  }
  return blanked;
}

bool isPartOfName(char c) { return llvm::isAlnum(c) || c == '_' || c == '$' || c == '.'; }

/// Where the name that begins there ends.
size_t endOfName(std::string_view text, size_t at) {
  while (at < text.size() && (isPartOfName(text[at]) || text[at] == '-'))
    ++at;
  return at;
}

/// How deep brackets are nested. Angles are counted apart, since they are comparisons and arrows too.
std::optional<TextFault> checkDepth(std::string_view text) {
  int brackets = 0, angles = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    brackets += c == '(' || c == '[' || c == '{';
    brackets -= c == ')' || c == ']' || c == '}';
    angles += c == '<';
    angles -= c == '>' && angles > 0 && !(at > 0 && text[at - 1] == '-');
    if (brackets > MaxDepth || angles > MaxDepth)
      return faultAt(text, at, "brackets nested deeper than " + std::to_string(MaxDepth));
  }
  return std::nullopt;
}

/// How many operators an expression has: from a comma, colon or equals sign to the next, with what is in its brackets.
std::optional<TextFault> checkOperators(std::string_view text) {
  std::vector<int> operators{0}; // of each open bracket
  for (size_t at = 0; at < text.size(); ++at) {
    switch (const char c = text[at]) {
    case '(':
    case '[':
    case '{':
      operators.push_back(0);
      continue;
    case ')':
    case ']':
    case '}':
      if (const int inner = operators.back(); operators.size() > 1) {
        operators.pop_back();
        operators.back() += inner;
      }
      break;
    case ',':
    case ':':
    case '=':
      operators.back() = 0;
      continue;
    case '+':
    case '-':
    case '*':
      ++operators.back();
      break;
    default:
      if (!llvm::isAlpha(c) || (at > 0 && isPartOfName(text[at - 1])))
        continue;
      const std::string_view word = text.substr(at, endOfName(text, at) - at);
      operators.back() += word == "mod" || word == "floordiv" || word == "ceildiv";
    }
    if (operators.back() > MaxOperators)
      return faultAt(text, at, "more than " + std::to_string(MaxOperators) + " operators in one expression");
  }
  return std::nullopt;
}

/// How many digits numbers have, those of fractions and exponents included, and those that choose a result.
std::optional<TextFault> checkNumbers(std::string_view text) {
  for (size_t at = 0; at < text.size(); ++at) {
    const auto digitsFrom = [&](size_t from, const char *digits) {
      return std::min(text.find_first_not_of(digits, from), text.size()) - from;
    };
    constexpr const char *Decimal = "0123456789", *Hex = "0123456789abcdefABCDEF";
    if (text[at] == '#' && digitsFrom(at + 1, Decimal) > MaxResultDigits)
      return faultAt(text, at, "a number of more than " + std::to_string(MaxResultDigits) + " digits for a result");
    if (!llvm::isDigit(text[at]) || (at > 0 && isPartOfName(text[at - 1])))
      continue;
    const size_t begin = at;
    size_t digits = 0, end = at;
    if (text.substr(at, 2) == "0x") {
      digits = digitsFrom(at + 2, Hex);
      end = at + 2 + digits;
    } else {
      digits = digitsFrom(at, Decimal);
      end = at + digits;
      if (end < text.size() && text[end] == '.') {
        const size_t fraction = digitsFrom(end + 1, Decimal);
        digits += fraction;
        end += 1 + fraction;
      }
      if (end < text.size() && (text[end] == 'e' || text[end] == 'E')) {
        const size_t sign = end + 1 < text.size() && (text[end + 1] == '+' || text[end + 1] == '-');
        digits += digitsFrom(std::min(end + 1 + sign, text.size()), Decimal);
      }
    }
    if (digits > MaxDigits)
      return faultAt(text, begin, "a number of more than " + std::to_string(MaxDigits) + " digits");
    at = std::max(begin, end - 1);
  }
  return std::nullopt;
}

/// How many aliases stand in one: `#a = [#b, #b]`, `#b = [#c, #c]`, ... double with each line.
std::optional<TextFault> checkAliases(std::string_view text) {
  std::map<std::string_view, uint64_t> stands;
  for (size_t line = 0, end = 0; line < text.size(); line = end + 1) {
    end = std::min(text.find('\n', line), text.size());
    const size_t sign = text.find_first_not_of(" \t\r", line);
    if (sign >= end || (text[sign] != '#' && text[sign] != '!'))
      continue;
    const size_t name = endOfName(text, sign + 1), equals = text.find_first_not_of(" \t\r\n", name);
    if (equals == std::string_view::npos || text[equals] != '=')
      continue;
    // It may be of several lines: to the next that begins with no bracket open.
    uint64_t all = 1;
    int open = 0;
    size_t at = equals + 1;
    for (bool begun = false; at < text.size() && (text[at] != '\n' || open > 0 || !begun); ++at) {
      const char c = text[at];
      begun |= !llvm::isSpace(c);
      open += c == '(' || c == '[' || c == '{' || c == '<';
      open -= c == ')' || c == ']' || c == '}' || (c == '>' && text[at - 1] != '-');
      if (c != '#' && c != '!')
        continue;
      const auto known = stands.find(text.substr(at, endOfName(text, at + 1) - at));
      all += known == stands.end() ? 0 : known->second;
      if (all > MaxAliases)
        return faultAt(text, at, "an alias that stands for more than " + std::to_string(MaxAliases) + " others");
    }
    stands[text.substr(sign, name - sign)] = all;
    end = std::max(end, std::min(at, text.size()));
  }
  return std::nullopt;
}

} // namespace

std::optional<TextFault> checkText(std::string_view given) {
  if (std::optional<TextFault> fault = checkBytes(given))
    return fault;
  const std::string text = withoutStrings(given);
  for (const auto check : {checkDepth, checkOperators, checkNumbers, checkAliases})
    if (std::optional<TextFault> fault = check(text))
      return fault;
  return std::nullopt;
}

} // namespace faro::compiler
