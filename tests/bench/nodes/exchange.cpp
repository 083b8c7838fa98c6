#include "tests/bench/nodes/exchange.h"

#include <algorithm>

namespace faro::bench {

/// Looks at the wire this often without finding anything before it sleeps: waking up takes longer than a short pause.
constexpr int LooksBeforeSleep = 50;

namespace {
/// The next slice of each rank in turn.
class Turns {
public:
  Turns(const Exchange &e, int self) : x(e), done(e.rows.size()), next(size_t(self)) {
    for (size_t rows : x.rows)
      left += rows;
  }
  bool over() const { return left == 0; }

  /// Sends one slice; false when there is none that could be sent now.
  bool sendOne(Wire &wire, int self) {
    for (size_t step = 0; step < done.size(); ++step) {
      next = (next + 1) % done.size();
      const size_t first = done[next], count = std::min(size_t(x.sliceRows), x.rows[next] - first);
      if (count == 0)
        continue;
      Segments segments = x.slice(int(next), first, count);
      if (segments.empty())
        return false;
      wire.send(int(next), {uint32_t(self), uint32_t(first), uint32_t(count)}, std::move(segments));
      done[next] += count;
      left -= count;
      return true;
    }
    return false;
  }

private:
  const Exchange &x;
  std::vector<size_t> done;
  size_t next, left = 0;
};
} // namespace

void exchange(Wire &wire, int self, const Exchange &x) {
  size_t come = 0;
  const Wire::Hooks hooks{[&](const SliceHeader &header, const char *data) {
                            x.come(header, data);
                            come += header.rows;
                          },
                          x.sent};
  wire.listen(&hooks);
  Turns turns(x, self);
  int looks = 0;
  while (!turns.over() || !wire.quiet() || come < x.expected) {
    bool busy = !wire.full() && turns.sendOne(wire, self);
    busy |= wire.progress();
    if (!busy)
      busy = x.work();
    looks = busy ? 0 : looks + 1;
    if (looks > LooksBeforeSleep)
      wire.sleep();
  }
  wire.listen(nullptr);
}

} // namespace faro::bench
