#include "plugins/ucx/Context.h"

#include "plugins/ucx/DeviceMemory.h"
#include "plugins/ucx/SettingName.h"
#include "plugins/ucx/UcsStatus.h"
#include "plugins/ucx/Version.h"
#include "plugins/ucx/WireTransports.h"

#include <cstdlib>
#include <fmt/format.h>
#include <sys/shm.h>

namespace faro::ucx {

namespace {
struct Setting {
  const char *name; // UCX_<family><name> in the environment
  const char *value;
  const char *family = ""; // of transports, whose setting it is
};

// What the environment says wins over each of these.

/// On the node. Shared memory gives rkey_ptr: System V's, whose segments are marked for removal as soon as they exist,
/// where a file in /dev/shm (posix) has a name until UCX has filled it, and would stay if the rank were killed
/// meanwhile; nor does a container's limit on /dev/shm apply to them. Shared memory alone cannot tell when a peer dies
/// and refuses endpoints with error handling; tcp can, and carries the messages. Not cma: UCX would prefer it for puts,
/// which it makes slower.
constexpr Setting NodeTransports = {"TLS", "sysv,tcp,self"};
/// Where a container, or a limit of it, leaves no segment of System V's.
constexpr Setting NodeTransportsWithFiles = {"TLS", "posix,tcp,self"};

/// Shared memory would take 4 MiB per rank for messages that go over tcp anyway. Only with our transports: UCX warns of
/// settings for transports that are not there.
constexpr Setting SmallQueues[] = {{"MM_RX_BUFS_GROW", "64"}, {"MM_SEG_SIZE", "1024"}};

/// On one machine the kernel says when a peer is gone, and probes are no news. They do harm: 512 ranks probe a quarter
/// of a million connections every few seconds, all at once, which is more than the loopback device queues. What it
/// drops counts as a peer that is silent, and connects again, of which UCX 1.13 dies (an assertion in tcp_cm.c,
/// stale_fd).
constexpr Setting NoProbes = {"KEEPIDLE", "inf", "TCP_"};

/// Where ucp_mem_map takes memory from: see NodeTransports, of which the user may have chosen others. Private pages,
/// which peers cannot map, last. All of these come zeroed, UCX's other allocators do not.
constexpr Setting Allocators = {"ALLOC_PRIO", "md:sysv,md:posix,mmap"};

/// What goes over tcp in several pieces is copied into UCX's segments first: where UCX 1.13 lets the socket take them
/// from where they lie, a peer that dies meanwhile is not an error but an assertion (uct_iface.h, comp->count): the
/// call that fails completes the slice, after it has told of the failure, which has completed it, too. A slice of one
/// piece UCX sends as a short message, without a copy or a completion. The copy is worth 6 % of a dispatch between
/// nodes where nothing but cores limits the wire (docs/performance-avx2.md), and nothing on a slower one.
constexpr Setting TcpCopies = {"ZCOPY_THRESH", "inf"};

/// A wire of tcp alone. Slices go eagerly: a rendezvous over tcp waits for its answer and then copies no less, and so
/// does a put. What fits into a segment is copied from there to its place, what is longer UCX puts together first, a
/// copy more; so slices go in parts of 256 KiB, and segments have room for these and their headers.
constexpr uint64_t TcpPart = uint64_t(256) << 10;
constexpr Setting TcpWire[] = {
    {"RNDV_THRESH", "inf"}, {"TX_SEG_SIZE", "264k", "TCP_"}, {"RX_SEG_SIZE", "264k", "TCP_"}};

struct ConfigRelease {
  void operator()(ucp_config_t *config) const { ucp_config_release(config); }
};
} // namespace

static bool isSetByUser(const Setting &setting) {
  return std::getenv(fmt::format("UCX_{}{}", setting.family, setting.name).c_str()) != nullptr;
}

static Status apply(ucp_config_t *config, const Setting &setting) {
  if (isSetByUser(setting))
    return Status::ok();
  const std::string name = settingName(setting.family, setting.name);
  const ucs_status_t status = ucp_config_modify(config, name.c_str(), setting.value);
  return status == UCS_OK ? Status::ok() : toStatus(status, fmt::format("setting UCX's {} to {}", name, setting.value));
}

static bool hasSystemV() {
  constexpr size_t Bytes = 4096;
  const int segment = ::shmget(IPC_PRIVATE, Bytes, IPC_CREAT | 0600);
  return segment >= 0 && ::shmctl(segment, IPC_RMID, nullptr) == 0;
}

static Status configureNode(ucp_config_t *config) {
  FARO_RETURN_IF_ERROR(apply(config, hasSystemV() ? NodeTransports : NodeTransportsWithFiles));
  if (!isSetByUser(NodeTransports)) {
    for (const Setting &setting : SmallQueues)
      FARO_RETURN_IF_ERROR(apply(config, setting));
    FARO_RETURN_IF_ERROR(apply(config, NoProbes));
  }
  FARO_RETURN_IF_ERROR(apply(config, TcpCopies));
  return apply(config, Allocators);
}

Status Context::configureWire(ucp_config_t *config, bool loopbackOnly, Wire &wire) {
  const char *chosen = std::getenv("UCX_TLS");
  const auto transports = wireTransports(chosen);
  if (!transports)
    return Status(FARO_UNAVAILABLE, fmt::format("UCX_TLS={} names shared memory only, but there are ranks on other "
                                                "nodes: add tcp or what your network has",
                                                chosen));
  // Even where the user has set it: this is the user's own list, less what must not be in it.
  if (ucs_status_t status = ucp_config_modify(config, "TLS", transports->c_str()); status != UCS_OK)
    return toStatus(status, fmt::format("setting UCX's TLS to {}", *transports));
  wire.onlyTcp = isOnlyTcp(*transports, loopbackOnly);
  if (!wire.onlyTcp)
    return Status::ok();
  FARO_RETURN_IF_ERROR(apply(config, TcpCopies));
  for (const Setting &setting : TcpWire)
    FARO_RETURN_IF_ERROR(apply(config, setting));
  if (loopbackOnly)
    FARO_RETURN_IF_ERROR(apply(config, NoProbes));
  // With the user's own threshold parts would be so many rendezvous.
  if (!isSetByUser(TcpWire[0]))
    wire.partBytes = TcpPart;
  return Status::ok();
}

Expected<std::shared_ptr<Context>> Context::create(Reach reach, uint32_t worldSize, bool loopbackOnly) {
  FARO_RETURN_IF_ERROR(checkVersion());
  ucp_config_t *raw = nullptr;
  if (ucs_status_t status = ucp_config_read(nullptr, nullptr, &raw); status != UCS_OK)
    return toStatus(status, "reading UCX's configuration (the UCX_* variables)");
  const std::unique_ptr<ucp_config_t, ConfigRelease> config(raw);
  Wire wire;
  FARO_RETURN_IF_ERROR(reach == Reach::Node ? configureNode(config.get())
                                            : configureWire(config.get(), loopbackOnly, wire));
  if (loopbackOnly)
    FARO_RETURN_IF_ERROR(apply(config.get(), {"NET_DEVICES", "lo"}));

  ucp_params_t params{};
  params.field_mask = UCP_PARAM_FIELD_FEATURES | UCP_PARAM_FIELD_ESTIMATED_NUM_EPS | UCP_PARAM_FIELD_NAME;
  params.features = UCP_FEATURE_RMA | UCP_FEATURE_AM | UCP_FEATURE_WAKEUP;
  params.estimated_num_eps = worldSize;
  params.name = "faro";
  ucp_context_h handle = nullptr;
  if (ucs_status_t status = ucp_init(&params, config.get(), &handle); status != UCS_OK)
    return toStatus(status, "opening UCX (is UCX_TLS or UCX_NET_DEVICES set to something this machine does not have?)");
  // Within a node slices have no business with devices: its transports leave these out.
  const auto deviceReach = reach == Reach::Node ? FARO_DEVICE_NEVER : deviceReachOf(handle, wire.onlyTcp);
  return std::shared_ptr<Context>(new Context(handle, isSetByUser(Allocators), wire, deviceReach));
}

Context::~Context() { ucp_cleanup(handle_); }

} // namespace faro::ucx
