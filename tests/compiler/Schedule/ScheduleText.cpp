#include "ScheduleText.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace faro::test {
namespace {

std::string trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\n");
  return begin == std::string_view::npos ? ""
                                         : std::string(text.substr(begin, text.find_last_not_of(" \t\n") - begin + 1));
}

StageLine readLine(const std::string &text) {
  StageLine line;
  const size_t equals = text.find(" = xfer.");
  if (equals == std::string::npos)
    throw std::runtime_error("no stage: " + text);
  line.result = trim(text.substr(0, equals));
  size_t at = equals + 8;
  auto word = [&] {
    const size_t end = std::min(text.find_first_of(" (", at), text.size());
    const std::string found = text.substr(at, end - at);
    at = end;
    return found;
  };
  line.op = word();
  while (at < text.size()) {
    if (text[at] == ' ') {
      ++at;
    } else if (text[at] == ':' || text[at] == '{') {
      line.tail = text.substr(at);
      break;
    } else if (text[at] == '%' || text[at] == '"') {
      line.head = word();
    } else {
      Clause clause{word(), {}};
      const size_t end = text.find(')', at);
      if (at >= text.size() || text[at] != '(' || end == std::string::npos)
        throw std::runtime_error("no clause at '" + clause.word + "': " + text);
      std::istringstream args(text.substr(at + 1, end - at - 1));
      for (std::string arg; std::getline(args, arg, ',');)
        clause.args.push_back(trim(arg));
      line.clauses.push_back(std::move(clause));
      at = end + 1;
    }
  }
  return line;
}

} // namespace

const Clause *StageLine::find(std::string_view word) const {
  const auto found = std::ranges::find(clauses, word, &Clause::word);
  return found == clauses.end() ? nullptr : &*found;
}

Clause *StageLine::find(std::string_view word) { return const_cast<Clause *>(std::as_const(*this).find(word)); }

std::vector<std::string> StageLine::args(std::string_view word) const {
  const Clause *clause = find(word);
  return clause ? clause->args : std::vector<std::string>();
}

std::string StageLine::arg(std::string_view word) const {
  const std::vector<std::string> all = args(word);
  return all.empty() ? "" : all.front();
}

void StageLine::add(std::string_view word, const std::string &arg) {
  if (Clause *clause = find(word))
    return clause->args.push_back(arg);
  constexpr std::string_view Order[] = {"after", "from", "into", "acquires", "releases", "on"};
  auto place = [&](std::string_view each) { return std::ranges::find(Order, each); };
  const auto behind =
      std::ranges::find_if(clauses, [&](const Clause &clause) { return place(clause.word) > place(word); });
  clauses.insert(behind, Clause{std::string(word), {arg}});
}

void StageLine::drop(std::string_view word, size_t arg) {
  Clause *clause = find(word);
  clause->args.erase(clause->args.begin() + ptrdiff_t(arg));
  if (clause->args.empty())
    clauses.erase(clauses.begin() + (clause - clauses.data()));
}

std::string StageLine::name() const { return head.starts_with('"') ? op + " " + head.substr(1, head.size() - 2) : op; }

bool ScheduleText::isDispatch() const { return header.find(" dispatch(") != std::string::npos; }
bool ScheduleText::isHierarchical() const { return header.find("path(hierarchical)") != std::string::npos; }

std::string ScheduleText::name() const {
  const size_t at = header.find('@');
  return header.substr(at + 1, header.find(' ', at) - at - 1);
}

std::string ScheduleText::print() const {
  std::string text = header + "\n";
  for (const StageLine &line : lines) {
    text += "  " + line.result + " = xfer." + line.op;
    if (!line.head.empty())
      text += " " + line.head;
    for (const Clause &clause : line.clauses) {
      text += " " + clause.word + "(";
      for (size_t i = 0; i < clause.args.size(); ++i)
        text += (i ? ", " : "") + clause.args[i];
      text += ")";
    }
    text += (line.tail.empty() ? "" : " " + line.tail) + "\n";
  }
  return text + "}\n";
}

StageLine *ScheduleText::find(std::string_view result) {
  const auto found = std::ranges::find(lines, result, &StageLine::result);
  return found == lines.end() ? nullptr : &*found;
}

std::vector<ScheduleText> readSchedules(const std::string &text) {
  std::vector<ScheduleText> schedules;
  std::istringstream in(text);
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    line = trim(line);
    if (line.starts_with("xfer.program")) {
      schedules.push_back({line, {}});
      inside = true;
    } else if (inside && line == "}") {
      inside = false;
    } else if (inside && !line.empty()) {
      schedules.back().lines.push_back(readLine(line));
    }
  }
  return schedules;
}

} // namespace faro::test
