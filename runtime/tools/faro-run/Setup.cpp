#include "runtime/tools/faro-run/Setup.h"
#include "runtime/tools/faro-run/Interrupts.h"
#include "runtime/tools/faro-run/Places.h"
#include "runtime/tools/faro-run/Say.h"

#include "runtime/device/cuda/SessionDevice.h"
#include "runtime/plan/Balancer.h"

#include <cctype>
#include <csignal>
#include <filesystem>
#include <fmt/format.h>
#include <tuple>
#include <unistd.h>

namespace faro::run {

/// A report may lie in the folder that --output creates, or in one above that.
static Status makeFolderOf(const std::string &report, const std::string &output) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path folder = fs::path(report).parent_path();
  if (output.empty() || folder.empty() || fs::exists(folder, error))
    return Status::ok();
  const auto whole = [&](const fs::path &path) { return fs::weakly_canonical(fs::absolute(path, error), error); };
  const fs::path below = whole(rankFile(output, 0)).lexically_relative(whole(folder));
  return below.empty() || *below.begin() == ".." ? Status::ok() : makeFolder(folder.string());
}

Status Setup::openReports(uint32_t ranks) {
  for (const std::string *path : {&options.json, &options.trace})
    FARO_RETURN_IF_ERROR(makeFolderOf(*path, options.output));
  Places places(options, ranks);
  (void)places.takeOutputs(); // what is wrong with these, the JSON tells of (openFiles)
  const Status trace = places.takeReport(options.trace);
  FARO_RETURN_IF_ERROR(places.takeReport(options.json));
  for (auto [path, file, taken] :
       {std::tuple(&options.json, &json_, Status::ok()), std::tuple(&options.trace, &trace_, trace)}) {
    if (path->empty())
      continue;
    FARO_RETURN_IF_ERROR(taken);
    Expected<TextFile> opened = TextFile::open(*path);
    if (!opened)
      return opened.status();
    file->emplace(std::move(*opened));
  }
  return Status::ok();
}

Status Setup::load(const Topology &topology) {
  CompileTargets targets;
  targets.cudaDevice = options.cudaDevice;
  targets.planning = options.planOnDevice;
  if (options.cudaDevice >= 0) {
    const Expected<bool> resident = cuda::residentPushesFromEnvironment();
    if (!resident)
      return resident.status();
    targets.residentPushes = *resident;
  }
  targets.wire = options.wire;
  Expected<Job> loaded = loadJob(options.program, topology, targets);
  if (!loaded) {
    const std::string &message = loaded.status().message(), place = options.program + ":";
    compileError_ = message.rfind(place, 0) == 0 && message.size() > place.size() &&
                    std::isdigit(static_cast<unsigned char>(message[place.size()]));
    return loaded.status();
  }
  job = std::move(*loaded);
  if (topology.nodes() > 1) {
    const Expected<std::string_view> name = balancerFromEnvironment();
    if (!name)
      return name.status();
    balancer = *name;
  }
  InputShape shape;
  shape.program = job.reference;
  shape.topology = topology;
  shape.needsWeights = job.combine != nullptr;
  inputs = options.input.empty() ? generatedInputs(options.tokens, options.routing, options.seed, shape)
                                 : fileInputs(options.input, shape);
  return Status::ok();
}

Status Setup::openFiles(uint32_t begin, uint32_t end, bool checkAll) {
  if (checkAll)
    FARO_RETURN_IF_ERROR(inputs->check());
  if (options.output.empty())
    return Status::ok();
  Expected<std::vector<OutputFile>> files = openOutputs(options.output, options.input, begin, end);
  if (!files)
    return files.status();
  if (checkAll)
    FARO_RETURN_IF_ERROR(Places(options, job.ranks()).takeOutputs());
  outputs = std::move(*files);
  return Status::ok();
}

int Setup::succeed(const std::vector<RankResult> &results, const std::string &transport) {
  const std::lock_guard lock(ending_);
  const bool same = figuresOf(job, results).findings.differences == 0;
  if (same)
    if (Status status = commitOutputs(outputs); !status)
      return fail(status);
  const int exitStatus = report(results, transport);
  if (same && exitStatus != 0)
    revokeOutputs(outputs);
  ended_ = exitStatus;
  return exitStatus;
}

int Setup::report(const std::vector<RankResult> &results, const std::string &transport) {
  const Figures figures = figuresOf(job, results);
  const RunFacts facts{options, job, inputs->describe(), transport, balancer};
  if (trace_)
    if (Status status = trace_->commit(formatTrace(job.topology, results)); !status)
      return fail(status);
  if (Status status = writeJson(formatJson(facts, figures, results)); !status)
    return fail(status);
  // Last: it says what there is.
  const std::string table = formatTable(facts, figures);
  if (std::fwrite(table.data(), 1, table.size(), stdout) != table.size() || std::fflush(stdout) != 0) {
    if (!options.json.empty())
      if (Expected<TextFile> again = TextFile::open(options.json))
        json_.emplace(std::move(*again));
    return fail(Status(FARO_UNAVAILABLE, "cannot write the table to standard output"));
  }
  if (figures.findings.differences) {
    say("faro-run: {}{}\n", figures.findings.first(), options.output.empty() ? "" : "; no output was written");
    return 1;
  }
  return 0;
}

/// The first text counts.
Status Setup::writeJson(const std::string &text) const {
  const std::lock_guard lock(jsonMutex_);
  if (!json_)
    return Status::ok();
  const Status status = json_->commit(text);
  json_.reset();
  return status;
}

int Setup::fail(const Status &status, int exitStatus) const {
  const std::lock_guard lock(ending_);
  ended_ = exitStatus;
  say("{}{}\n", compileError_ ? "" : "faro-run: ", status.message());
  if (Status written = writeJson(formatFailureJson(options, status)); !written)
    say("faro-run: {}\n", written.message());
  return exitStatus;
}

void Setup::endBy(int signal, bool speaks) const {
  // Never let go: nobody says anything after this.
  ending_.lock();
  if (!ended_) {
    std::string message = "ended by " + signalName(signal);
    if (signal == SIGBUS)
      message += "; " + busErrorHint(options, /*sharesMemory=*/!options.ranks);
    ended_ = signal == SIGBUS ? 1 : 128 + signal;
    if (speaks)
      fail({FARO_ABORTED, message}, *ended_);
  }
  removeTemporaries();
  ::_exit(*ended_);
}

void printNotes(const Options &options, uint32_t ranks) {
  if (!options.input.empty() && (options.tokensGiven || options.routingGiven || options.seedGiven))
    say("faro-run: note: --tokens, --routing and --seed make input up; the input comes from {}\n", options.input);
  const auto next = [&](const std::string &folder) {
    const std::string path = rankFile(folder, ranks);
    std::error_code error;
    return !folder.empty() && std::filesystem::exists(path, error) ? path : std::string();
  };
  if (const std::string more = next(options.input); !more.empty())
    say("faro-run: note: {} is not read: there are {} ranks\n", more, ranks);
  if (const std::string old = next(options.output); !old.empty())
    say("faro-run: note: {} is there from an earlier run, and stays as it is: there are {} ranks\n", old, ranks);
}

std::string busErrorHint(const Options &options, bool sharesMemory) {
  return fmt::format("{}was a file cut off while it was read ({}the program, a plugin)?",
                     sharesMemory ? "is /dev/shm full (containers often give it 64 MB: docker run --shm-size), or "
                                  : "",
                     options.input.empty() ? "" : "input, ");
}

} // namespace faro::run
