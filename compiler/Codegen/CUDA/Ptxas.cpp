// The toolkit's ptxas, as a process: at most a minute.
#include "compiler/Codegen/CUDA/Assemble.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>

namespace faro::compiler {
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

class Ptxas final : public Assembler {
public:
  explicit Ptxas(std::string path) : path(std::move(path)) {}

  /// Path, size and time of the file.
  std::string name() const override {
    llvm::sys::fs::file_status status;
    if (llvm::sys::fs::status(path, status))
      return path;
    return path + " " + std::to_string(status.getSize()) + " " +
           std::to_string(llvm::sys::toTimeT(status.getLastModificationTime()));
  }

  llvm::Expected<Assembled> assemble(const std::string &ptx, int architecture) override {
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
    const llvm::StringRef arguments[] = {path, target, "-O3", "-v", "-o", code.path, source.path};
    const std::optional<llvm::StringRef> streams[] = {llvm::StringRef(""), llvm::StringRef(said.path),
                                                      llvm::StringRef(said.path)};
    std::string why;
    const int status = run(arguments, streams, why);
    if (status != 0) {
      if (why.empty())
        why = llvm::StringRef(said.read()).rtrim().str();
      if (why.empty())
        why = "it ended with status " + std::to_string(status) + " and said nothing";
      return llvm::createStringError("'%s' %s: %s", path.c_str(), target.c_str(), why.c_str());
    }
    Assembled assembled{code.read(), readUsage(said.read())};
    if (assembled.cubin.empty())
      return llvm::createStringError("'%s' %s wrote no machine code: %s", path.c_str(), target.c_str(),
                                     llvm::StringRef(said.read()).rtrim().str().c_str());
    return assembled;
  }

  // A process for each part, and one that links them, would cost more than they save.
  PartAssembler *parts() override { return nullptr; }

private:
  /// Its exit status; -1 and why where there is none. Not ExecuteAndWait, whose limit is an alarm: this process, and
  /// its signals, are somebody else's.
  int run(llvm::ArrayRef<llvm::StringRef> arguments, llvm::ArrayRef<std::optional<llvm::StringRef>> streams,
          std::string &why) const {
    bool failed = false;
    const llvm::sys::ProcessInfo child =
        llvm::sys::ExecuteNoWait(path, arguments, std::nullopt, streams, /*MemoryLimit=*/0, &why, &failed);
    if (failed)
      return -1;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (true) {
      const llvm::sys::ProcessInfo ended = llvm::sys::Wait(child, /*SecondsToWait=*/0, &why);
      if (ended.Pid == child.Pid)
        return ended.ReturnCode;
      // Where this process ignores SIGCHLD, the system forgets how children ended: what was written tells.
      if (!why.empty())
        return errno == ECHILD ? 0 : -1;
      if (std::chrono::steady_clock::now() >= end) {
        ::kill(child.Pid, SIGKILL);
        llvm::sys::Wait(child, std::nullopt);
        why = "was not done after 60 s";
        return -1;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  std::string path;
};

} // namespace

std::unique_ptr<Assembler> ptxasAt(std::string path) { return std::make_unique<Ptxas>(std::move(path)); }

std::unique_ptr<Assembler> findPtxas() {
  if (auto found = llvm::sys::findProgramByName("ptxas"))
    return ptxasAt(*found);
  std::vector<std::string> folders = toolkitFolders();
  for (std::string &folder : folders)
    folder += "/bin";
  const std::vector<llvm::StringRef> places(folders.begin(), folders.end());
  if (auto found = llvm::sys::findProgramByName("ptxas", places))
    return ptxasAt(*found);
  return nullptr;
}

} // namespace faro::compiler
