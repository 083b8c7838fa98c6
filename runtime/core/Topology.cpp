#include "faro/topology.h"

#include <unordered_map>

namespace faro {

Topology::Topology(const std::vector<uint32_t> &labelOfRank, std::vector<double> nics)
    : indices_(labelOfRank.size()), begins_(1), nics_(std::move(nics)) {
  nics_.resize(labelOfRank.size(), 1.0);
  std::unordered_map<uint32_t, uint32_t> numbers;
  std::vector<uint32_t> sizes;
  for (const uint32_t label : labelOfRank) {
    const uint32_t node = numbers.try_emplace(label, uint32_t(numbers.size())).first->second;
    sizes.resize(numbers.size());
    indices_[nodes_.size()] = sizes[node]++;
    nodes_.push_back(node);
  }
  for (const uint32_t size : sizes)
    begins_.push_back(begins_.back() + size);
  grouped_.resize(nodes_.size());
  for (uint32_t rank = 0; rank < ranks(); ++rank)
    grouped_[begins_[nodes_[rank]] + indices_[rank]] = rank;
}

Topology Topology::oneNode(uint32_t ranks) { return blocks(ranks, 1); }

Topology Topology::blocks(uint32_t ranks, uint32_t nodes) {
  std::vector<uint32_t> labels;
  for (uint32_t node = 0; node < nodes; ++node)
    labels.insert(labels.end(), ranks / nodes + (node < ranks % nodes), node);
  return Topology(labels);
}

double Topology::nicsOfNode(uint32_t node) const {
  double sum = 0;
  for (const uint32_t rank : ranksOf(node))
    sum += nics_[rank];
  return sum;
}

bool Topology::regular() const {
  for (uint32_t node = 1; node < nodes(); ++node)
    if (ranksOf(node).size() != ranksOf(0).size())
      return false;
  return true;
}

} // namespace faro
