// What the ways by hand share, in either direction: the rows between nodes go in slices, and what else a rank has to do
// fills the pauses of the wire.
#pragma once

#include "tests/bench/nodes/nodes_bench.h"

namespace faro::bench {

enum class Staging {
  Passes, ///< three passes: all rows packed, all sent in slices, all placed
  Slices, ///< a slice is sent from where its rows lie, and placed while others are on their way
};

class Way : public Method {
public:
  bool plans() const final { return false; } // see edges.h
  bool checks() const final { return true; }

protected:
  /// `row`: what one row over the wire is, in the table's words.
  Way(NodesBench &nodes, Dedupe dedupe, Staging staging, const char *row);

  /// Returns when all rows are out and in, and all other work is done. `workMeanwhile`: in the pauses, too.
  void exchangeRows(bool workMeanwhile);

  /// Writes row i of an edge as the wire carries it.
  virtual void makeRow(const Edge &edge, size_t i, char *to) = 0;
  /// See Exchange::slice; of rows that are not packed.
  virtual Segments slice(size_t to, size_t first, size_t count) = 0;
  virtual void come(const SliceHeader &header, const char *data) = 0;
  virtual void gone(const SliceHeader & /*header*/, int /*to*/) {}
  /// Some TokensAtATime tokens' worth; false when there is none at the moment.
  virtual bool work() = 0;

  /// Between two looks at the wire.
  static constexpr size_t TokensAtATime = 4;

  size_t bytes() const { return nodes.bytes; } ///< of a row
  char *stagedOut(size_t to, size_t row) { return nodes.sent.data() + (traffic.outStart[to] + row) * bytes(); }
  char *stagedIn(size_t from, size_t row) { return nodes.arrived.data() + (traffic.inStart[from] + row) * bytes(); }

  NodesBench &nodes;
  const Dedupe dedupe;
  const Staging staging;
  const Traffic &traffic;

private:
  void pack();
};

} // namespace faro::bench
