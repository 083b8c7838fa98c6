// The C face of communicators.
#include "runtime/core/CApiParts.h"
#include "runtime/core/Environment.h"

#include <cstddef>
#include <cstdlib>
#include <string_view>

using namespace faro;
using namespace faro::capi;

static Status adopt(const Expected<CommunicatorOptions> &options, faro_comm **out) {
  if (!options)
    return options.status();
  auto communicator = Communicator::create(*options);
  if (!communicator)
    return communicator.status();
  *out = new faro_comm{*communicator};
  return Status::ok();
}

/// Faro's own variables, and no launcher's: these speak of another job.
static const char *ownVariable(const char *name) {
  return std::string_view(name).starts_with("FARO_") && std::string_view(name) != "FARO_NODE" ? std::getenv(name)
                                                                                              : nullptr;
}

static Expected<CommunicatorOptions> describedBy(const faro_comm_options &given) {
  const auto known = knownOf("faro_comm_create_with", "faro_comm_options", given,
                             offsetof(faro_comm_options, master_port) + sizeof given.master_port);
  if (!known)
    return known.status();
  const auto wrong = [](const std::string &what) {
    return Status(FARO_INVALID_ARGUMENT, "faro_comm_create_with: " + what);
  };
  if (known->node < -1)
    return wrong(fmt::format("node is {}; expected its number, or -1", known->node));
  if (known->master_port > UINT16_MAX || (known->world_size > 1 && known->master_port == 0))
    return wrong(fmt::format("master_port is {}; expected 1 to 65535", known->master_port));
  auto options = readEnvironment(ownVariable);
  if (!options)
    return options;
  options->rank = known->rank;
  options->worldSize = known->world_size;
  options->masterPort = uint16_t(known->master_port);
  if (known->node >= 0)
    options->node = uint32_t(known->node);
  if (known->master_address)
    options->masterAddress = known->master_address;
  if (known->job_secret)
    options->jobSecret = known->job_secret;
  if (known->transport)
    options->transport = known->transport;
  if (known->nics != 0) {
    if (!(known->nics >= FewestNics && known->nics <= MostNics)) // nor is a NaN
      return wrong(fmt::format("nics is {:g}; expected {:g} to {:g}", known->nics, FewestNics, MostNics));
    options->nics = known->nics;
  }
  if (known->timeout_ns)
    options->timeout = Nanoseconds(int64_t(std::min<uint64_t>(known->timeout_ns, INT64_MAX)));
  return options;
}

faro_status faro_comm_create(faro_comm **out) {
  return guarded(
      [&] { return out ? adopt(CommunicatorOptions::fromEnvironment(), out) : missing("faro_comm_create", "out"); });
}

faro_status faro_comm_create_with(const faro_comm_options *options, faro_comm **out) {
  return guarded([&] {
    if (!out)
      return missing("faro_comm_create_with", "out");
    return adopt(options ? describedBy(*options) : CommunicatorOptions::fromEnvironment(), out);
  });
}

uint32_t faro_comm_rank(const faro_comm *comm) { return comm ? comm->communicator->rank() : 0; }
uint32_t faro_comm_size(const faro_comm *comm) { return comm ? comm->communicator->size() : 0; }
uint32_t faro_comm_nodes(const faro_comm *comm) { return comm ? comm->communicator->topology().nodes() : 0; }
uint32_t faro_comm_node(const faro_comm *comm) {
  return comm ? comm->communicator->topology().nodeOf(comm->communicator->rank()) : 0;
}

faro_status faro_comm_barrier(faro_comm *comm) {
  return guarded([&] { return comm ? comm->communicator->barrier() : missing("faro_comm_barrier", "comm"); });
}

faro_status faro_comm_check(faro_comm *comm) {
  return guarded([&] { return comm ? comm->communicator->check() : missing("faro_comm_check", "comm"); });
}

faro_status faro_comm_abort(faro_comm *comm, uint32_t code, const char *why) {
  return guarded([&]() -> Status {
    if (!comm || !why)
      return missing("faro_comm_abort", comm ? "why" : "comm");
    if (code == FARO_OK || code > FARO_INTERNAL)
      return {FARO_INVALID_ARGUMENT,
              fmt::format("faro_comm_abort: code is {}; expected a faro_status other than FARO_OK", code)};
    comm->communicator->abort({faro_status(code), why});
    return Status::ok();
  });
}

void faro_comm_destroy(faro_comm *comm) { delete comm; }
