#include "tests/bench/nodes/mpi_peers.h"

#include "tests/bench/combine/combine_bench.h"
#include "tests/bench/dispatch/dispatch_bench.h"

#include <cstdlib>

namespace faro::bench {

static void goOn() {
  int any = 0;
  MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &any, MPI_STATUS_IGNORE);
}

MpiPeers::MpiPeers(StarControl &c) : control(c), otherIdle(c.idle) {
  for (const char *sign : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"})
    here = here || std::getenv(sign);
  if (!here)
    return;
  MPI_Init(nullptr, nullptr);
  control.idle = [this] {
    otherIdle();
    goOn();
  };
}

MpiPeers::~MpiPeers() {
  if (!here)
    return;
  control.idle = otherIdle;
  MPI_Finalize();
}

static void add(Methods &methods, const char *name, std::unique_ptr<Method> method, const RowMap &map, size_t bytes,
                Dedupe dedupe) {
  method->name = name;
  method->linkBytes = double(map.busiestLinkRows(dedupe) * bytes);
  methods.push_back(std::move(method));
}

std::unique_ptr<Workspace> MpiPeers::addDispatch(Methods &methods, const Problem &problem, const RowMap &map) const {
  if (!here || !problem.options.peers)
    return nullptr;
  auto bench = std::make_unique<DispatchBench>(problem, MPI_COMM_WORLD);
  add(methods, "MPI: permute + Alltoallv + permute", permuteAlltoallv(*bench, Permute::TokenMajor), map, bench->bytes,
      Dedupe::None);
  add(methods, "MPI: Alltoallw, hindexed types", dispatchAlltoallw(*bench), map, bench->bytes, Dedupe::None);
  add(methods, "MPI: rank-deduped Alltoallv + replicate", dedupedAlltoallv(*bench), map, bench->bytes, Dedupe::Rank);
  return bench;
}

std::unique_ptr<Workspace> MpiPeers::addCombine(Methods &methods, const Problem &problem, const RowMap &map) const {
  if (!here || !problem.options.peers)
    return nullptr;
  auto bench = std::make_unique<CombineBench>(problem, MPI_COMM_WORLD);
  add(methods, "MPI: permute + Alltoallv + weighted sum", permuteAlltoallvSum(*bench, Unpermute::FoldedStreaming), map,
      bench->bytes, Dedupe::None);
  add(methods, "MPI: Alltoallw, hindexed types + weighted sum", combineAlltoallw(*bench), map, bench->bytes,
      Dedupe::None);
  add(methods, "MPI: rank-reduced partials + Alltoallv + sum", rankReduced(*bench), map, bench->bytes, Dedupe::Rank);
  return bench;
}

} // namespace faro::bench
