#include "runtime/tools/faro-run/Job.h"
#include "runtime/plan/PlanHash.h"
#include "runtime/tools/faro-run/Options.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace faro::run {

namespace {

// Specs are text that people write; what is larger is something else.
constexpr off_t MaxSpecBytes = off_t(64) << 20;

/// The whole file if it is a spec; only its first bytes if it is an ELF file.
Expected<std::string> readProgram(const std::string &path, bool &isLibrary) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0)
    return Status(errno == ENOENT ? FARO_NOT_FOUND : FARO_PERMISSION_DENIED,
                  fmt::format("{}: cannot open the program: {}", path, std::strerror(errno)));
  struct Close {
    int fd;
    ~Close() { ::close(fd); }
  } closeAtEnd{fd};
  struct stat info{};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("{}: is no regular file, expected a spec or a shared library", path));
  std::string text;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return Status(FARO_UNAVAILABLE, fmt::format("{}: cannot read the program: {}", path, std::strerror(errno)));
    text.append(buffer, size_t(got));
    isLibrary = text.compare(0, 4, "\177ELF") == 0;
    if (got == 0 || isLibrary)
      return text;
    if (off_t(text.size()) > MaxSpecBytes)
      return Status(FARO_INVALID_ARGUMENT, fmt::format("{}: is no shared library, and larger than any spec ({} MB)",
                                                       path, info.st_size >> 20));
  }
}

std::string orderName(const layout::Order &order) {
  std::string names;
  for (layout::Key key : order.keys())
    names += (names.empty() ? "" : ", ") + std::string(layout::keyName(key));
  return names;
}

std::string sizeName(uint32_t size) { return size ? std::to_string(size) : "?"; }

std::string plural(uint32_t n, const char *what) { return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s"); }

/// "2 nodes x 4 ranks", or "2 nodes of 3 and 2 ranks" where they differ.
std::string topologyName(const Topology &topology) {
  const std::string nodes = plural(topology.nodes(), "node");
  if (topology.regular())
    return fmt::format("{} x {}", nodes, plural(topology.ranks() / topology.nodes(), "rank"));
  return fmt::format("{} of {} ranks", nodes, nodeSizes(topology));
}

/// What to do for a mesh of so many nodes, and ranks on all of them together.
std::string adviceFor(uint32_t nodes, uint64_t ranks, bool saysRanks) {
  if (ranks > MostRanks)
    return fmt::format("which takes {} ranks, more than the {} that faro-run starts;", ranks, MostRanks);
  return fmt::format("give {}--nodes {}, or", saysRanks ? fmt::format("--ranks {} ", ranks) : "", nodes);
}

/// The mesh may leave both sizes open, or must name this job's.
Status checkMesh(const faro_abi_mesh &mesh, const std::string &path, const Topology &topology) {
  bool fits = mesh.nodes == 0 || mesh.nodes == topology.nodes();
  for (uint32_t node = 0; node < topology.nodes(); ++node)
    fits = fits && (mesh.ranks_per_node == 0 || mesh.ranks_per_node == topology.ranksOf(node).size());
  if (fits)
    return Status::ok();
  const uint32_t nodes = mesh.nodes ? mesh.nodes : topology.nodes();
  const uint64_t ranks =
      mesh.ranks_per_node ? uint64_t(nodes) * mesh.ranks_per_node : std::max(nodes, topology.ranks());
  const std::string advice = adviceFor(nodes, ranks, mesh.ranks_per_node || ranks != topology.ranks());
  return {
      FARO_INVALID_ARGUMENT,
      fmt::format("{}: the program is for a mesh of {} nodes x {} ranks per node, but this job has {}; {} leave the "
                  "mesh open with ?",
                  path, sizeName(mesh.nodes), sizeName(mesh.ranks_per_node), topologyName(topology), advice)};
}

} // namespace

std::string nodeSizes(const Topology &topology) {
  if (topology.regular())
    return std::to_string(topology.ranks() / topology.nodes());
  std::string sizes;
  for (uint32_t node = 0; node < topology.nodes(); ++node) {
    const char *before = node == 0 ? "" : node + 1 < topology.nodes() ? ", " : " and ";
    sizes += before + std::to_string(topology.ranksOf(node).size());
  }
  return sizes;
}

std::string Job::describe() const {
  const faro_abi_program &program = *dispatch;
  return fmt::format("{}, {} x {}, top-{} of {} experts, order [{}], align {}",
                     combine ? "dispatch + combine" : "dispatch", program.row.columns, elementName(program.row.element),
                     program.routes.topk, program.routes.experts, orderName(reference.layout.order),
                     reference.layout.align);
}

std::string Job::describeModule() const {
  if (compiled)
    return fmt::format("{} in {:.1f} ms ({:.1f} ms with loading the compiler), kernels for {}",
                       fromCache ? "compiled by an earlier run, found in the cache" : "compiled just in time",
                       compileMs, loadMs, module->kernels().target);
  return fmt::format("{}, loaded in {:.1f} ms, kernels for {}", module->name(), loadMs, module->kernels().target);
}

/// Of several nobody could say which to run.
static Status onlyOne(const Status &status) {
  return status.code() == FARO_INVALID_ARGUMENT
             ? Status(status.code(),
                      status.message() + ", and faro-run has no option for that: give it a module of one")
             : status;
}

Expected<Job> makeJob(std::shared_ptr<const Module> module, const std::string &path, const Topology &topology) {
  Job job;
  job.module = std::move(module);
  job.topology = topology;
  const uint32_t ranks = topology.ranks();
  Expected<const faro_abi_program *> dispatch = job.module->only(FARO_ABI_DISPATCH);
  if (!dispatch)
    return onlyOne(dispatch.status());
  job.dispatch = *dispatch;
  Expected<const faro_abi_program *> combine = job.module->only(FARO_ABI_COMBINE);
  if (combine)
    job.combine = *combine;
  else if (combine.status().code() != FARO_NOT_FOUND)
    return onlyOne(combine.status());

  FARO_RETURN_IF_ERROR(checkMesh(job.module->abi().mesh, path, topology));
  job.reference = reference::fromAbi(*job.dispatch);
  if (!job.reference.placement.fits(ranks))
    return Status(
        FARO_INVALID_ARGUMENT,
        fmt::format("{}: the placement table names ranks that {} ranks do not have; give more --ranks", path, ranks));
  if (job.combine) {
    job.combineReference = reference::fromAbi(*job.combine);
    if (!sameShuffle(*job.combine, *job.dispatch))
      return Status(
          FARO_INVALID_ARGUMENT,
          fmt::format("{}: '{}' and '{}' differ in row, its stride, layout or routes; a combine needs what the "
                      "dispatch left",
                      path, job.dispatch->name, job.combine->name));
  }
  return job;
}

Expected<Job> loadJob(const std::string &path, const Topology &topology, const CompileTargets &targets) {
  bool isLibrary = false;
  Expected<std::string> text = readProgram(path, isLibrary);
  if (!text)
    return text.status();
  if (isLibrary && targets.wire)
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("{}: --wire chooses the slices of a spec; a module has its own, by faroc --wire", path));
  const auto begin = std::chrono::steady_clock::now();
  CompileReport report;
  Expected<std::shared_ptr<const Module>> module =
      isLibrary ? Module::load(path) : Module::compile(*text, path, &report, targets);
  if (!module)
    return module.status();
  const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - begin;
  Expected<Job> job = makeJob(std::move(*module), path, topology);
  if (job) {
    job->compiled = !isLibrary;
    job->fromCache = !isLibrary && report.fromCache;
    job->compileMs = report.milliseconds;
    job->loadMs = elapsed.count();
  }
  return job;
}

} // namespace faro::run
