// Feeds a target with files, and with what becomes of them: for compilers without libFuzzer, and the same inputs on
// every machine.
//   TARGET [--runs N] [--seed S] [--only I] FILE|FOLDER...
// Mutant I is a function of the files, S and I. What crashes, fails a sanitizer or takes 30 seconds is named by its S
// and I.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <unistd.h>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*)());

namespace {

constexpr unsigned Patience = 30; // seconds, for one input
constexpr size_t MostBytes = 1 << 16;

uint64_t seed = 1;
volatile uint64_t at = 0; ///< the mutant that is being tried; the files themselves are the first
std::string current;

/// Only what a signal handler may do.
void sayWhich() {
  char text[160];
  const int size = std::snprintf(text, sizeof text, "\ninput %llu: repeat with --seed %llu --only %llu\n",
                                 static_cast<unsigned long long>(at), static_cast<unsigned long long>(seed),
                                 static_cast<unsigned long long>(at));
  (void)!write(STDERR_FILENO, text, size_t(size));
}
void onSignal(int signal) {
  sayWhich();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

using Random = std::mt19937_64;

/// [begin, end) of a run of letters and digits, or of one other character.
std::pair<size_t, size_t> wordAt(const std::string &text, size_t place) {
  const auto isPart = [&](size_t i) { return std::isalnum(static_cast<unsigned char>(text[i])) || text[i] == '_'; };
  size_t begin = place, end = place + 1;
  if (isPart(place)) {
    while (begin > 0 && isPart(begin - 1))
      --begin;
    while (end < text.size() && isPart(end))
      ++end;
  }
  return {begin, end};
}

std::string mutantOf(const std::vector<std::string> &files, uint64_t number) {
  Random random(seed * 0x9e3779b97f4a7c15u + number);
  const auto below = [&](size_t n) { return size_t(random() % std::max<size_t>(n, 1)); };
  std::string text = files[below(files.size())];
  for (uint64_t changes = 1 + random() % 4; changes > 0; --changes) {
    const std::string &other = files[below(files.size())];
    if (text.empty() || other.empty())
      return other;
    const size_t place = below(text.size()), there = below(other.size());
    const auto [begin, end] = wordAt(text, place);
    const auto [from, to] = wordAt(other, there);
    static const char *const Numbers[] = {"0",
                                          "1",
                                          "2",
                                          "63",
                                          "64",
                                          "65",
                                          "255",
                                          "65536",
                                          "65537",
                                          "2147483647",
                                          "2147483648",
                                          "4294967296",
                                          "9223372036854775807",
                                          "9223372036854775808",
                                          "18446744073709551616",
                                          "-1",
                                          "1e400",
                                          "0x7fffffffffffffff"};
    switch (random() % 8) {
    case 0:
      text[place] = char(random());
      break;
    case 1:
      text[place] = char(text[place] ^ (1 << random() % 8));
      break;
    case 2: // one word for another
      text.replace(begin, end - begin, other, from, to - from);
      break;
    case 3: // a number, as a rule, where one was
      if (const size_t digit = text.find_first_of("0123456789", place); digit != std::string::npos) {
        const auto [first, last] = wordAt(text, digit);
        text.replace(first, last - first, Numbers[below(std::size(Numbers))]);
      }
      break;
    case 4:
      text.erase(place, 1 + below(std::min<size_t>(text.size() - place, 40)));
      break;
    case 5:
      text.insert(place, text, place, 1 + below(60));
      break;
    case 6: { // a line
      const size_t line = other.rfind('\n', there), start = line == std::string::npos ? 0 : line + 1;
      text.insert(begin, other, start, other.find('\n', there) - start);
      break;
    }
    default:
      text.resize(text.size() - below(std::min<size_t>(text.size(), 40)));
    }
  }
  text.resize(std::min(text.size(), MostBytes));
  return text;
}

void tryOut(const std::string &input, uint64_t number) {
  at = number;
  alarm(Patience);
  // A copy of just its size: who reads on is seen.
  const std::vector<uint8_t> bytes(input.begin(), input.end());
  (void)LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  alarm(0);
}

} // namespace

int main(int argc, char **argv) {
  CLI::App app("Feeds a fuzz target with files and their mutants.");
  uint64_t runs = 1000;
  int64_t only = -1;
  std::vector<std::string> paths;
  app.add_option("--runs", runs, "inputs, those of the files included");
  app.add_option("--seed", seed, "other mutants");
  app.add_option("--only", only, "this input alone");
  app.add_option("PATHS", paths, "files, and folders of such")->required();
  CLI11_PARSE(app, argc, argv);

  namespace fs = std::filesystem;
  std::vector<fs::path> found;
  for (const std::string &path : paths)
    if (fs::is_directory(path)) {
      for (const auto &entry : fs::recursive_directory_iterator(path))
        if (entry.is_regular_file())
          found.push_back(entry.path());
    } else {
      found.push_back(path);
    }
  std::sort(found.begin(), found.end()); // a folder has no order
  std::vector<std::string> files;
  for (const fs::path &path : found) {
    std::ifstream file(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (!file) {
      std::fprintf(stderr, "%s: cannot be read\n", path.c_str());
      return 2;
    }
    // As MLIR's tools have it, a file may hold several inputs.
    const std::string split = "// -----\n";
    for (size_t end = 0; (end = text.find(split)) != std::string::npos; text.erase(0, end + split.size()))
      files.push_back(text.substr(0, end));
    files.push_back(std::move(text));
  }
  if (files.empty()) {
    std::fprintf(stderr, "no files in what was given\n");
    return 2;
  }
  if (__sanitizer_set_death_callback)
    __sanitizer_set_death_callback(sayWhich);
  else
    std::signal(SIGSEGV, onSignal);
  for (const int signal : {SIGABRT, SIGALRM})
    std::signal(signal, onSignal);

  const auto input = [&](uint64_t number) { return number < files.size() ? files[number] : mutantOf(files, number); };
  if (only >= 0) {
    const std::string one = input(uint64_t(only));
    std::fwrite(one.data(), 1, one.size(), stdout);
    std::fflush(stdout);
    tryOut(one, uint64_t(only));
    return 0;
  }
  for (uint64_t number = 0; number < runs; ++number)
    tryOut(input(number), number);
  std::printf("%zu files and their mutants, %llu inputs: nothing crashed\n", files.size(),
              static_cast<unsigned long long>(runs));
  return 0;
}
