#include "tests/ptx/Program.h"

#include "tests/ptx/Names.h"
#include "tests/ptx/Text.h"

#include <algorithm>
#include <optional>

namespace faro::test::ptx {
namespace {

/// What registers hold that nobody has written.
constexpr uint64_t Rubbish = 0xdeadbeefdeadbeef;

class Parser {
public:
  Parser(std::string_view text, Program &program) : text(text), program(program) {}

  bool run() {
    for (skip(); ok && at < text.size(); skip()) {
      if (text[at] == '.' && !startsWith(rest(), ".visible") && !startsWith(rest(), ".entry"))
        at = std::min(text.find('\n', at), text.size()); // .version and its like
      else
        entry();
    }
    return ok;
  }
  std::string error;

private:
  std::string_view rest() const { return text.substr(at); }
  int line() {
    lines += int(std::ranges::count(text.substr(counted, at - counted), '\n'));
    counted = at;
    return lines;
  }
  bool fail(std::string_view what) {
    if (ok)
      error = "line " + std::to_string(line()) + ": " + std::string(what);
    ok = false;
    return false;
  }
  void skip() {
    for (; at < text.size(); ++at) {
      if (startsWith(rest(), "//"))
        at = std::min(text.find('\n', at), text.size() - 1);
      else if (!std::isspace(static_cast<unsigned char>(text[at])))
        return;
    }
  }
  std::string_view word() {
    skip();
    const size_t begin = at;
    while (at < text.size() && isWord(text[at]))
      ++at;
    return text.substr(begin, at - begin);
  }

  /// .visible .entry NAME(parameters) { statements }
  void entry() {
    const size_t open = text.find('(', at);
    if (open == std::string_view::npos || text.substr(at, open - at).find(".entry") == std::string_view::npos)
      return void(fail("expected an .entry"));
    at += text.substr(at, open - at).find(".entry") + 6;
    function = {};
    function.file.resize(SpecialCount);
    registers.clear();
    parameters.clear();
    shared.clear();
    labels.clear();
    jumps.clear();
    function.name = word();
    const size_t close = text.find(')', open);
    if (close == std::string_view::npos)
      return void(fail("expected )"));
    for (const std::string_view each : split(text.substr(open + 1, close - open - 1), ',')) {
      const auto type = startsWith(each, ".param .") ? typeOf(each.substr(8, each.find(' ', 8) - 8)) : std::nullopt;
      if (!type)
        return void(fail("expected a parameter, found " + std::string(each)));
      size_t name = each.size();
      while (name > 0 && isWord(each[name - 1]))
        --name;
      parameters[std::string(each.substr(name))] = uint32_t(function.parameterBits.size());
      function.parameterBits.push_back(type->bits);
    }
    at = close + 1;
    skip();
    if (at == text.size() || text[at] != '{')
      return void(fail("expected {"));
    ++at;
    for (int depth = 1; ok && depth > 0;)
      depth += statement();
    for (const auto &[instruction, label] : jumps) {
      const auto to = labels.find(label);
      if (to == labels.end())
        return void(fail(function.name + " has no label " + label));
      function.code[instruction].target = to->second;
    }
    function.code.emplace_back(); // a return
    if (ok)
      program.functions[function.name] = std::move(function);
  }

  /// How much deeper in braces one is behind it.
  int statement() {
    skip();
    if (at == text.size())
      return fail("expected }"), 0;
    if (text[at] == '{' || text[at] == '}')
      return text[at++] == '{' ? 1 : -1;
    const size_t begin = at;
    if (const std::string_view label = word(); !label.empty() && startsWith(rest(), ":") && !startsWith(rest(), "::")) {
      ++at;
      labels[std::string(label)] = uint32_t(function.code.size());
      return 0;
    }
    const size_t end = text.find(';', begin);
    if (end == std::string_view::npos)
      return fail("expected ;"), 0;
    at = begin;
    const std::string_view whole = trimmed(text.substr(begin, end - begin));
    if (whole.front() == '.')
      directive(whole);
    else
      instruction(whole);
    at = end + 1;
    return 0;
  }

  bool directive(std::string_view whole) {
    if (startsWith(whole, ".pragma"))
      return true;
    std::string_view name = whole.substr(whole.find_last_of(" \t") + 1);
    const size_t bracket = name.find_first_of("<[");
    const auto count = bracket == std::string_view::npos
                           ? std::optional(uint32_t(0))
                           : number<uint32_t>(name.substr(bracket + 1, name.find_first_of(">]") - bracket - 1));
    if (!count)
      return fail("expected a number in " + std::string(whole));
    if (startsWith(whole, ".shared")) {
      constexpr uint32_t Line = 128;
      shared[std::string(name.substr(0, bracket))] = function.sharedBytes;
      function.sharedBytes += (*count + Line - 1) / Line * Line;
      return true;
    }
    if (!startsWith(whole, ".reg"))
      return fail(std::string(whole) + " is not known to the PTX machine"); // .local: a kernel may not need it
    if (bracket == std::string_view::npos)
      return void(registers[std::string(name)] = place(Rubbish)), true;
    for (uint32_t i = 0; i < *count; ++i)
      registers[std::string(name.substr(0, bracket)) + std::to_string(i)] = place(Rubbish);
    return true;
  }

  /// A new place in a thread's file.
  uint32_t place(uint64_t value) {
    function.file.push_back(value);
    return uint32_t(function.file.size() - 1);
  }

  /// Numbers are of `bits`.
  std::optional<uint32_t> operand(std::string_view from, uint32_t bits) {
    static const std::map<std::string_view, Special> Specials = {{"_", Nowhere},
                                                                 {"%tid.x", ThreadInBlock},
                                                                 {"%ntid.x", ThreadsOfBlock},
                                                                 {"%ctaid.x", BlockInGrid},
                                                                 {"%nctaid.x", BlocksOfGrid},
                                                                 {"%globaltimer", Clock}};
    if (const auto found = Specials.find(from); found != Specials.end())
      return found->second;
    if (const auto found = registers.find(std::string(from)); found != registers.end())
      return found->second;
    if (const auto found = shared.find(std::string(from)); found != shared.end())
      return place(SharedBase + found->second);
    std::optional<uint64_t> value;
    if (startsWith(from, "0f"))
      value = number<uint32_t>(from.substr(2), 16);
    else if (startsWith(from, "0x"))
      value = number<uint64_t>(from.substr(2), 16);
    else if (startsWith(from, "-"))
      value = number<int64_t>(from);
    else
      value = number<uint64_t>(from);
    return value ? std::optional(place(bits < 64 ? *value & ((uint64_t(1) << bits) - 1) : *value)) : std::nullopt;
  }

  /// "a, {b, c}, [d + 16]": elements of a vector one after another, the address with its offset in the instruction.
  bool operandsOf(Instruction &to, std::string_view list) {
    while (!(list = trimmed(list)).empty()) {
      const char first = list.front();
      const size_t end = std::min(first == '{'   ? list.find('}')
                                  : first == '[' ? list.find(']')
                                                 : list.find(','),
                                  list.size());
      std::string_view each = trimmed(list.substr(0, end));
      if (first == '{' || first == '[') {
        each.remove_prefix(1);
        list.remove_prefix(std::min(end + 1, list.size()));
        list = trimmed(list);
        if (!list.empty() && list.front() == ',')
          list.remove_prefix(1);
      } else {
        list.remove_prefix(std::min(end + 1, list.size()));
      }
      const std::vector<std::string_view> parts = split(each, first == '[' ? '+' : ',');
      if (parts.empty())
        return fail("expected an operand");
      if (first == '[' && parts.size() == 2) {
        const auto offset = number<int64_t>(parts[1]);
        if (!offset)
          return fail("expected an offset in [" + std::string(each) + "]");
        to.offset = *offset;
      }
      if (first == '{')
        to.elements = uint8_t(parts.size());
      for (const std::string_view part : first == '[' ? std::vector{parts[0]} : parts) {
        const auto found = operand(part, to.type.bits);
        if (!found)
          return fail("what is " + std::string(part) + "?");
        if (to.count == to.operands.size())
          return fail("more operands than any instruction has");
        to.operands[to.count++] = *found;
      }
    }
    return true;
  }

  bool instruction(std::string_view whole) {
    Instruction made;
    made.line = line();
    if (whole.front() == '@') {
      made.guardIsNegated = whole[1] == '!';
      const size_t name = made.guardIsNegated ? 2 : 1, end = whole.find_first_of(" \t");
      const auto guard = registers.find(std::string(whole.substr(name, end - name)));
      if (end == std::string_view::npos || guard == registers.end())
        return fail("expected a predicate before " + std::string(whole));
      made.guard = int32_t(guard->second);
      whole = trimmed(whole.substr(end));
    }
    const size_t end = std::min(whole.find_first_of(" \t"), whole.size());
    const std::string_view name = whole.substr(0, end), list = trimmed(whole.substr(end));
    if (!describe(made, name))
      return fail(std::string(name) + " is not known to the PTX machine");
    if (made.op == Op::Branch)
      jumps.emplace_back(function.code.size(), list);
    else if (made.op == Op::LoadParameter) {
      const size_t open = list.find('['), close = list.find(']');
      const auto parameter = parameters.find(std::string(trimmed(list.substr(open + 1, close - open - 1))));
      if (parameter == parameters.end() || !operandsOf(made, list.substr(0, list.find(','))))
        return fail("expected a parameter in " + std::string(list));
      made.operands[made.count++] = uint32_t(parameter->second);
    } else if (!operandsOf(made, list))
      return false;
    if (made.op == Op::Move && made.elements > 1)
      made.op = list.front() == '{' ? Op::Unpack : Op::Pack;
    function.code.push_back(std::move(made));
    return true;
  }

private:
  std::string_view text;
  Program &program;
  size_t at = 0, counted = 0; ///< `lines` are those before `counted`, from 1
  int lines = 1;
  bool ok = true;
  Function function;
  std::map<std::string, uint32_t> registers, parameters, shared, labels;
  std::vector<std::pair<size_t, std::string>> jumps;
};

} // namespace

bool parse(std::string_view text, Program &program, std::string &error) {
  Parser parser(text, program);
  const bool parsed = parser.run();
  error = parser.error;
  return parsed;
}

} // namespace faro::test::ptx
