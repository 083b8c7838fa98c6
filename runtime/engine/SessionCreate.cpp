// What all ranks must agree on before there is a session.
#include "runtime/core/Environment.h"
#include "runtime/core/ModuleTerms.h"
#include "runtime/core/SharedView.h"
#include "runtime/device/cuda/SessionDevice.h"
#include "runtime/engine/SessionImpl.h"
#include "runtime/engine/SlotChoice.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>

namespace faro {

/// All ranks must run the same module: a rank with another one would read other meanings into the same flags. And what
/// is decided alike without talking must be decided in the same way.
static Status agree(Communicator &communicator, const Module &module, bool onDevice, const std::string &slots) {
  const char *name = std::getenv("FARO_BALANCER");
  constexpr size_t SpecBytes = sizeof module.abi().spec_sha256, HashBytes = SpecBytes + sizeof(Digest);
  const Digest terms = termsOf(module.abi());
  Bytes mine(HashBytes);
  std::memcpy(mine.data(), module.abi().spec_sha256, SpecBytes);
  std::memcpy(mine.data() + SpecBytes, terms.data(), sizeof terms);
  const std::string settings = fmt::format("FARO_BALANCER={}, FARO_CHECK={}, FARO_SLOTS={}, rows on {}",
                                           name ? name : "", readSwitch(CheckSetting) ? checksPlans() ? "1" : "0" : "?",
                                           slots, onDevice ? "a CUDA device" : "the host");
  const auto words = std::as_bytes(std::span(settings));
  mine.insert(mine.end(), words.begin(), words.end());
  auto all = communicator.allgather(mine, "spec of the module");
  if (!all)
    return all.status();
  for (uint32_t rank = 0; rank < communicator.size(); ++rank) {
    const Bytes &theirs = (*all)[rank];
    if (theirs.size() < HashBytes || !std::equal(mine.begin(), mine.begin() + SpecBytes, theirs.begin()))
      return {FARO_INVALID_ARGUMENT, fmt::format("rank {} has a module made from another spec than rank {}'s ({})",
                                                 rank, communicator.rank(), module.name())};
    if (!std::equal(mine.begin(), mine.begin() + HashBytes, theirs.begin()))
      return {FARO_INVALID_ARGUMENT,
              fmt::format("rank {} has a module with other schedules of the same spec than rank {}'s ({}): use one "
                          "file, or compile with the same faroc and the same --wire",
                          rank, communicator.rank(), module.name())};
    if (theirs != mine)
      return {
          FARO_INVALID_ARGUMENT,
          fmt::format("rank {} runs with {}, rank {} with {}; they must be the same on all ranks", rank,
                      std::string(reinterpret_cast<const char *>(theirs.data()) + HashBytes, theirs.size() - HashBytes),
                      communicator.rank(), settings)};
  }
  return Status::ok();
}

static Status checkKernels(const Communicator &communicator, const Module &module, bool onDevice) {
  if (onDevice || module.kernels().level != FARO_ABI_CPU_NONE)
    return Status::ok();
  return Status(FARO_UNAVAILABLE,
                fmt::format("rank {}: {} holds kernels for CUDA devices only, and this session's rows are in host "
                            "memory; give its device (cudaDevice), or compile for the host, too "
                            "(CompileTargets::host, faro_compile_targets.host)",
                            communicator.rank(), module.name()));
}

Expected<std::unique_ptr<Session>> Session::create(std::shared_ptr<Communicator> communicator,
                                                   std::shared_ptr<const Module> module,
                                                   const SessionOptions &options) {
  return SessionImpl::create(std::move(communicator), std::move(module), options);
}

Expected<std::unique_ptr<Session>> SessionImpl::create(std::shared_ptr<Communicator> communicator,
                                                       std::shared_ptr<const Module> module,
                                                       const SessionOptions &options) {
  if (!communicator || !module)
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("Session::create: {} is null", communicator ? "module" : "communicator"));
  /// What this rank alone may find: the others have to be told.
  const auto mine = [&](const Status &status) {
    communicator->abort(status);
    return status;
  };
  if (options.cudaDevice < -1)
    return mine({FARO_INVALID_ARGUMENT,
                 fmt::format("rank {}: a session on CUDA device {}; expected its number, or -1 for the host",
                             communicator->rank(), options.cudaDevice)});
  const bool onDevice = options.cudaDevice >= 0;
  const auto slots = slotsFromEnvironment();
  FARO_RETURN_IF_ERROR(agree(*communicator, *module, onDevice, slots ? *slots : "?"));
  // Others may have been compiled for more.
  if (const Status status = checkKernels(*communicator, *module, onDevice); !status)
    return mine(status);
  for (const Status &status :
       {readSwitch(SharedView::Setting).status(), cuda::residentPushesFromEnvironment().status()})
    if (!status)
      return mine({status.code(), fmt::format("rank {}: {}", communicator->rank(), status.message())});
  // From here to the device every rank finds the same, so nobody needs to be told.
  FARO_RETURN_IF_ERROR(checkMesh(*module, communicator->topology()));
  auto balancer = balancerFromEnvironment();
  if (!balancer)
    return balancer.status();
  FARO_RETURN_IF_ERROR(readSwitch(CheckSetting).status());
  if (!slots)
    return slots.status();
  ExpertMaps experts;
  uint32_t mostExperts = 0;
  for (uint32_t p = 0; p < module->abi().program_count; ++p) {
    const faro_abi_program &program = module->abi().programs[p];
    auto map = makeExpertMap(program.routes, communicator->size());
    if (!map)
      return Status(map.status().code(),
                    fmt::format("{}: program {}: {}", module->name(), program.name, map.status().message()));
    mostExperts = std::max(mostExperts, map->experts());
    experts.emplace(&program, std::move(*map));
  }
  std::optional<cuda::InContext> current;
  std::unique_ptr<cuda::SessionDevice> device;
  if (onDevice) {
    auto made = cuda::SessionDevice::create(options, module);
    if (!made)
      return mine({made.status().code(), fmt::format("rank {}: {}", communicator->rank(), made.status().message())});
    device = std::move(*made);
    current.emplace(*device->device);
    if (!current->status())
      return mine(current->status());
  }
  Expected<SlotMaker> maker = SlotMaker();
  if (device && pathOn(communicator->topology()) == FARO_ABI_HIERARCHICAL)
    maker = chooseSlots(communicator, device->device, *slots);
  if (!maker)
    return maker.status(); // of all ranks
  auto exchanges = SessionExchanges::create(communicator, module, mostExperts, *maker);
  if (!exchanges)
    return mine(exchanges.status());
  return std::unique_ptr<Session>(new SessionImpl(std::move(communicator), std::move(module), findBalancer(*balancer),
                                                  std::move(experts), std::move(*exchanges), std::move(device),
                                                  options.onStage));
}

} // namespace faro
