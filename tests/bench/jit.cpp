#include "tests/bench/jit.h"

#include "faro/module.h"
#include "tests/bench/code_cache.h"
#include "tests/bench/spec.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fmt/format.h>
#include <functional>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>

namespace faro::bench {

using nlohmann::json;

static CompileTargets targetsOf(const Options &options, bool allKernels) {
  CompileTargets targets;
  targets.cudaDevice = options.cudaDevice;
  targets.cudaArchitecture = options.cudaArchitecture;
  targets.planning = targets.bulkCopies = targets.residentPushes = targets.host = allKernels;
  return targets;
}

/// What one compilation says.
static json compile(const std::string &text, const CompileTargets &targets) {
  CompileReport report;
  const auto start = std::chrono::steady_clock::now();
  const auto module = Module::compile(text, "faro-bench.mlir", &report, targets);
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
  if (!module) {
    fmt::print(stderr, "faro-bench: compiling the spec: {}\n", module.status().message());
    std::fflush(stderr);
    _exit(1); // a child: the parent sees too little
  }
  const faro_abi_module &abi = (*module)->abi();
  return {{"ms", taken.count()},
          {"ptx_ms", report.ptxMilliseconds},
          {"code_ms", report.codeMilliseconds},
          {"assembler", report.assembler},
          {"architecture", abi.image_count ? abi.images[0].architecture : 0}};
}

/// Runs `work` in a child process and returns what it says, which is short.
static Expected<json> inChild(const std::function<json()> &work) {
  int ends[2];
  if (pipe(ends) != 0)
    return Status(FARO_INTERNAL, fmt::format("pipe: {}", std::strerror(errno)));
  std::fflush(nullptr); // else the child prints what the parent has buffered, too
  const pid_t child = fork();
  if (child < 0)
    return Status(FARO_INTERNAL, fmt::format("fork: {}", std::strerror(errno)));
  if (child == 0) {
    alarm(300); // the parent waits for as long
    const std::string said = work().dump();
    _exit(write(ends[1], said.data(), said.size()) == ssize_t(said.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string said;
  char piece[4096];
  for (ssize_t got; (got = read(ends[0], piece, sizeof piece)) > 0;)
    said.append(piece, size_t(got));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  json parsed = json::parse(said, nullptr, /*allow_exceptions=*/false);
  if (status != 0 || parsed.is_discarded())
    return Status(FARO_INTERNAL, "the process that compiles failed");
  return parsed;
}

/// One figure of each compilation.
static std::vector<double> figures(const json &compilations, const char *figure, size_t first = 0) {
  std::vector<double> values;
  for (size_t c = first; c < compilations.size(); ++c)
    values.push_back(compilations[c][figure]);
  return values;
}

/// The shape asked for, and three others.
static std::vector<std::string> makeSpecs(const Options &options) {
  std::vector<std::string> specs{specText(options)};
  Options other = options;
  other.hidden = options.hidden + 64;
  specs.push_back(specText(other));
  other.topk = std::max(1, options.topk / 2);
  specs.push_back(specText(other));
  other.element = options.element == Element::F16 ? Element::Bf16 : Element::F16;
  specs.push_back(specText(other));
  return specs;
}

Expected<JitTimes> measureJit(const Options &options) {
  const std::vector<std::string> specs = makeSpecs(options);
  CodeCache cache;
  FARO_RETURN_IF_ERROR(cache.create());
  CodeCache::use(cache.path());

  const bool forDevice = options.cudaDevice >= 0 || options.cudaArchitecture > 0;
  const CompileTargets targets = targetsOf(options, /*allKernels=*/false);
  auto rounds = inChild([&] {
    const auto round = [&](const CompileTargets &with) {
      json compilations = json::array();
      for (const std::string &spec : specs)
        compilations.push_back(compile(spec, with));
      return compilations;
    };
    json all = json::array({round(targets), round(targets)});
    if (forDevice)
      all.push_back(round(targetsOf(options, /*allKernels=*/true)));
    return all;
  });
  if (!rounds)
    return rounds.status();
  auto again = inChild([&] { return compile(specs[0], targets); });
  if (!again)
    return again.status();

  const json &fresh = (*rounds)[0];
  JitTimes times;
  times.first = fresh[0]["ms"];
  times.next = figures(fresh, "ms", 1);
  times.cached = figures((*rounds)[1], "ms");
  times.cachedNewProcess = (*again)["ms"];
  if (forDevice)
    times.device = JitForDevice{fresh[0]["architecture"], fresh[0]["assembler"], figures(fresh, "ptx_ms", 1),
                                figures(fresh, "code_ms", 1), figures((*rounds)[2], "ms")};
  return times;
}

} // namespace faro::bench
