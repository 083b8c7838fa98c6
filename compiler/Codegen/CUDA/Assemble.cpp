#include "compiler/Codegen/CUDA/Assemble.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>
#include <string_view>

namespace faro::compiler {

std::string findPtxas() {
  if (const char *given = std::getenv("FARO_PTXAS"); given && *given)
    return std::string_view(given) == "none" ? std::string() : given;
  if (auto found = llvm::sys::findProgramByName("ptxas"))
    return *found;
  std::vector<std::string> folders;
  if (const char *home = std::getenv("CUDA_HOME"); home && *home)
    folders.push_back(std::string(home) + "/bin");
  folders.emplace_back("/usr/local/cuda/bin");
  const std::vector<llvm::StringRef> places(folders.begin(), folders.end());
  if (auto found = llvm::sys::findProgramByName("ptxas", places))
    return *found;
  return {};
}

namespace {

/// A file that is gone when this is.
struct Temporary {
  llvm::Error create(const char *suffix) {
    if (std::error_code code = llvm::sys::fs::createTemporaryFile("faro", suffix, path))
      return llvm::createStringError(code, "cannot make a temporary file: %s", code.message().c_str());
    remover.setFile(path);
    return llvm::Error::success();
  }
  std::string read() const {
    auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
    return file ? (*file)->getBuffer().str() : std::string();
  }
  llvm::SmallString<128> path;
  llvm::FileRemover remover;
};

/// The number before `words` in a line: "0 bytes spill stores".
uint32_t numberBefore(llvm::StringRef line, llvm::StringRef words) {
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

} // namespace

llvm::Expected<Assembled> assemble(const std::string &ptxas, const std::string &ptx, int architecture) {
  Temporary source, code, said;
  for (auto [file, suffix] : {std::pair(&source, "ptx"), {&code, "cubin"}, {&said, "txt"}})
    if (llvm::Error error = file->create(suffix))
      return error;
  std::error_code wrong;
  llvm::raw_fd_ostream out(source.path, wrong);
  out << ptx;
  out.close();
  if (wrong || out.has_error()) {
    out.clear_error();
    return llvm::createStringError("cannot write the temporary file '%s'", source.path.c_str());
  }
  const std::string target = "-arch=sm_" + std::to_string(architecture);
  const llvm::StringRef arguments[] = {ptxas, target, "-O3", "-v", "-o", code.path, source.path};
  const std::optional<llvm::StringRef> streams[] = {llvm::StringRef(""), llvm::StringRef(said.path),
                                                    llvm::StringRef(said.path)};
  std::string why;
  const int status = llvm::sys::ExecuteAndWait(ptxas, arguments, std::nullopt, streams, /*SecondsToWait=*/60,
                                               /*MemoryLimit=*/0, &why);
  if (status != 0)
    return llvm::createStringError("'%s' %s: %s", ptxas.c_str(), target.c_str(),
                                   (why.empty() ? llvm::StringRef(said.read()).rtrim().str() : why).c_str());
  Assembled assembled{code.read(), readUsage(said.read())};
  if (assembled.cubin.empty())
    return llvm::createStringError("'%s' %s wrote no machine code", ptxas.c_str(), target.c_str());
  return assembled;
}

} // namespace faro::compiler
