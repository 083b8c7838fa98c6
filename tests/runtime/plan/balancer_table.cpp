// Prints, as markdown, how close each balancer comes to the lower bound, what it moves and what it costs.
//   balancer_table [--quick]
// Exit status 1 when capped blend is above 1.02 plus its rounding anywhere.
#include "tests/runtime/plan/SampledRouting.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>

using namespace faro;
using sampled::Kind;
using sampled::Shape;

namespace {

constexpr uint32_t RanksPerNode = 8, Tokens = 1024;
constexpr uint32_t NodeCounts[] = {2, 4, 8, 16, 32, 64};
constexpr uint32_t Draws[] = {100, 60, 40, 20, 10, 5};

struct Named {
  const char *name;
  Balancer balancer;
};
const Named Balancers[] = {{"static", staticRails}, {"fusco", fuscoRails}, {"blend", cappedBlend}};

const struct {
  const char *name;
  Kind kind;
} Routings[] = {{"uniform", Kind::Uniform},
                {"zipf", Kind::Zipf},
                {"own zipf", Kind::OwnZipf},
                {"bimodal", Kind::Bimodal},
                {"bimodal, own zipf", Kind::BimodalZipf},
                {"group-limited", Kind::GroupLimited}};

const struct {
  const char *name;
  std::vector<uint32_t> cards; ///< of nodes, by turns
  Kind kind;
} Wired[] = {{"uniform, 4 cards", {4}, Kind::Uniform},          {"uniform, 10 cards", {10}, Kind::Uniform},
             {"uniform, 8 and 4 cards", {8, 4}, Kind::Uniform}, {"bimodal, 4 cards", {4}, Kind::Bimodal},
             {"bimodal, 10 cards", {10}, Kind::Bimodal},        {"bimodal, 8 and 4 cards", {8, 4}, Kind::Bimodal}};

struct Cell {
  double sum = 0, most = 0, moved = 0, microseconds = 1e30;
};

/// The least time of one node's part of the answer: what a rank does in every prepare.
double microseconds(Balancer balancer, const Topology &topology, const NodeRows &rows) {
  double least = 1e30;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    const Rails rails = balancer(topology, rows, topology.nodes() / 2);
    const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
    least = rails.flows.empty() ? least : std::min(least, time.count());
  }
  return least;
}

void printRow(const char *routing, const char *balancer, const std::vector<std::string> &cells) {
  std::printf("| %s | %s |", routing, balancer);
  for (const std::string &cell : cells)
    std::printf(" %s |", cell.c_str());
  std::printf("\n");
}

template <typename... Values> std::string show(const char *format, Values... values) {
  char text[64];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

/// By routing, balancer and number of nodes.
using Table = std::vector<std::array<std::array<Cell, std::size(NodeCounts)>, std::size(Balancers)>>;

/// One draw's rows through all balancers. How far blend is above the bound, rounding apart.
double add(Table &table, size_t row, size_t column, const Topology &topology, const NodeRows &rows, uint32_t draw,
           uint32_t draws) {
  double worst = 0;
  const double rounding = double(topology.nodes() - 1) / std::ranges::min(topology.nics()) / lowerBound(topology, rows);
  for (size_t b = 0; b < std::size(Balancers); ++b) {
    const Rails rails = Balancers[b].balancer(topology, rows, {});
    const double over = overLowerBound(topology, rows, rails);
    uint64_t all = 0;
    for (const Flow &flow : rails.flows)
      all += flow.rows;
    Cell &cell = table[row][b][column];
    cell.sum += over / draws;
    cell.most = std::max(cell.most, over);
    cell.moved += double(rails.moved) / double(all) / draws;
    if (draw < 3)
      cell.microseconds = std::min(cell.microseconds, microseconds(Balancers[b].balancer, topology, rows));
    if (Balancers[b].balancer == cappedBlend)
      worst = std::max(worst, over - rounding);
  }
  return worst;
}

void printHead(const char *title) {
  std::printf("\n### %s\n\n| routing | balancer |", title);
  for (uint32_t nodes : NodeCounts)
    std::printf(" %u nodes |", nodes);
  std::printf("\n| --- | --- |");
  for (size_t i = 0; i < std::size(NodeCounts); ++i)
    std::printf(" --- |");
  std::printf("\n");
}

} // namespace

int main(int argc, char **argv) {
  const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  if (argc > 1 && !quick) {
    std::fprintf(stderr, "balancer_table [--quick]\n");
    return 2;
  }
  Table cells(std::size(Routings)), wired(std::size(Wired));
  double worst = 0;
  for (size_t c = 0; c < std::size(NodeCounts); ++c) {
    const uint32_t nodes = NodeCounts[c], draws = quick ? 2 : Draws[c];
    const Topology topology = Topology::blocks(nodes * RanksPerNode, nodes);
    const Shape shape{nodes, RanksPerNode, std::max(256u, nodes * RanksPerNode), 8, quick ? Tokens / 4 : Tokens};
    std::fprintf(stderr, "%u nodes\n", nodes);
    for (size_t r = 0; r < std::size(Routings); ++r)
      for (uint32_t draw = 0; draw < draws; ++draw) {
        const NodeRows rows = sampled::nodeRows(shape, Routings[r].kind, 1000 * draw + r);
        worst = std::max(worst, add(cells, r, c, topology, rows, draw, draws));
      }
    for (size_t w = 0; w < std::size(Wired); ++w) {
      const Topology cards = sampled::onCards(nodes, RanksPerNode, Wired[w].cards);
      for (uint32_t draw = 0; draw < draws; ++draw) {
        const NodeRows rows = sampled::nodeRows(shape, Wired[w].kind, 1000 * draw + w);
        worst = std::max(worst, add(wired, w, c, cards, rows, draw, draws));
      }
    }
  }

  const auto printOver = [](const Table &table, size_t row, const char *name) {
    for (size_t b = 0; b < std::size(Balancers); ++b) {
      std::vector<std::string> texts;
      for (const Cell &cell : table[row][b])
        texts.push_back(show("%.3f (%.3f)", cell.sum, cell.most));
      printRow(b == 0 ? name : "", Balancers[b].name, texts);
    }
  };
  printHead("The most rows that any rank sends or receives, over the lower bound: mean (largest)");
  for (size_t r = 0; r < std::size(Routings); ++r)
    printOver(cells, r, Routings[r].name);
  printHead("The same for each network card, where nodes of eight ranks have other numbers of cards");
  for (size_t w = 0; w < std::size(Wired); ++w)
    printOver(wired, w, Wired[w].name);
  printHead("Share of the rows that blend moves to another rail at the source");
  for (size_t r = 0; r < std::size(Routings); ++r) {
    std::vector<std::string> texts;
    for (const Cell &cell : cells[r][2])
      texts.push_back(show("%.3f", cell.moved));
    printRow(Routings[r].name, "blend", texts);
  }
  for (size_t w = 0; w < std::size(Wired); ++w) {
    std::vector<std::string> texts;
    for (const Cell &cell : wired[w][2])
      texts.push_back(show("%.3f", cell.moved));
    printRow(Wired[w].name, "blend", texts);
  }
  printHead("Microseconds that a rank needs for its node's flows (least)");
  for (size_t r = 0; r < std::size(Routings); ++r)
    for (size_t b = 0; b < std::size(Balancers); ++b) {
      std::vector<std::string> texts;
      for (const Cell &cell : cells[r][b])
        texts.push_back(show("%.0f", cell.microseconds));
      printRow(b == 0 ? Routings[r].name : "", Balancers[b].name, texts);
    }
  std::fprintf(stderr, "blend: at most %.4f of the bound, rounding apart\n", worst);
  return worst <= 1.02 + 1e-9 ? 0 : 1;
}
