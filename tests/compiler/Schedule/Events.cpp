#include "Events.h"

#include <algorithm>
#include <set>

namespace faro::test {
namespace {

bool isOnceASlice(const StageLine &stage) {
  static const std::set<std::string> ops = {"gather", "reduce", "wire", "fan_out", "settle"};
  return ops.contains(stage.op);
}

bool isAtReceiver(const StageLine &stage) { return stage.op == "fan_out" || stage.op == "settle"; }

std::string number(size_t value) { return std::to_string(value); }

class Maker {
public:
  Maker(const ScheduleText &schedule, const SimulatedJob &job) : schedule(schedule), job(job) {
    for (const StageLine &line : schedule.lines)
      if (line.isStage())
        stages.push_back(&line);
      else if (line.op == "ring")
        slotsOf[line.result] = size_t(std::stoull(line.arg("slots")));
    for (const StageLine *stage : stages) {
      if (stage->op == "wire")
        perFlow.insert(stage->arg("into"));
      if (stage->op == "gather")
        byReference |= stage->arg("by") == "reference";
    }
    slicesBefore.push_back(0);
    for (const SimulatedFlow &flow : job.flows)
      slicesBefore.push_back(slicesBefore.back() + flow.slices);
  }

  EventList make() {
    createAll();
    for (size_t r = 0; r < ranks(); ++r)
      bindRank(r);
    for (size_t s = 0; s < stages.size(); ++s)
      if (isOnceASlice(*stages[s]))
        for (size_t f = 0; f < job.flows.size(); ++f)
          for (size_t n = 0; n < job.flows[f].slices; ++n)
            bindSlice(s, f, n);
      else
        for (size_t r = 0; r < ranks(); ++r)
          bindOnce(s, r);
    bindRings();
    return std::move(list);
  }

private:
  size_t ranks() const { return job.nodes * 2; }
  /// The ranks that a rank shares flags and memory with.
  std::vector<size_t> mates(size_t rank) const {
    if (schedule.isHierarchical())
      return {rank / 2 * 2, rank / 2 * 2 + 1};
    std::vector<size_t> all;
    for (size_t r = 0; r < ranks(); ++r)
      all.push_back(r);
    return all;
  }
  size_t rankOf(const StageLine &stage, size_t flow) const {
    return isAtReceiver(stage) ? job.flows[flow].to : job.flows[flow].from;
  }
  size_t slice(size_t flow, size_t n) const { return slicesBefore[flow] + n; }

  size_t create(std::string name) {
    list.events.push_back({std::move(name), {}, {}, {}, {}, 0});
    return list.events.size() - 1;
  }

  void createAll() {
    for (size_t r = 0; r < ranks(); ++r) {
      begins.push_back(create("the beginning of rank " + number(r)));
      ends.push_back(create("the end of rank " + number(r)));
    }
    fired.resize(stages.size());
    ended.resize(stages.size());
    for (size_t s = 0; s < stages.size(); ++s) {
      if (!isOnceASlice(*stages[s])) {
        for (size_t r = 0; r < ranks(); ++r)
          fired[s].push_back(create(stages[s]->name() + " of rank " + number(r)));
        ended[s] = fired[s];
        continue;
      }
      for (size_t f = 0; f < job.flows.size(); ++f)
        for (size_t n = 0; n < job.flows[f].slices; ++n) {
          const std::string what = stages[s]->name() + " of slice " + number(n) + " of flow " + number(f);
          fired[s].push_back(create(what));
          list.events.back().slice = slice(f, n);
          if (stages[s]->op != "wire") {
            ended[s].push_back(fired[s].back());
            continue;
          }
          // A transfer ends twice, in either order: here when the slot may be reused, there when the rows have come.
          ended[s].push_back(create("end of " + what));
          list.events.back().after = {fired[s].back()};
          list.events.back().slice = slice(f, n);
          arrived[fired[s].back()] = create("arrival of " + what);
          list.events.back().after = {fired[s].back()};
          list.events.back().slice = slice(f, n);
        }
    }
  }

  void access(size_t event, std::string cell, bool write, std::string value) {
    list.events[event].accesses.push_back({std::move(cell), write, std::move(value)});
  }
  void write(size_t event, std::string cell, std::string value) {
    access(event, std::move(cell), true, std::move(value));
  }
  void read(size_t event, std::string cell, std::string value) {
    access(event, std::move(cell), false, std::move(value));
  }

  // Memory of rank r: inputs x (tokens, or rows of experts), the window W of a dispatch or the partial rows P of a
  // combine, the transit window T, the output Out.
  static std::string input(size_t r) { return "the input of rank " + number(r); }
  static std::string output(size_t r) { return "the output of rank " + number(r); }
  static std::string output(size_t r, const std::string &slice) { return output(r) + ", " + slice; }
  static std::string transit(size_t r, size_t from) {
    return "the transit window of rank " + number(r) + ", rows of rank " + number(from);
  }
  static std::string window(size_t r, const std::string &from) {
    return "the window of rank " + number(r) + ", " + from;
  }
  static std::string ofRank(size_t r) { return "rows of rank " + number(r); }
  static std::string ofSlice(size_t flow, size_t n) { return "slice " + number(n) + " of flow " + number(flow); }

  /// What must have been written to the window of a rank when it is complete, besides padding.
  std::vector<std::string> windowParts(size_t r) const {
    std::vector<std::string> parts;
    if (schedule.isDispatch())
      for (size_t q : mates(r))
        parts.push_back(ofRank(q));
    for (size_t f = 0; f < job.flows.size(); ++f)
      if (job.flows[f].to / 2 == r / 2)
        for (size_t n = 0; n < job.flows[f].slices; ++n)
          parts.push_back(ofSlice(f, n));
    return parts;
  }

  /// Before a rank begins and after it ends, its user owns its memory.
  void bindRank(size_t r) {
    write(begins[r], input(r), "input");
    write(ends[r], input(r), "of the next batch");
    for (size_t q : mates(r))
      if (q != r && schedule.isHierarchical()) {
        write(begins[r], transit(r, q), "nothing");
        write(ends[r], transit(r, q), "nothing");
      }
    if (schedule.isDispatch() || schedule.isHierarchical()) {
      std::vector<std::string> parts = windowParts(r);
      if (job.padded && schedule.isDispatch())
        parts.push_back("padding");
      for (const std::string &part : parts) {
        write(begins[r], window(r, part), "nothing");
        if (schedule.isDispatch())
          read(ends[r], window(r, part), "rows");
        else
          write(ends[r], window(r, part), "nothing");
      }
    }
    if (!schedule.isDispatch())
      read(ends[r], output(r), "sums");
    for (size_t f = 0; f < job.flows.size(); ++f)
      if (!schedule.isDispatch() && job.flows[f].to == r)
        for (size_t n = 0; n < job.flows[f].slices; ++n)
          read(ends[r], output(r, ofSlice(f, n)), "sums");
    list.events[ends[r]].after.push_back(begins[r]);
  }

  /// What a stage that fires once does at rank r, and the ends of all that it waits for.
  void bindOnce(size_t s, size_t r) {
    const StageLine &stage = *stages[s];
    const size_t event = fired[s][r];
    std::vector<size_t> &after = list.events[event].after;
    after.push_back(begins[r]);
    list.events[ends[r]].after.push_back(event);
    for (const std::string &name : stage.args("after"))
      addAllOf(after, name, r);
    if (stage.op == "await") {
      for (size_t q : mates(r))
        addNotify(after, stage.head, q);
      // An await takes what was raised: of two, one has nothing left.
      for (size_t other = 0; other < s; ++other)
        if (stages[other]->op == "await" && stages[other]->head == stage.head)
          addNever(after, "a second notify " + stage.head);
    }
    if (stage.op == "push" || stage.op == "hand")
      read(event, input(r), "input");
    for (size_t q : mates(r)) {
      if (stage.op == "push")
        write(event, window(q, ofRank(r)), "rows");
      if (stage.op == "hand" && q != r)
        write(event, transit(q, r), "rows");
      if (stage.op == "pull")
        read(event, input(q), "input");
    }
    if (stage.op == "pad")
      write(event, window(r, "padding"), "rows");
    if (stage.op == "pull") {
      if (schedule.isHierarchical())
        for (const std::string &part : windowParts(r))
          read(event, window(r, part), "rows");
      write(event, output(r), "sums");
      // Those of slices, if nobody has settled them. Who has not finished by now would write beside the pull.
      for (size_t f = 0; f < job.flows.size(); ++f)
        if (job.flows[f].to == r)
          for (size_t n = 0; n < job.flows[f].slices; ++n)
            write(event, output(r, ofSlice(f, n)), "sums");
    }
  }

  size_t indexOf(const std::string &result) {
    for (size_t s = 0; s < stages.size(); ++s)
      if (stages[s]->result == result)
        return s;
    list.senseless = "'" + result + "' is no stage";
    return 0;
  }

  void addAllOf(std::vector<size_t> &after, const std::string &name, size_t r) {
    const size_t s = indexOf(name);
    if (!isOnceASlice(*stages[s]))
      return after.push_back(ended[s][r]);
    for (size_t f = 0; f < job.flows.size(); ++f)
      if (rankOf(*stages[s], f) == r)
        for (size_t n = 0; n < job.flows[f].slices; ++n)
          after.push_back(ended[s][slice(f, n)]);
  }

  void addNotify(std::vector<size_t> &after, const std::string &flag, size_t q) {
    for (size_t s = 0; s < stages.size(); ++s)
      if (stages[s]->op == "notify" && stages[s]->head == flag)
        return after.push_back(fired[s][q]);
    addNever(after, "a notify " + flag + " that there is not");
  }

  void addNever(std::vector<size_t> &after, const std::string &name) {
    const size_t event = create(name);
    list.events[event].after = {event}; // waits for itself: never happens
    after.push_back(event);
  }

  void bindSlice(size_t s, size_t f, size_t n) {
    const StageLine &stage = *stages[s];
    const size_t event = fired[s][slice(f, n)], end = ended[s][slice(f, n)], r = rankOf(stage, f);
    std::vector<size_t> &after = list.events[event].after;
    after.push_back(begins[r]);
    if (n > 0)
      after.push_back(fired[s][slice(f, n - 1)]);
    list.events[ends[r]].after.push_back(end);
    for (const std::string &name : stage.args("after")) {
      const size_t before = indexOf(name);
      if (!isOnceASlice(*stages[before]))
        after.push_back(ended[before][r]);
      else if (stages[before]->op == "wire" && isAtReceiver(stage))
        after.push_back(arrived[fired[before][slice(f, n)]]);
      else
        after.push_back(ended[before][slice(f, n)]);
    }
    const std::string rows = ofSlice(f, n);
    auto readRows = [&](size_t when) {
      read(when, input(r), "input");
      for (size_t q : mates(r))
        if (q != r)
          read(when, transit(r, q), "rows");
    };
    if (stage.op == "gather") {
      if (!byReference)
        readRows(event);
      write(event, slot(stage.arg("into"), f, n), rows);
    } else if (stage.op == "reduce") {
      for (size_t q : mates(r))
        read(event, input(q), "input");
      // Without the asks of those whose rows they are there is nothing to sum.
      for (size_t q : mates(job.flows[f].to))
        addAsk(after, q);
      write(event, slot(stage.arg("into"), f, n), rows);
    } else if (stage.op == "wire") {
      read(end, slot(stage.arg("from"), f, n), rows);
      if (byReference)
        readRows(end);
      write(arrived[event], slot(stage.arg("into"), f, n), rows);
    } else if (stage.op == "settle") {
      // The tokens that this slice completes: of those that other ranks of the node receive nothing is known here.
      for (size_t q : mates(r))
        read(event, input(q), "input");
      read(event, slot(stage.arg("from"), f, n), rows);
      write(event, output(r, rows), "sums");
    } else {
      read(event, slot(stage.arg("from"), f, n), rows);
      for (size_t q : mates(r))
        write(event, window(q, rows), "rows");
    }
  }

  void addAsk(std::vector<size_t> &after, size_t q) {
    for (size_t s = 0; s < stages.size(); ++s)
      if (stages[s]->op == "ask")
        return after.push_back(fired[s][q]);
    list.senseless = "nobody asks for sums";
  }

  /// The cell of a slot: of a ring that exists for each flow, slot n mod slots of the flow; of a ring that a rank's
  /// flows share, whichever is taken.
  std::string slot(const std::string &ring, size_t f, size_t n) {
    if (!perFlow.contains(ring))
      return ring + " of rank " + number(job.flows[f].from);
    const size_t slots = slotsOf[ring];
    return ring + " of flow " + number(f) + ", slot " + number(slots ? n % slots : 0);
  }

  void bindRings() {
    for (const auto &[ring, slots] : slotsOf) {
      std::vector<size_t> takers, givers, users;
      for (size_t s = 0; s < stages.size(); ++s) {
        for (const std::string &name : stages[s]->args("acquires"))
          if (name == ring)
            takers.push_back(s);
        for (const std::string &name : stages[s]->args("releases"))
          if (name == ring)
            givers.push_back(s);
        if (stages[s]->arg("from") == ring || stages[s]->arg("into") == ring)
          users.push_back(s);
      }
      if (job.flows.empty() || (takers.empty() && givers.empty() && users.empty()))
        continue;
      if (takers.size() != 1 || givers.size() != 1) {
        list.senseless = "a slice takes " + number(takers.size()) + " slots of ring " + ring + " and gives " +
                         number(givers.size()) + " back";
        continue;
      }
      for (size_t f = 0; f < job.flows.size(); ++f)
        for (size_t n = 0; n < job.flows[f].slices; ++n)
          bindTokens(ring, slots, takers.front(), givers.front(), f, n);
    }
  }

  void bindTokens(const std::string &ring, size_t slots, size_t taker, size_t giver, size_t f, size_t n) {
    const size_t take = fired[taker][slice(f, n)], give = ended[giver][slice(f, n)];
    if (take != give)
      list.mustPrecede.emplace_back(take, give);
    if (!perFlow.contains(ring)) {
      const std::string shared = ring + " of rank " + number(job.flows[f].from);
      list.sharedSlots[shared] = slots;
      list.events[take].takes.push_back(shared);
      list.events[give].gives.push_back(shared);
      return;
    }
    // Slots of a flow are given back in their order.
    for (size_t earlier = 0; earlier + slots <= n; ++earlier)
      list.events[take].after.push_back(ended[giver][slice(f, earlier)]);
  }

  const ScheduleText &schedule;
  const SimulatedJob &job;
  std::vector<const StageLine *> stages;
  std::map<std::string, size_t> slotsOf;
  std::set<std::string> perFlow; ///< rings that a wire writes into
  bool byReference = false;
  std::vector<size_t> slicesBefore; ///< of the flows before each
  EventList list;
  std::vector<size_t> begins, ends;
  /// By stage, then rank or slice: the event that it fires, and the one that it is done.
  std::vector<std::vector<size_t>> fired, ended;
  std::map<size_t, size_t> arrived; ///< of a transfer, by the event that begins it
};

} // namespace

EventList makeEvents(const ScheduleText &schedule, const SimulatedJob &job) { return Maker(schedule, job).make(); }

} // namespace faro::test
