// A printed xfer.program as lines that can be changed and printed again, without the dialect: mutants are made of it,
// and the simulator reads nothing else.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace faro::test {

/// `after(%a, %b)`
struct Clause {
  std::string word;
  std::vector<std::string> args;
};

/// `%full = xfer.gather %plan after(%in) into(%tx) on(core)`
struct StageLine {
  std::string result; ///< "%full"
  std::string op;     ///< "gather"; "ring" and "descriptors" stand among the stages, too
  std::string head;   ///< "%plan", "\"open\"", or nothing
  std::vector<Clause> clauses;
  std::string tail; ///< ": !xfer.ring", an attribute dictionary, or nothing

  const Clause *find(std::string_view word) const;
  Clause *find(std::string_view word);
  /// The arguments of a clause; none without it.
  std::vector<std::string> args(std::string_view word) const;
  /// The only argument of a clause; nothing without it.
  std::string arg(std::string_view word) const;
  /// Adds an argument, and the clause where it is missing.
  void add(std::string_view word, const std::string &arg);
  /// Drops an argument, and the clause when it was the last one.
  void drop(std::string_view word, size_t arg);
  bool isStage() const { return op != "ring" && op != "descriptors"; }
  /// What it is called in messages: "await open", "gather".
  std::string name() const;
};

struct ScheduleText {
  std::string header; ///< up to the brace
  std::vector<StageLine> lines;

  bool isDispatch() const;
  bool isHierarchical() const;
  std::string name() const;
  std::string print() const;
  StageLine *find(std::string_view result);
};

/// All programs of a printed module, in their order.
std::vector<ScheduleText> readSchedules(const std::string &text);

} // namespace faro::test
