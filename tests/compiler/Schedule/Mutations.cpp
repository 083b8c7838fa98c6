#include "Mutations.h"

#include <algorithm>
#include <set>

namespace faro::test {
namespace {

class Mutator {
public:
  explicit Mutator(const ScheduleText &schedule) : original(schedule) {
    for (const StageLine &line : original.lines) {
      if (line.isStage())
        stages.push_back(line.result);
      if (line.op == "ring")
        rings.push_back(line.result);
      if (line.op == "notify")
        flags.insert(line.head);
    }
    flags.insert("\"other\"");
  }

  std::vector<Mutant> run() {
    for (const StageLine &line : original.lines)
      if (line.isStage()) {
        changeEdges(line);
        changeRings(line);
        changeKind(line);
        changeFlag(line);
        dropOrDouble(line);
      } else if (line.op == "ring") {
        changeSlots(line);
      }
    moveReleases();
    reorder();
    changeHeader();
    return std::move(mutants);
  }

private:
  /// Adds a mutant, and gives it to be changed.
  ScheduleText &mutant(std::string what) {
    mutants.push_back({std::move(what), original});
    return mutants.back().schedule;
  }
  StageLine &mutantOf(const StageLine &line, const std::string &what) {
    return *mutant(line.name() + ": " + what).find(line.result);
  }

  void changeArgs(const StageLine &line, const std::string &word, const std::vector<std::string> &others) {
    const std::vector<std::string> args = line.args(word);
    for (size_t i = 0; i < args.size(); ++i) {
      const std::string text = word + "(" + args[i] + ")";
      mutantOf(line, text + " dropped").drop(word, i);
      mutantOf(line, text + " doubled").add(word, args[i]);
      for (const std::string &other : others)
        if (other != args[i])
          mutantOf(line, text + " made " + other).find(word)->args[i] = other;
    }
    for (const std::string &other : others)
      if (std::ranges::find(args, other) == args.end())
        mutantOf(line, word + "(" + other + ") added").add(word, other);
  }

  void changeEdges(const StageLine &line) { changeArgs(line, "after", stages); }

  void changeRings(const StageLine &line) {
    for (const char *word : {"acquires", "releases"})
      changeArgs(line, word, rings);
    for (const char *word : {"from", "into"}) {
      if (line.find(word))
        mutantOf(line, std::string(word) + " dropped").drop(word, 0);
      for (const std::string &ring : rings)
        if (line.find(word) && line.arg(word) != ring)
          mutantOf(line, std::string(word) + " made " + ring).find(word)->args = {ring};
    }
    if (line.find("from") && line.find("into")) {
      StageLine &swapped = mutantOf(line, "from and into swapped");
      std::swap(swapped.find("from")->args, swapped.find("into")->args);
    }
    if (line.find("acquires") && line.find("releases")) {
      StageLine &swapped = mutantOf(line, "acquires and releases swapped");
      std::swap(swapped.find("acquires")->args, swapped.find("releases")->args);
    }
  }

  /// Another stage that is written alike, another resource, the other way to gather.
  void changeKind(const StageLine &line) {
    const std::vector<std::vector<std::string>> alike = {
        {"notify", "await"}, {"push", "pull", "hand"}, {"pad", "ask"}, {"gather", "reduce", "fan_out", "settle"}};
    for (const auto &kinds : alike)
      if (std::ranges::find(kinds, line.op) != kinds.end())
        for (const std::string &kind : kinds)
          if (kind != line.op) {
            StageLine &changed = mutantOf(line, "made " + kind);
            changed.op = kind;
            std::erase_if(changed.clauses,
                          [&](const Clause &clause) { return clause.word == "by" || clause.word == "share"; });
            if (kind == "gather")
              changed.add("by", "copy");
            if (kind == "settle")
              changed.add("share", line.arg("kernel"));
            const bool fills = kind == "gather" || kind == "reduce";
            for (Clause &clause : changed.clauses)
              if (clause.word == "from" || clause.word == "into")
                clause.word = fills ? "into" : "from";
          }
    for (const char *resource : {"core", "link", "nic"})
      if (line.arg("on") != resource)
        mutantOf(line, std::string("on(") + resource + ")").find("on")->args = {resource};
    for (const char *by : {"copy", "reference"})
      if (line.find("by") && line.arg("by") != by)
        mutantOf(line, std::string("by(") + by + ")").find("by")->args = {by};
  }

  void changeFlag(const StageLine &line) {
    for (const std::string &flag : flags)
      if (line.head.starts_with('"') && line.head != flag)
        mutantOf(line, "flag made " + flag).head = flag;
  }

  void dropOrDouble(const StageLine &line) {
    // Whoever waited for it waits for nothing instead, or for what it waited for.
    for (const bool bypassed : {false, true}) {
      ScheduleText &dropped = mutant(line.name() + (bypassed ? ": dropped and bypassed" : ": dropped"));
      for (StageLine &other : dropped.lines) {
        const std::vector<std::string> args = other.args("after");
        const auto at = std::ranges::find(args, line.result);
        if (at == args.end())
          continue;
        other.drop("after", size_t(at - args.begin()));
        if (bypassed)
          for (const std::string &arg : line.args("after"))
            other.add("after", arg);
      }
      std::erase_if(dropped.lines, [&](const StageLine &each) { return each.result == line.result; });
    }
    // Once more, and nobody or everybody waits for the copy as well.
    for (const bool awaited : {false, true}) {
      ScheduleText &doubled = mutant(line.name() + (awaited ? ": doubled, both awaited" : ": doubled"));
      StageLine copy = line;
      copy.result += "_again";
      for (StageLine &other : doubled.lines)
        if (const auto args = other.args("after"); awaited && std::ranges::find(args, line.result) != args.end())
          other.add("after", copy.result);
      doubled.lines.insert(doubled.lines.begin() + (doubled.find(line.result) - doubled.lines.data()) + 1, copy);
    }
  }

  void changeSlots(const StageLine &line) {
    for (const char *slots : {"0", "1", "-1", "2147483648"})
      mutantOf(line, std::string("slots(") + slots + ")").find("slots")->args = {slots};
    for (const char *bytes : {"0", "64", "100"})
      mutantOf(line, std::string("bytes(") + bytes + ")").find("bytes")->args = {bytes};
    ScheduleText &dropped = mutant(line.name() + ": dropped, and all that names it");
    for (StageLine &other : dropped.lines)
      for (const char *word : {"acquires", "releases", "from", "into"})
        for (size_t i = other.args(word).size(); i-- > 0;)
          if (other.args(word)[i] == line.result)
            other.drop(word, i);
    std::erase_if(dropped.lines, [&](const StageLine &each) { return each.result == line.result; });
  }

  /// A ring is given back by another stage, earlier or later.
  void moveReleases() {
    for (const StageLine &from : original.lines)
      for (const StageLine &to : original.lines)
        for (const char *word : {"releases", "acquires"})
          for (size_t i = 0; i < from.args(word).size(); ++i)
            if (to.isStage() && to.result != from.result) {
              const std::string ring = from.args(word)[i];
              ScheduleText &moved =
                  mutant(std::string(word) + "(" + ring + ") moved from " + from.name() + " to " + to.name());
              moved.find(from.result)->drop(word, i);
              moved.find(to.result)->add(word, ring);
            }
  }

  void reorder() {
    for (size_t i = 0; i < original.lines.size(); ++i)
      for (size_t j = i + 1; j < original.lines.size(); ++j) {
        if (!original.lines[i].isStage() || !original.lines[j].isStage())
          continue;
        std::swap(mutant(original.lines[i].name() + " and " + original.lines[j].name() + " swapped").lines[i],
                  mutants.back().schedule.lines[j]);
        // The names swapped, too: each stands in the other's edges.
        ScheduleText &roles =
            mutant(original.lines[i].name() + " and " + original.lines[j].name() + " in each other's place");
        std::swap(roles.lines[i], roles.lines[j]);
        std::swap(roles.lines[i].result, roles.lines[j].result);
        const std::vector<std::string> first = roles.lines[i].args("after"), second = roles.lines[j].args("after");
        for (const auto &[at, args] : {std::pair(i, second), std::pair(j, first)}) {
          while (!roles.lines[at].args("after").empty())
            roles.lines[at].drop("after", 0);
          for (const std::string &arg : args)
            roles.lines[at].add("after", arg);
        }
      }
  }

  void changeHeader() {
    auto replace = [&](const std::string &from, const std::string &to) {
      if (const size_t at = original.header.find(from); at != std::string::npos)
        mutant(from + " made " + to).header.replace(at, from.size(), to);
    };
    replace("path(hierarchical)", "path(direct)");
    replace("path(direct)", "path(hierarchical)");
    replace(" dispatch(", " combine(");
    replace(" combine(", " dispatch(");
  }

  const ScheduleText &original;
  std::vector<std::string> stages, rings;
  std::set<std::string> flags;
  std::vector<Mutant> mutants;
};

} // namespace

std::vector<Mutant> mutantsOf(const ScheduleText &schedule) { return Mutator(schedule).run(); }

} // namespace faro::test
