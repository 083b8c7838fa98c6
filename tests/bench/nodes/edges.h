// Who sends what between nodes. Every rank computes it from the seeds of all: the planning of these peers is not
// measured, which is to their advantage.
#pragma once

#include "tests/bench/problem.h"

#include <vector>

namespace faro::bench {

/// What a token is sent to: once for each of its items, once for each rank, or once for each node that holds some of
/// them.
enum class Dedupe { None, Rank, Node };

/// One final row of a sent row, and what the combine needs to know of it.
struct Target {
  int rank;
  uint32_t row, choice;
  float weight;
};

/// The rows that go from one rank to one rank of another node: row i is token[i], and has the targets
/// targets[begin[i]] .. targets[begin[i + 1] - 1], in the order of k. With Dedupe::Node that rank is a forwarder, and
/// the targets lie on its whole node.
struct Edge {
  std::vector<uint32_t> token, begin{0};
  std::vector<Target> targets;
  size_t rows() const { return token.size(); }
};

/// The combine goes back: what came in on an edge goes out on it.
enum class Direction { Dispatch, Combine };

/// What one rank sends to, and gets from, each rank. Staging rows are numbered through by rank.
struct Traffic {
  std::vector<Edge> out, in;
  std::vector<size_t> outStart, inStart;
  size_t outRows = 0, inRows = 0;
};

/// Every item's final row.
class RowMap {
public:
  explicit RowMap(const Problem &problem);

  Traffic traffic(Dedupe dedupe, Direction direction = Direction::Dispatch) const;
  /// Items of this rank's tokens whose rows lie on this node, as targets; token t has those from localBegin[t] on.
  std::vector<Target> local;
  std::vector<uint32_t> localBegin{0};
  const std::vector<size_t> &rowsOfRank() const { return rows; }
  /// Rows between nodes through the fullest direction of any node's link.
  size_t busiestLinkRows(Dedupe dedupe) const;

private:
  /// With Dedupe::Node rows go to the rank with the source's own local index.
  Edge edge(int source, int destination, Dedupe dedupe) const;

  const Problem &problem;
  std::vector<int> owner;                      // of an expert
  std::vector<std::vector<int32_t>> topk;      // [source][item]
  std::vector<std::vector<float>> weights;     // beside topk
  std::vector<std::vector<uint32_t>> finalRow; // beside topk
  std::vector<size_t> rows;
};

} // namespace faro::bench
