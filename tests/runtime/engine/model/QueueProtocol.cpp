#include "QueueProtocol.h"

#include <algorithm>
#include <fmt/format.h>

namespace faro::test {

namespace {

/// Where the memory lies. Pushes count from 1.
struct Queue {
  uint8_t posted = 0;
  uint8_t entry = 0;                   ///< [entry]: arguments and lists of the push
  std::vector<uint8_t> source, target; ///< of each block's part: [entry]
  std::vector<uint8_t> done, left;     ///< of each block
};

class Maker {
public:
  explicit Maker(const QueueProtocol &p) : p(p) {
    queue.posted = model.location("posted");
    queue.entry = several("entry");
    for (size_t block = 0; block < blocks(); ++block) {
      queue.source.push_back(several(fmt::format("block {} source", block)));
      queue.target.push_back(several(fmt::format("block {} target", block)));
      queue.done.push_back(model.location(fmt::format("block {} done", block)));
      queue.left.push_back(model.location(fmt::format("block {} left", block)));
    }
  }

  Model make() {
    Actor &host = model.actor("host");
    for (uint8_t n = 1; n <= p.pushes; ++n) {
      if (n > p.entries)
        take(host, uint8_t(n - p.entries));
      post(host, n);
    }
    for (int n = std::max(1, p.pushes - p.entries + 1); n <= p.pushes; ++n)
      take(host, uint8_t(n));
    for (uint8_t block = 0; block < blocks(); ++block) {
      const uint8_t last = p.leavesAfter[block];
      Actor &first = model.actor(fmt::format("block {}", block));
      for (uint8_t n = 1; n <= last; ++n)
        push(first, block, n);
      first.write({queue.left[block]}, 1, p.left);
      Actor &second = model.actor(fmt::format("block {} of the next launch", block));
      for (uint8_t other = 0; p.awaitsLaunch && other < blocks(); ++other)
        second.await({queue.left[other]}, 1, p.awaitLeft);
      second.read({queue.done[block]}, last);
      for (uint8_t n = uint8_t(last + 1); n <= p.pushes; ++n)
        push(second, block, n);
    }
    return std::move(model);
  }

private:
  size_t blocks() const { return p.leavesAfter.size(); }
  uint8_t several(const std::string &name) {
    const auto first = uint8_t(model.names.size());
    for (unsigned i = 0; i < p.entries; ++i)
      model.location(fmt::format("{} [{}]", name, i));
    return first;
  }
  Place at(uint8_t first, uint8_t n) const { return {uint8_t(first + n % p.entries)}; }

  void post(Actor &host, uint8_t n) {
    if (p.postedFirst)
      host.write({queue.posted}, n, p.posted);
    host.write(at(queue.entry, n), n);
    for (const uint8_t source : queue.source)
      host.write(at(source, n), n);
    if (!p.postedFirst)
      host.write({queue.posted}, n, p.posted);
  }
  /// What push n has stored; then its places are free.
  void take(Actor &host, uint8_t n) {
    for (size_t block = 0; p.awaits && block < (p.awaitsAll ? blocks() : 1); ++block)
      host.awaitAtLeast({queue.done[block]}, n, p.awaitDone);
    for (const uint8_t target : queue.target)
      host.read(at(target, n), n);
  }
  void push(Actor &actor, uint8_t block, uint8_t n) {
    actor.awaitAtLeast({queue.posted}, n, p.awaitPosted);
    actor.read(at(queue.entry, n), n);
    if (p.doneFirst)
      actor.write({queue.done[block]}, n, p.done);
    actor.read(at(queue.source[block], n), n);
    actor.write(at(queue.target[block], n), n);
    if (!p.doneFirst)
      actor.write({queue.done[block]}, n, p.done);
  }

  const QueueProtocol &p;
  Model model;
  Queue queue;
};

} // namespace

Model modelOf(const QueueProtocol &protocol) { return Maker(protocol).make(); }

} // namespace faro::test
