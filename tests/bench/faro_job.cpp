#include "tests/bench/faro_job.h"

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

/// A port of this machine's address that nobody listens on now.
static Expected<uint16_t> freePort(const std::string &numeric) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  socklen_t size = sizeof address;
  auto *generic = reinterpret_cast<sockaddr *>(&address);
  const bool found = fd >= 0 && inet_pton(AF_INET, numeric.c_str(), &address.sin_addr) == 1 &&
                     bind(fd, generic, size) == 0 && getsockname(fd, generic, &size) == 0;
  const int error = errno;
  if (fd >= 0)
    close(fd);
  if (!found)
    return Status(FARO_UNAVAILABLE, fmt::format("no free port on {}: {}", numeric, std::strerror(error)));
  return uint16_t(ntohs(address.sin_port));
}

static Meeting agree(Control &control, const std::string &address) {
  Meeting meeting;
  if (control.rank == 0) {
    meeting.port = require(freePort(address), "choosing a port");
    std::random_device random;
    for (size_t i = 0; i < 32; i += 8)
      fmt::format_to_n(meeting.secret + i, 8, "{:08x}", random());
  }
  const std::string agreed = control.fromRankZero({reinterpret_cast<const char *>(&meeting), sizeof meeting});
  std::memcpy(&meeting, agreed.data(), sizeof meeting);
  return meeting;
}

static std::shared_ptr<const Module> openModule(const Problem &problem, Control &control) {
  const Options &options = problem.options;
  if (!options.module.empty())
    return require(Module::load(options.module), "loading the module");
  const std::string text = specText(options);
  std::shared_ptr<const Module> module;
  for (int turn = 0; turn < 2; ++turn) { // eight ranks compiling the same on two cores would take eight times as long
    if ((problem.rank == 0) == (turn == 0))
      module = require(Module::compile(text, "faro-bench.mlir"), "compiling the spec");
    control.barrier();
  }
  return module;
}

Status checkShape(const faro_abi_program &program, const Options &options) {
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

FaroJob::FaroJob(const Problem &problem, Control &control, const CommunicatorOptions &place)
    : topk(problem.topk.begin(), problem.topk.end()), tokens(problem.options.tokens),
      module(openModule(problem, control)) {
  dispatchProgram = require(module->only(FARO_ABI_DISPATCH), "the module");
  combineProgram = require(module->only(FARO_ABI_COMBINE), "the module");
  require(checkShape(*dispatchProgram, problem.options), "the module");
  require(checkShape(*combineProgram, problem.options), "the module");

  const Meeting meeting = agree(control, place.masterAddress);
  CommunicatorOptions options = place;
  options.masterPort = meeting.port;
  options.jobSecret = meeting.secret;
  open = require(Session::create(require(Communicator::create(options), "connecting the ranks"), module), "a session");
}

std::shared_ptr<const Plan> FaroJob::prepare() {
  return require(open->prepare(*dispatchProgram, {topk.data(), tokens}), "prepare");
}

} // namespace faro::bench
