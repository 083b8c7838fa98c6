#include "tests/bench/faro_job.h"

#include "tests/bench/mpi.h"
#include "tests/bench/spec.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <netinet/in.h>
#include <random>
#include <sys/socket.h>
#include <unistd.h>

namespace faro::bench {

namespace {
/// What rank 0 chooses for all.
struct Meeting {
  uint16_t port = 0;
  char secret[33] = {};
};
} // namespace

/// A port of the loopback device that nobody listens on now.
static Expected<uint16_t> freePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto *generic = reinterpret_cast<sockaddr *>(&address);
  const bool found = fd >= 0 && bind(fd, generic, size) == 0 && getsockname(fd, generic, &size) == 0;
  const int error = errno;
  if (fd >= 0)
    close(fd);
  if (!found)
    return Status(FARO_UNAVAILABLE, fmt::format("no free port on 127.0.0.1: {}", std::strerror(error)));
  return uint16_t(ntohs(address.sin_port));
}

static Meeting agree(const Problem &problem, MPI_Comm comm) {
  Meeting meeting;
  if (problem.rank == 0) {
    meeting.port = require(freePort(), "choosing a port");
    std::random_device random;
    for (size_t i = 0; i < 32; i += 8)
      fmt::format_to_n(meeting.secret + i, 8, "{:08x}", random());
  }
  MPI_Bcast(&meeting, sizeof meeting, MPI_BYTE, 0, comm);
  return meeting;
}

static std::shared_ptr<const Module> openModule(const Problem &problem, MPI_Comm comm) {
  const Options &options = problem.options;
  if (!options.module.empty())
    return require(Module::load(options.module), "loading the module");
  const std::string text = specText(options);
  std::shared_ptr<const Module> module;
  for (int turn = 0; turn < 2; ++turn) { // eight ranks compiling the same on two cores would take eight times as long
    if ((problem.rank == 0) == (turn == 0))
      module = require(Module::compile(text, "faro-bench.mlir"), "compiling the spec");
    MPI_Barrier(comm);
  }
  return module;
}

/// A module that was made for another shape would run, and mean nothing.
static Status checkShape(const faro_abi_program &program, const Options &options) {
  const std::string found =
      fmt::format("{} x {}, top-{} of {}, align {}", program.row.columns, ::faro::elementName(program.row.element),
                  program.routes.topk, program.routes.experts, program.layout.align);
  const std::string expected = fmt::format("{} x {}, top-{} of {}, align {}", options.hidden,
                                           elementName(options.element), options.topk, options.experts, options.align);
  if (found == expected)
    return Status::ok();
  return Status(FARO_INVALID_ARGUMENT,
                fmt::format("the module's @{} is for {}; this run is {}", program.name, found, expected));
}

FaroJob::FaroJob(const Problem &problem, MPI_Comm comm)
    : topk(problem.topk.begin(), problem.topk.end()), tokens(problem.options.tokens),
      module(openModule(problem, comm)) {
  dispatchProgram = require(module->only(FARO_ABI_DISPATCH), "the module");
  combineProgram = require(module->only(FARO_ABI_COMBINE), "the module");
  require(checkShape(*dispatchProgram, problem.options), "the module");
  require(checkShape(*combineProgram, problem.options), "the module");

  const Meeting meeting = agree(problem, comm);
  CommunicatorOptions options;
  options.rank = options.localRank = uint32_t(problem.rank);
  options.worldSize = uint32_t(problem.ranks);
  options.masterPort = meeting.port;
  options.jobSecret = meeting.secret;
  open = require(Session::create(require(Communicator::create(options), "connecting the ranks"), module), "a session");
}

std::shared_ptr<const Plan> FaroJob::prepare() {
  return require(open->prepare(*dispatchProgram, {topk.data(), tokens}), "prepare");
}

} // namespace faro::bench
