#include "runtime/engine/SlotChoice.h"

#include "runtime/device/cuda/DeviceSlots.h"
#include "runtime/device/cuda/PinnedSlots.h"

#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>

namespace faro {

Expected<std::string> slotsFromEnvironment() {
  const char *given = std::getenv("FARO_SLOTS");
  const std::string wanted = given ? given : "";
  if (!wanted.empty() && wanted != "device" && wanted != "pinned")
    return Status(
        FARO_INVALID_ARGUMENT,
        fmt::format("FARO_SLOTS={}: slots lie in the memory of a `device` or in `pinned` host memory; leave it "
                    "out to have this chosen",
                    wanted));
  return wanted;
}

Expected<SlotMaker> chooseSlots(const std::shared_ptr<Communicator> &communicator,
                                std::shared_ptr<const cuda::Device> device, const std::string &wanted) {
  if (wanted == "pinned")
    return cuda::pinSlotsFor(std::move(device));
  // What one rank cannot receive, no other may send.
  const auto reach = cuda::reachOf(communicator, device);
  const std::string why = reach ? "" : reach.status().message();
  Bytes mine(1 + why.size());
  mine[0] = std::byte(reach ? *reach : FARO_DEVICE_NEVER);
  std::copy_n(std::as_bytes(std::span(why)).begin(), why.size(), mine.begin() + 1);
  auto all = communicator->allgather(mine, "reach of the transport");
  if (!all)
    return all.status();
  uint32_t worst = 0;
  for (uint32_t rank = 0; rank < communicator->size(); ++rank) {
    if ((*all)[rank].empty())
      return Status(FARO_DATA_LOSS, fmt::format("rank {} says nothing of its transport's reach", rank));
    if ((*all)[rank][0] < (*all)[worst][0])
      worst = rank;
  }
  const Bytes &said = (*all)[worst];
  const auto least = faro_device_reach(said[0]);
  if (wanted == "device" && least == FARO_DEVICE_NEVER)
    return Status(FARO_UNAVAILABLE,
                  fmt::format("FARO_SLOTS=device, but rank {}'s transport '{}' does not take memory of its device: {}; "
                              "leave FARO_SLOTS out",
                              worst, communicator->transport().name,
                              std::string(reinterpret_cast<const char *>(said.data()) + 1, said.size() - 1)));
  return wanted == "device" || least == FARO_DEVICE_DIRECT ? cuda::slotsOnDevice(communicator, std::move(device))
                                                           : cuda::pinSlotsFor(std::move(device));
}

} // namespace faro
