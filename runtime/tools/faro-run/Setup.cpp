#include "runtime/tools/faro-run/Setup.h"
#include "runtime/tools/faro-run/Interrupts.h"
#include "runtime/tools/faro-run/Say.h"

#include "runtime/plan/Balancer.h"

#include <cctype>
#include <csignal>
#include <filesystem>
#include <fmt/format.h>
#include <unistd.h>

namespace faro::run {

std::string outputPath(const Options &options, uint32_t rank) {
  return (std::filesystem::path(options.output) / fmt::format("rank{}.safetensors", rank)).string();
}

/// What of the run's inputs lies at `path`; null: none.
static const char *inputAt(const std::string &path, const Options &options) {
  namespace fs = std::filesystem;
  std::error_code none;
  if (fs::equivalent(path, options.program, none))
    return "the program";
  const fs::path file(path);
  const std::string name = file.filename().string();
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  return !options.input.empty() && name.starts_with("rank") && name.ends_with(".safetensors") &&
                 fs::equivalent(folder, options.input, none)
             ? "input"
             : nullptr;
}

Status Setup::openReports() {
  for (auto [path, file] : {std::pair(&options.json, &json_), std::pair(&options.trace, &trace_)}) {
    if (path->empty())
      continue;
    if (const char *what = inputAt(*path, options))
      return {FARO_INVALID_ARGUMENT, fmt::format("{}: will not be replaced by a report: it is {}", *path, what)};
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

Status Setup::openFiles(uint32_t begin, uint32_t end, bool checkInputs) {
  if (checkInputs)
    FARO_RETURN_IF_ERROR(inputs->check());
  if (options.output.empty())
    return Status::ok();
  Expected<std::vector<OutputFile>> files = openOutputs(options.output, options.input, begin, end);
  if (!files)
    return files.status();
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

std::string busErrorHint(const Options &options, bool sharesMemory) {
  return fmt::format("{}was a file cut off while it was read ({}the program, a plugin)?",
                     sharesMemory ? "is /dev/shm full (containers often give it 64 MB: docker run --shm-size), or "
                                  : "",
                     options.input.empty() ? "" : "input, ");
}

} // namespace faro::run
