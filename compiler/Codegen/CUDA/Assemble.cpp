#include "compiler/Codegen/CUDA/Assemble.h"

#include "llvm/ADT/StringExtras.h"

#include <cstdlib>
#include <string_view>

namespace faro::compiler {

std::vector<std::string> toolkitFolders() {
  std::vector<std::string> folders;
  if (const char *home = std::getenv("CUDA_HOME"); home && *home)
    folders.emplace_back(home);
  folders.emplace_back("/usr/local/cuda");
  return folders;
}

std::unique_ptr<Assembler> findAssembler() {
  if (const char *given = std::getenv("FARO_PTXAS"); given && *given)
    return std::string_view(given) == "none" ? nullptr : ptxasAt(given);
  if (std::unique_ptr<Assembler> linker = findNvJitLink())
    return linker;
  return findPtxas();
}

/// The number before `words` in a line: "0 bytes spill stores".
static uint32_t numberBefore(llvm::StringRef line, llvm::StringRef words) {
  const size_t at = line.find(words);
  if (at == llvm::StringRef::npos)
    return 0;
  llvm::StringRef number = line.take_front(at).rtrim();
  number = number.substr(number.find_last_not_of("0123456789") + 1);
  uint32_t value = 0;
  return number.getAsInteger(10, value) ? 0 : value;
}

///   ptxas info    : Compiling entry function 'dispatch_push' for 'sm_90'
///   ptxas info    : Function properties for dispatch_push
///       0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
///   ptxas info    : Used 24 registers, used 0 barriers
std::vector<KernelUsage> readUsage(llvm::StringRef said) {
  std::vector<KernelUsage> usage;
  for (llvm::StringRef line : llvm::split(said, '\n')) {
    // nvJitLink sums up after that, in other words.
    if (line.starts_with("info"))
      continue;
    if (const size_t at = line.find("entry function '"); at != llvm::StringRef::npos) {
      usage.emplace_back();
      usage.back().kernel = line.substr(at).split('\'').second.split('\'').first.str();
    } else if (!usage.empty() && line.contains("bytes stack frame")) {
      usage.back().stack = numberBefore(line, " bytes stack frame");
      usage.back().spillStores = numberBefore(line, " bytes spill stores");
      usage.back().spillLoads = numberBefore(line, " bytes spill loads");
    } else if (!usage.empty() && line.contains(" registers")) {
      usage.back().registers = numberBefore(line, " registers");
    }
  }
  return usage;
}

} // namespace faro::compiler
