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
#include <sys/wait.h>
#include <unistd.h>

namespace faro::bench {

static double compileMs(const std::string &text) {
  const auto start = std::chrono::steady_clock::now();
  const auto module = Module::compile(text, "faro-bench.mlir");
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
  if (!module) {
    fmt::print(stderr, "faro-bench: compiling the spec: {}\n", module.status().message());
    std::fflush(stderr);
    _exit(1); // a child: the parent sees too few numbers
  }
  return taken.count();
}

/// Runs `work` in a child process and returns the numbers it gives.
static Expected<std::vector<double>> inChild(size_t count, const std::function<std::vector<double>()> &work) {
  int ends[2];
  if (pipe(ends) != 0)
    return Status(FARO_INTERNAL, fmt::format("pipe: {}", std::strerror(errno)));
  std::fflush(nullptr); // else the child prints what the parent has buffered, too
  const pid_t child = fork();
  if (child < 0)
    return Status(FARO_INTERNAL, fmt::format("fork: {}", std::strerror(errno)));
  if (child == 0) {
    alarm(300); // the parent waits for as long
    const std::vector<double> numbers = work();
    const size_t bytes = numbers.size() * sizeof(double); // far below PIPE_BUF: one write
    _exit(write(ends[1], numbers.data(), bytes) == ssize_t(bytes) ? 0 : 1);
  }
  close(ends[1]);
  std::vector<double> numbers(count);
  const ssize_t got = read(ends[0], numbers.data(), count * sizeof(double));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0 || got != ssize_t(count * sizeof(double)))
    return Status(FARO_INTERNAL, "the process that compiles failed");
  return numbers;
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

  auto twice = inChild(2 * specs.size(), [&] {
    std::vector<double> times;
    for (int round = 0; round < 2; ++round)
      for (const std::string &spec : specs)
        times.push_back(compileMs(spec));
    return times;
  });
  if (!twice)
    return twice.status();
  auto again = inChild(1, [&] { return std::vector<double>{compileMs(specs[0])}; });
  if (!again)
    return again.status();

  JitTimes times;
  times.first = (*twice)[0];
  times.next.assign(twice->begin() + 1, twice->begin() + ptrdiff_t(specs.size()));
  times.cached.assign(twice->begin() + ptrdiff_t(specs.size()), twice->end());
  times.cachedNewProcess = again->front();
  return times;
}

} // namespace faro::bench
