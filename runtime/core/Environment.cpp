#include "runtime/core/Environment.h"

#include "runtime/core/Bootstrap.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <unistd.h>

namespace faro {

constexpr uint64_t MaxRanks = 1u << 20; // a bound for typing errors, not for machines

Expected<uint64_t> parseNumber(const char *variable, const char *text, uint64_t min, uint64_t max) {
  uint64_t value = 0;
  const char *end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  if (error != std::errc() || stop != end || value < min || value > max)
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("{}='{}': expected a whole number from {} to {}", variable, text, min, max));
  return value;
}

namespace {
/// The names under which one launcher says the same things.
struct Launcher {
  const char *name;
  const char *rank;
  const char *worldSize;
  const char *localRank;
  const char *ranksPerNode;
  bool atMost = false;       // ranksPerNode is a limit, and may be another job step's
  bool either = false;       // rank or worldSize alone means this launcher, so that a missing one is found out
  const char *node[2] = {};  // the node's number; null: does not say. The first that is set counts
  const char *nodes[2] = {}; // how many nodes; likewise
  const char *jobs[3] = {};  // what tells one job from another on the same machine
};

constexpr Launcher Torchrun = {.name = "torchrun",
                               .rank = "RANK",
                               .worldSize = "WORLD_SIZE",
                               .localRank = "LOCAL_RANK",
                               .ranksPerNode = "LOCAL_WORLD_SIZE",
                               .either = true,
                               .node = {"GROUP_RANK", "NODE_RANK"}};
/// In the order in which they are asked: mpirun inside of a Slurm allocation sees Slurm's variables as well.
constexpr Launcher Launchers[] = {
    {.name = "Open MPI",
     .rank = "OMPI_COMM_WORLD_RANK",
     .worldSize = "OMPI_COMM_WORLD_SIZE",
     .localRank = "OMPI_COMM_WORLD_LOCAL_RANK",
     .ranksPerNode = "OMPI_COMM_WORLD_LOCAL_SIZE",
     .either = true,
     .jobs = {"PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid", "OMPI_MCA_orte_ess_jobid"}},
    {.name = "PMI",
     .rank = "PMI_RANK",
     .worldSize = "PMI_SIZE",
     .localRank = "MPI_LOCALRANKID",
     .ranksPerNode = "MPI_LOCALNRANKS",
     .jobs = {"PMI_JOBID", "PMI_KVSNAME"}},
    {.name = "Slurm", // whose allocations have SLURM_NTASKS outside of its steps, too
     .rank = "SLURM_PROCID",
     .worldSize = "SLURM_NTASKS",
     .localRank = "SLURM_LOCALID",
     .ranksPerNode = "SLURM_NTASKS_PER_NODE",
     .atMost = true,
     .node = {"SLURM_NODEID"},
     .nodes = {"SLURM_STEP_NUM_NODES", "SLURM_NNODES"},
     .jobs = {"SLURM_JOB_ID"}},
};

/// Reads variables and keeps the first error.
class Reader {
public:
  explicit Reader(const Lookup &lookup) : lookup_(lookup) {}

  const char *text(const char *name) const {
    const char *value = name ? lookup_(name) : nullptr;
    return value && *value ? value : nullptr; // an empty variable says nothing
  }
  std::optional<uint64_t> number(const char *name, uint64_t min, uint64_t max) {
    const char *value = text(name);
    if (!value)
      return std::nullopt;
    auto parsed = parseNumber(name, value, min, max);
    if (parsed)
      return *parsed;
    if (status)
      status = parsed.status();
    return std::nullopt;
  }
  /// More than `above`, at most `most`.
  std::optional<double> real(const char *name, const char *what, double above, double most) {
    const char *value = text(name);
    if (!value)
      return std::nullopt;
    double parsed = 0;
    const char *end = value + std::strlen(value);
    const auto [stop, error] = std::from_chars(value, end, parsed);              // whatever the locale
    if (error == std::errc() && stop == end && parsed > above && parsed <= most) // a NaN is neither
      return parsed;
    fail(fmt::format("{}='{}': expected {} more than {:g} and at most {:g}", name, value, what, above, most));
    return std::nullopt;
  }
  void fail(std::string message) {
    if (status)
      status = Status(FARO_INVALID_ARGUMENT, std::move(message));
  }

  Status status;

private:
  const Lookup &lookup_;
};
} // namespace

/// Whether both speak of the same rank of a world of the same size.
static bool saysTheSame(const Reader &reader, const Launcher &one, const Launcher &other) {
  const auto same = [&](const char *a, const char *b) {
    const char *left = reader.text(a), *right = reader.text(b);
    return left && right && std::strcmp(left, right) == 0;
  };
  return same(one.rank, other.rank) && same(one.worldSize, other.worldSize);
}

static const Launcher *findLauncher(const Reader &reader) {
  const auto isThere = [&](const Launcher &launcher) {
    const bool rank = reader.text(launcher.rank), worldSize = reader.text(launcher.worldSize);
    return launcher.either ? rank || worldSize : rank && worldSize;
  };
  if (isThere(Torchrun))
    return &Torchrun;
  const Launcher *found = nullptr;
  for (const Launcher &launcher : Launchers)
    if (isThere(launcher)) {
      // One job may have variables of several (`srun --mpi=pmi2`): those count that say on which node a rank is.
      if (!found || (!found->node[0] && launcher.node[0] && saysTheSame(reader, *found, launcher)))
        found = &launcher;
    }
  return found;
}

static void readPlace(Reader &reader, const Launcher &launcher, CommunicatorOptions &options) {
  for (const char *needed : {launcher.rank, launcher.worldSize})
    if (!reader.text(needed))
      return reader.fail(fmt::format("{} is not set, but {} is; {} sets both", needed,
                                     needed == launcher.rank ? launcher.worldSize : launcher.rank, launcher.name));
  const auto world = reader.number(launcher.worldSize, 1, MaxRanks);
  const auto rank = reader.number(launcher.rank, 0, MaxRanks);
  if (!world || !rank)
    return;
  if (*rank >= *world)
    return reader.fail(
        fmt::format("{}={} is outside of {}={}: ranks count from 0", launcher.rank, *rank, launcher.worldSize, *world));
  options.rank = uint32_t(*rank);
  options.worldSize = uint32_t(*world);

  for (const char *name : launcher.node)
    if (const auto node = reader.number(name, 0, MaxRanks); node && !options.node)
      options.node = uint32_t(*node);
  if (const auto perNode = reader.number(launcher.ranksPerNode, 1, MaxRanks); perNode && launcher.atMost) {
    if (!options.node)
      options.ranksPerNode = uint32_t(std::min(*perNode, *world));
  } else if (perNode) {
    if (*perNode > *world)
      return reader.fail(fmt::format("{}={} is more than {}={}: a node cannot hold more ranks than there are",
                                     launcher.ranksPerNode, *perNode, launcher.worldSize, *world));
    options.ranksPerNode = uint32_t(*perNode);
  }
  const uint32_t perNode = options.ranksPerNode ? options.ranksPerNode : options.worldSize;
  options.localRank = uint32_t(reader.number(launcher.localRank, 0, MaxRanks).value_or(*rank % perNode));
  if (options.localRank >= perNode)
    reader.fail(
        fmt::format("{}={} is outside of the {} ranks of a node", launcher.localRank, options.localRank, perNode));
}

/// Where rank 0 listens when the launcher says nothing of it: the same port on all ranks of a job, another one for
/// another job. Below the range from which systems take ports for outgoing connections (32768 and up on Linux).
static uint16_t derivePort(const Reader &reader, const Launcher &launcher) {
  std::string job;
  for (const char *name : launcher.jobs)
    if (const char *value = reader.text(name)) {
      job = value;
      break;
    }
  // The launcher's own process is the parent of all its ranks on this machine.
  if (job.empty())
    job = fmt::format("parent {}", getppid());
  uint32_t hash = 2166136261u; // FNV-1a
  for (char c : job)
    hash = (hash ^ uint8_t(c)) * 16777619u;
  return uint16_t(20000 + hash % 12000);
}

/// Whether nothing says that there are several nodes.
static bool isOneNode(Reader &reader, const Launcher &launcher, const CommunicatorOptions &options) {
  if (options.worldSize == 1)
    return true;
  if ((options.ranksPerNode && options.ranksPerNode != options.worldSize) || options.node.value_or(0) != 0)
    return false;
  for (const char *name : launcher.nodes)
    if (const auto nodes = reader.number(name, 1, MaxRanks))
      return *nodes == 1;
  return true;
}

static void readMaster(Reader &reader, const Launcher &launcher, CommunicatorOptions &options) {
  const bool oneNode = isOneNode(reader, launcher, options);
  if (const char *address = reader.text("MASTER_ADDR"))
    options.masterAddress = address;
  else if (const char *node = reader.text("SLURM_LAUNCH_NODE_IPADDR"); node && !oneNode)
    options.masterAddress = node;
  else if (!oneNode)
    return reader.fail(
        fmt::format("{} ranks on several nodes, but MASTER_ADDR is not set: set it to an address of rank "
                    "0's node",
                    options.worldSize));

  if (const auto port = reader.number("FARO_MASTER_PORT", 1, 65535)) {
    options.masterPort = uint16_t(*port);
  } else if (const auto masterPort = reader.number("MASTER_PORT", 1, 65535)) {
    // torchrun's agent has its own store on MASTER_PORT; the port beside it is ours.
    const char *agentStore = reader.text("TORCHELASTIC_USE_AGENT_STORE");
    const bool taken = agentStore && std::string_view(agentStore) == "True";
    options.masterPort = uint16_t(!taken ? *masterPort : *masterPort < 65535 ? *masterPort + 1 : *masterPort - 1);
  } else if (&launcher == &Torchrun && options.worldSize > 1) {
    reader.fail(
        fmt::format("WORLD_SIZE={} needs MASTER_PORT: the port at which the ranks meet, the same for all of them",
                    options.worldSize));
  } else {
    options.masterPort = derivePort(reader, launcher);
  }
}

Expected<std::optional<bool>> readSwitch(const char *variable) {
  const char *value = std::getenv(variable);
  if (!value || !*value)
    return std::optional<bool>();
  const auto number = parseNumber(variable, value, 0, 1);
  if (!number)
    return number.status();
  return std::optional<bool>(*number == 1);
}

Expected<CommunicatorOptions> readEnvironment(const Lookup &lookup) {
  Reader reader(lookup);
  CommunicatorOptions options;
  if (const Launcher *launcher = findLauncher(reader)) {
    readPlace(reader, *launcher, options);
    if (reader.status)
      readMaster(reader, *launcher, options);
  }
  if (const auto node = reader.number("FARO_NODE", 0, MaxRanks))
    options.node = uint32_t(*node);
  if (const char *transport = reader.text("FARO_TRANSPORT"))
    options.transport = transport;
  if (const char *secret = reader.text("FARO_JOB_SECRET"))
    options.jobSecret = secret;
  constexpr double LongestSeconds = std::chrono::duration<double>(LongestTimeout).count();
  if (const auto seconds = reader.real("FARO_TIMEOUT", "seconds,", 0, LongestSeconds))
    options.timeout = Nanoseconds(int64_t(std::ceil(*seconds * 1e9)));
  if (const auto nics = reader.real("FARO_NICS", "network cards of this rank,", FewestNics, MostNics))
    options.nics = *nics;
  FARO_RETURN_IF_ERROR(reader.status);
  return options;
}

bool hasLauncher(const Lookup &lookup) { return findLauncher(Reader(lookup)) != nullptr; }

Expected<CommunicatorOptions> CommunicatorOptions::fromEnvironment() {
  return readEnvironment([](const char *name) -> const char * { return std::getenv(name); });
}

} // namespace faro
