#include "runtime/tools/faro-run/Child.h"
#include "runtime/tools/faro-run/OutputFile.h"
#include "runtime/tools/faro-run/Places.h"
#include "runtime/tools/faro-run/Rank.h"
#include "runtime/tools/faro-run/Say.h"
#include "runtime/tools/faro-run/Setup.h"

#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>

namespace faro::run {

namespace {

Expected<RankResult> runChild(const Options &options, const ChildOrders &orders) {
  Expected<CommunicatorOptions> place = CommunicatorOptions::fromEnvironment();
  if (!place)
    return place.status();
  const Deadline deadline(orders.end);
  place->timeout = deadline.forWaits();
  Expected<ProgressBoard> board = ProgressBoard::open(orders.boardFd, place->worldSize);
  if (!board)
    return board.status();
  ProgressSlot &progress = board->slot(place->rank);

  progress.enter(Phase::Loading);
  Setup setup(options, deadline); // which the parent watches
  FARO_RETURN_IF_ERROR(setup.load(Topology::blocks(place->worldSize, options.nodes)));
  progress.enter(Phase::Connecting);
  Expected<std::shared_ptr<Communicator>> communicator = Communicator::create(*place);
  if (!communicator)
    return communicator.status();
  (*communicator)->endBy(deadline.end());
  return runRank({options, setup.job, *setup.inputs, *communicator, orders.outputFd,
                  orders.outputFd >= 0 ? rankFile(options.output, place->rank) : "", progress});
}

} // namespace

int childMain(const Options &options) {
  ChildOrders orders;
  if (!ChildOrders::decode(options.child, orders)) {
    say("faro-run: --internal-child is for faro-run's own use\n");
    return 2;
  }
  // UCX patches mmap and its like, and tries that out on a System V segment, which stays if the rank is killed
  // meanwhile. It does so to forget what it has registered with a device; between ranks of one machine there is none,
  // but for a GPU. UCX reads this when it is loaded, below.
  if (options.cudaDevice < 0)
    ::setenv("UCX_MEM_EVENTS", "n", /*overwrite=*/0);
  ::fcntl(orders.reportFd, F_SETFD, FD_CLOEXEC);
  const Expected<RankResult> result = runChild(options, orders);
  const std::string line = (result ? encodeResult(*result) : encodeError(result.status())) + "\n";
  const Status sent = writeAll(orders.reportFd, line.data(), line.size(), "the report to faro-run");
  return result && sent ? 0 : 1;
}

} // namespace faro::run
