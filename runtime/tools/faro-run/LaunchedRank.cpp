#include "runtime/core/Environment.h"
#include "runtime/tools/faro-run/Interrupts.h"
#include "runtime/tools/faro-run/Progress.h"
#include "runtime/tools/faro-run/Rank.h"
#include "runtime/tools/faro-run/Say.h"
#include "runtime/tools/faro-run/Supervisor.h"
#include "runtime/tools/faro-run/Watchdog.h"

#include <cstdlib>
#include <cstring>
#include <fmt/format.h>

namespace faro::run {

namespace {

Bytes toBytes(const std::string &text) {
  Bytes bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

std::string toText(const Bytes &bytes) { return {reinterpret_cast<const char *>(bytes.data()), bytes.size()}; }

/// Collective. Everybody's results, or the error that explains most; the same on every rank.
Expected<std::vector<RankResult>> exchange(Communicator &communicator, const std::string &mine, const char *what) {
  Expected<std::vector<Bytes>> all = communicator.allgather(toBytes(mine), what);
  if (!all)
    return all.status();
  std::vector<RankResult> results;
  Status worst;
  for (const Bytes &bytes : *all) {
    Expected<RankResult> result = decode(toText(bytes));
    if (result)
      results.push_back(std::move(*result));
    else if (worst || explanatoryRank(result.status().code()) < explanatoryRank(worst.code()))
      worst = result.status();
  }
  if (!worst)
    return worst;
  return results;
}

/// Collective. The same on every rank: OK when all of them are.
Status agree(Communicator &communicator, const Status &mine, const char *what) {
  return exchange(communicator, mine ? encodeResult({}) : encodeError(mine), what).status();
}

/// What all ranks must be told alike: they come to the same calls, and each makes up what it expects of the others.
std::string termsOf(const Options &options) {
  std::string terms =
      fmt::format("--repeat {} --experts-fn {} --device {} --plan {}{}{}{}", options.repeat,
                  options.expertsFn == ExpertsFn::Scale ? "scale" : "identity", options.cudaDevice < 0 ? "cpu" : "cuda",
                  options.planOnDevice ? "device" : "host", options.verify ? " --verify" : "",
                  options.input.empty() ? "" : " --input", options.output.empty() ? "" : " --output");
  if (options.input.empty())
    terms += fmt::format(" --tokens {} --routing {} --seed {}", options.tokens, options.routing.name(), options.seed);
  return terms;
}

/// Collective. A module has the spec that it was made from; when it was, and for which machine, may differ.
Status agreeOnSpec(Communicator &communicator, const Options &options, const faro_abi_module &module) {
  const std::string hash(reinterpret_cast<const char *>(module.spec_sha256), sizeof module.spec_sha256);
  const Expected<std::vector<Bytes>> all = communicator.allgather(toBytes(hash + options.program), "spec");
  if (!all)
    return all.status();
  const auto of = [&](uint32_t rank) { return toText((*all)[rank]); };
  for (uint32_t rank = 0; rank < all->size(); ++rank)
    if (of(rank).compare(0, hash.size(), of(0), 0, hash.size()) != 0)
      return {FARO_INVALID_ARGUMENT,
              fmt::format("rank {}'s {} is made from another spec than rank 0's {}; give all ranks the same", rank,
                          of(rank).substr(hash.size()), of(0).substr(hash.size()))};
  return Status::ok();
}

/// Collective.
Status agreeOnTerms(Communicator &communicator, const Options &options) {
  const std::string mine = termsOf(options);
  const Expected<std::vector<Bytes>> all = communicator.allgather(toBytes(mine), "options");
  if (!all)
    return all.status();
  for (uint32_t rank = 0; rank < all->size(); ++rank)
    if (const std::string theirs = toText((*all)[rank]); theirs != toText((*all)[0]))
      return {FARO_INVALID_ARGUMENT, fmt::format("rank {} runs with {}, rank 0 with {}; give all ranks the same", rank,
                                                 theirs, toText((*all)[0]))};
  return Status::ok();
}

/// One rank of somebody else's job. What all ranks know is said by rank 0.
class LaunchedRank {
public:
  LaunchedRank(const Options &options, const CommunicatorOptions &place, const ProgressBoard &board)
      : options_(options), place_(place), board_(board), setup_(options, Deadline(options.timeout)) {}

  int run() {
    // A launcher that ends all ranks need not hear it from each.
    const Interrupts interrupts([this](int signal) { setup_.endBy(signal, place_.rank == 0 || signal == SIGBUS); });
    const auto watchdog = Watchdog::start(setup_.deadline.end(), [this] {
      const auto phase = Phase(board_.slot(0).phase.load(std::memory_order_relaxed));
      setup_.fail({FARO_DEADLINE_EXCEEDED, fmt::format("rank {}: not done after {:g} s (--timeout): {}", place_.rank,
                                                       options_.timeout, phaseName(phase))});
    });
    if (place_.rank == 0)
      if (Status status = setup_.openReports(place_.worldSize); !status)
        return alone(status);
    if (!watchdog)
      return alone(watchdog.status());
    CommunicatorOptions place = place_;
    const bool given = std::getenv("FARO_TIMEOUT") && *std::getenv("FARO_TIMEOUT");
    place.timeout = given ? std::min(place_.timeout, setup_.deadline.forWaits()) : setup_.deadline.forWaits();
    board_.slot(0).enter(Phase::Connecting);
    Expected<std::shared_ptr<Communicator>> communicator = Communicator::create(place);
    if (!communicator)
      return alone(communicator.status());
    (*communicator)->endBy(setup_.deadline.end());
    return connected(*communicator);
  }

private:
  int connected(const std::shared_ptr<Communicator> &communicator) {
    const uint32_t rank = communicator->rank();
    board_.slot(0).enter(Phase::Loading);
    if (Status status = agreeOnTerms(*communicator, options_); !status)
      return together(status);
    if (Status status = agree(*communicator, prepare(*communicator), "starting"); !status)
      return together(status);
    if (Status status = agreeOnSpec(*communicator, options_, setup_.job.module->abi()); !status)
      return together(status);
    if (rank == 0)
      printNotes(options_, place_.worldSize);

    Expected<RankResult> result = runRank({options_, setup_.job, *setup_.inputs, communicator,
                                           setup_.outputs.empty() ? -1 : setup_.outputs[0].fd(),
                                           setup_.outputs.empty() ? "" : setup_.outputs[0].path(), board_.slot(0)});
    if (!result) // the others have been told, and keep quiet
      return result.status().code() == FARO_ABORTED ? 1 : alone(result.status());
    Expected<std::vector<RankResult>> results = exchange(*communicator, encodeResult(*result), "results");
    if (!results)
      return alone(results.status());

    const bool same = figuresOf(setup_.job, *results).findings.differences == 0;
    if (same)
      if (Status status = agree(*communicator, commitOutputs(setup_.outputs), "putting the output in place"); !status)
        return revoked(together(status));
    const int exitStatus = rank == 0 ? setup_.report(*results, place_.transport) : same ? 0 : 1;
    if (!same)
      return exitStatus;
    const Status reported = exitStatus == 0 ? Status::ok() : Status(FARO_UNAVAILABLE, "rank 0 could not report");
    return agree(*communicator, reported, "reporting") ? 0 : revoked(1);
  }

  int revoked(int exitStatus) {
    revokeOutputs(setup_.outputs);
    return exitStatus;
  }

  Status prepare(const Communicator &communicator) {
    const uint32_t rank = communicator.rank();
    FARO_RETURN_IF_ERROR(setup_.load(communicator.topology()));
    return setup_.openFiles(rank, rank + 1, /*checkAll=*/rank == 0);
  }

  /// An error that the other ranks may not know.
  int alone(const Status &status) { return setup_.fail(status); }
  /// An error that all ranks know.
  int together(const Status &status) { return place_.rank == 0 ? setup_.fail(status) : 1; }

  const Options &options_;
  const CommunicatorOptions place_;
  const ProgressBoard &board_;
  Setup setup_;
};

} // namespace

bool underLauncher() { return hasLauncher(std::getenv); }

int runLaunchedRank(const Options &options) {
  Expected<CommunicatorOptions> place = CommunicatorOptions::fromEnvironment();
  if (!place) {
    say("faro-run: {}\n", place.status().message());
    return 1;
  }
  if (options.transport)
    place->transport = *options.transport;
  if (place->transport == "local" && place->worldSize > 1) {
    say("faro-run: the transport 'local' joins threads of one process, but a launcher started {} "
        "processes; use ucx, or give --ranks\n",
        place->worldSize);
    return 2;
  }
  Expected<ProgressBoard> board = ProgressBoard::create(1);
  if (!board) {
    say("faro-run: {}\n", board.status().message());
    return 1;
  }
  LaunchedRank rank(options, *place, *board);
  return rank.run();
}

} // namespace faro::run
