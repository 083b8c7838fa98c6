// Prints, as markdown, what planning one batch costs one rank: what it must know, what it keeps, and how long it takes.
//   planning_table
// The measured rank routes all its tokens. The others' counts stand for as many tokens, but are drawn for one in 32 of
// them: 2,048 ranks' routing would take minutes to draw and changes nothing.
#include "runtime/plan/NodePlan.h"
#include "runtime/plan/PlanHash.h"
#include "runtime/plan/Planner.h"
#include "tests/runtime/plan/SampledRouting.h"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>

using namespace faro;
using sampled::Drawer;
using sampled::Kind;
using sampled::Shape;

namespace {

template <typename Work> double leastMs(Work work) {
  double least = 1e30;
  for (int repeat = 0; repeat < 7; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
    least = std::min(least, time.count());
  }
  return least;
}

template <typename... Vectors> double mebibytes(const Vectors &...vectors) {
  return double((size_t(0) + ... + (vectors.size() * sizeof(typename Vectors::value_type)))) / (1 << 20);
}

double sizeOf(const Plan &p) {
  return mebibytes(p.offsets, p.places, p.choices, p.rowsOfRank, p.padding, p.expertOffsets, p.expertCounts);
}

double sizeOf(const NodePlan &p) {
  return mebibytes(p.firstRow, p.rowToken, p.rowItems, p.items, p.pieces, p.localOffsets, p.localItems, p.sends,
                   p.loads, p.receives, p.transitRowsOfRank, p.partialOffsets, p.partialRows, p.partialRowsOfRank);
}

struct Job {
  Shape shape;
  faro_abi_program program{};
  Topology topology;
  ExpertMap map;
  std::vector<uint32_t> counts;
  NodeRows rows;
  std::vector<int64_t> idx;

  TopkIdx mine() const { return {idx.data(), int64_t(idx.size() / shape.topk)}; }
};

/// All ranks' counts; `rank` has drawn all its tokens.
Job makeJob(const Shape &shape, Kind kind, uint32_t rank) {
  Job job{shape, {}, Topology::blocks(shape.ranks(), shape.nodes), {}, {}, {}, {}};
  job.program.row = {FARO_ABI_BF16, 0, 7168, 14336, 14336};
  const uint8_t order[] = {FARO_ABI_KEY_EXPERT, FARO_ABI_KEY_SOURCE, FARO_ABI_KEY_TOKEN, FARO_ABI_KEY_CHOICE};
  std::memcpy(job.program.layout.order, order, sizeof order);
  job.program.layout.align = 128;
  job.program.routes = {shape.topk, shape.experts, FARO_ABI_PLACEMENT_BLOCK, 0, nullptr};
  job.map = *makeExpertMap(job.program.routes, shape.ranks());
  job.rows.nodes = shape.nodes;
  Drawer drawer(shape, kind, 1);
  std::vector<uint32_t> experts(shape.topk);
  for (uint32_t source = 0; source < shape.ranks(); ++source) {
    const uint32_t scale = source == rank ? 1 : 32, tokens = drawer.startRank() / scale;
    std::vector<int64_t> idx;
    for (uint32_t t = 0; t < tokens; ++t) {
      drawer.draw(experts.data());
      idx.insert(idx.end(), experts.begin(), experts.end());
    }
    const TopkIdx routing{idx.data(), tokens};
    const auto counts = countItems(job.program.routes, source, routing);
    for (uint32_t count : *counts)
      job.counts.push_back(count * scale);
    for (uint32_t count : countNodeRows(job.topology, job.map, shape.topk, routing))
      job.rows.rows.push_back(count * scale);
    if (source == rank)
      job.idx = std::move(idx);
  }
  return job;
}

bool printLine(const char *name, const Shape &shape, Kind kind, uint32_t rank) {
  const Job job = makeJob(shape, kind, rank);
  auto plan = makePlan(job.program, job.map, rank, job.counts, job.mine());
  if (!plan) {
    std::fprintf(stderr, "planning_table: %s\n", plan.status().message().c_str());
    return false;
  }
  plan->program = &job.program;
  auto across = makeNodePlan(job.topology, rank, *plan, job.rows, cappedBlend);
  if (!across) {
    std::fprintf(stderr, "planning_table: %s\n", across.status().message().c_str());
    return false;
  }
  const double count = leastMs([&] {
    (void)countItems(job.program.routes, rank, job.mine());
    (void)countNodeRows(job.topology, job.map, shape.topk, job.mine());
    (void)routingHash(job.program, job.mine());
  });
  const double makes = leastMs([&] { (void)makePlan(job.program, job.map, rank, job.counts, job.mine()); });
  const auto acrossMs = [&](Balancer balancer) {
    return leastMs([&] { (void)makeNodePlan(job.topology, rank, *plan, job.rows, balancer); });
  };
  const double staticMs = acrossMs(staticRails), blendMs = acrossMs(cappedBlend);
  std::printf("| %s | %u | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %.3f |\n", name, rank,
              mebibytes(job.counts), mebibytes(job.rows.rows), sizeOf(*plan), sizeOf(*across), count, makes, staticMs,
              blendMs, overLowerBound(job.topology, job.rows, cappedBlend(job.topology, job.rows, {})));
  return true;
}

} // namespace

int main() {
  std::printf(
      "| job | rank | counts MiB | node rows MiB | plan MiB | plan across MiB | count, hash ms | plan ms | across, "
      "static ms | across, blend ms | blend over bound |\n"
      "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
  const Shape small{2, 2, 256, 8, 4096}, few{256, 8, 256, 8, 32768}, many{256, 8, 2048, 8, 32768};
  const bool right = printLine("2 x 2, 256 experts, 4,096 tokens", small, Kind::Uniform, 0) &&
                     printLine("the same, bimodal, own zipf", small, Kind::BimodalZipf, 3) &&
                     printLine("256 x 8, 256 experts, 32,768 tokens", few, Kind::Uniform, 0) &&
                     printLine("the same", few, Kind::Uniform, 2047) &&
                     printLine("the same, bimodal, own zipf", few, Kind::BimodalZipf, 0) &&
                     printLine("256 x 8, 2,048 experts, 32,768 tokens", many, Kind::Uniform, 0) &&
                     printLine("the same, bimodal, own zipf", many, Kind::BimodalZipf, 2047);
  return right ? 0 : 1;
}
