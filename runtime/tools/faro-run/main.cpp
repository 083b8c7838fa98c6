// faro-run: runs a program's dispatch and combine on local ranks, checks and times them. See docs/faro-run.md.
#include "runtime/core/TransportPlugin.h"
#include "runtime/device/cuda/Driver.h"
#include "runtime/tools/faro-run/Child.h"
#include "runtime/tools/faro-run/Descriptors.h"
#include "runtime/tools/faro-run/Interrupts.h"
#include "runtime/tools/faro-run/Say.h"
#include "runtime/tools/faro-run/Supervisor.h"
#include "runtime/tools/faro-run/Watchdog.h"

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>

namespace faro::run {

namespace {

std::string chooseTransport(const Options &options) {
  if (options.transport)
    return *options.transport;
  const char *wish = std::getenv("FARO_TRANSPORT");
  return wish && *wish ? wish : "ucx";
}

/// Starts the ranks itself.
int runJob(const Options &options, int argc, char **argv) {
  const std::string transport = chooseTransport(options);
  // Somebody else's: whether there is one is told before ranks are started.
  if (transport != "ucx" && transport != "local")
    if (const auto found = loadTransport(transport); !found) {
      say("faro-run: --transport {}: {}\n", transport, found.status().message());
      return 2;
    }
  Setup setup(options, Deadline(options.timeout));
  const Interrupts interrupts([&](int signal) { setup.endBy(signal); });
  {
    const auto watchdog = Watchdog::start(setup.deadline.end(), [&] {
      setup.fail({FARO_DEADLINE_EXCEEDED, fmt::format("not done after {:g} s (--timeout): loading the program or "
                                                      "reading input",
                                                      options.timeout)});
    });
    Status status = setup.openReports(*options.ranks);
    if (status)
      status = watchdog.status();
    if (status)
      status = allowDescriptors(options, transport);
    if (status)
      status = setup.load(Topology::blocks(*options.ranks, options.nodes));
    if (status)
      status = setup.openFiles(0, *options.ranks, /*checkAll=*/true);
    if (!status)
      return setup.fail(status);
  }
  printNotes(options, *options.ranks);
  const Outcome outcome = transport == "local" ? runThreads(setup) : runProcesses(setup, argc, argv, transport);
  if (!outcome.status)
    return setup.fail(outcome.status, outcome.exitStatus);
  return setup.succeed(outcome.results, transport);
}

/// What is closed stays of no use, but is somebody's: a pipe or a file of ours that was opened as number 2 would get
/// what is meant for standard error.
void keepStandardDescriptors() {
  for (const int fd : {0, 1, 2})
    if (::fcntl(fd, F_GETFD) < 0)
      (void)::open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

int run(int argc, char **argv) {
  keepStandardDescriptors();
  const std::variant<Options, int> parsed = parseOptions(argc, argv);
  if (const int *status = std::get_if<int>(&parsed))
    return *status;
  const Options &options = std::get<Options>(parsed);
  if (options.planOnDevice)
    cuda::letStreamsRunSideBySide();
  // A file that may not grow further is an error to report, not a signal to die of.
  ::signal(SIGXFSZ, SIG_IGN);
  // Nor is a reader that has gone away.
  ::signal(SIGPIPE, SIG_IGN);
  // A rank that crashes is a message of ours, not a page of UCX's. UCX reads this when it is loaded, in the ranks.
  ::setenv("UCX_HANDLE_ERRORS", "none", /*overwrite=*/0);
  // Whoever started this may not have wanted to hear of its children; we do.
  ::signal(SIGCHLD, SIG_DFL);
  if (!options.child.empty())
    return childMain(options);
  if (options.ranks)
    return runJob(options, argc, argv);
  if (underLauncher())
    return runLaunchedRank(options);
  say("faro-run: --ranks is missing: how many ranks shall run? (e.g. --ranks 4)\nTry 'faro-run --help'.\n");
  return 2;
}

} // namespace

} // namespace faro::run

int main(int argc, char **argv) {
  try {
    return faro::run::run(argc, argv);
  } catch (const std::bad_alloc &) {
    faro::run::say("faro-run: out of memory\n");
  } catch (const std::exception &error) {
    faro::run::say("faro-run: {}\n", error.what());
  }
  return 1;
}
