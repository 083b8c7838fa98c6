#include "plugins/ucx/WireTransports.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <sstream>
#include <string_view>
#include <system_error>
#include <vector>

namespace faro::ucx {

/// What needs memory or a kernel in common, and UCX's names for several of these. cuda_ipc: a device's memory, by the
/// driver's handles.
constexpr std::string_view SharedMemory[] = {"posix", "sysv", "cma", "knem", "xpmem", "cuda_ipc"};
constexpr std::string_view SharedMemoryGroups[] = {"sm", "shm", "mm"};
/// These carry nothing anywhere: with them UCX reaches a device's memory. And its name for all that has to do with one.
constexpr std::string_view DeviceCopies[] = {"cuda_copy", "gdr_copy"};
constexpr std::string_view DeviceGroup = "cuda";

template <size_t N> static bool isOneOf(const std::string_view (&names)[N], const std::string &name) {
  return std::ranges::find(names, name) != std::end(names);
}
static bool isSharedMemory(const std::string &name) {
  return isOneOf(SharedMemory, name) || isOneOf(SharedMemoryGroups, name);
}
static bool isDeviceCopy(const std::string &name) { return isOneOf(DeviceCopies, name); }

static std::vector<std::string> split(const std::string &list) {
  std::vector<std::string> names;
  std::istringstream text(list);
  for (std::string name; std::getline(text, name, ',');)
    if (!name.empty())
      names.push_back(name);
  return names;
}

static std::string join(const std::vector<std::string> &names) {
  std::string list;
  for (const std::string &name : names)
    list += (list.empty() ? "" : ",") + name;
  return list;
}

std::optional<std::string> wireTransports(const char *chosen) {
  // Everything that is not shared memory: on a cluster its InfiniBand, elsewhere tcp.
  const std::string list = chosen && *chosen ? chosen : "all";
  const bool excludes = list.starts_with('^');
  std::vector<std::string> names = split(excludes ? list.substr(1) : list);
  if (!excludes && std::ranges::find(names, "all") == names.end()) {
    std::erase_if(names, isSharedMemory);
    if (std::erase(names, DeviceGroup))
      names.insert(names.end(), std::begin(DeviceCopies), std::end(DeviceCopies));
    return std::ranges::all_of(names, isDeviceCopy) ? std::nullopt : std::optional(join(names));
  }
  if (!excludes)
    names.clear();
  for (const std::string_view name : SharedMemory)
    if (std::ranges::find(names, name) == names.end())
      names.emplace_back(name);
  return "^" + join(names);
}

bool isOnlyTcp(const std::string &transports, bool loopbackOnly) {
  if (loopbackOnly)
    return true;
  const auto addsNothing = [](const auto &name) { return name == "tcp" || name == "self" || isDeviceCopy(name); };
  if (const auto names = split(transports); !transports.starts_with('^') && std::ranges::all_of(names, addsNothing))
    return true;
  std::error_code error;
  const std::filesystem::directory_iterator devices("/sys/class/infiniband", error);
  return error || devices == std::filesystem::directory_iterator();
}

} // namespace faro::ucx
