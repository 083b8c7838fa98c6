#include "compiler/Codegen/Module/Object.h"

#include "runtime/abi/faro_abi.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/BinaryFormat/Magic.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>

namespace faro::compiler {
namespace {

// One object of a few hundred kilobytes links in milliseconds.
constexpr unsigned LinkerSeconds = 60;

llvm::Expected<std::string> findLinker() {
  if (const char *chosen = std::getenv("FARO_LINKER"); chosen && *chosen) {
    if (llvm::ErrorOr<std::string> path = llvm::sys::findProgramByName(chosen);
        path && llvm::sys::fs::can_execute(*path))
      return *path;
    return llvm::createStringError("FARO_LINKER names '" + llvm::StringRef(chosen) +
                                   "', which is no program that can be run");
  }
  for (const char *name : {FARO_FOUND_LINKER, "ld.lld-22", "ld.lld"})
    if (*name)
      if (llvm::ErrorOr<std::string> path = llvm::sys::findProgramByName(name))
        return *path;
  return llvm::createStringError("no linker found: install lld (Debian: apt-get install lld-22), or set FARO_LINKER to "
                                 "the path of ld.lld");
}

using llvm::sys::fs::TempFile;

llvm::Expected<TempFile> makeTemporary(llvm::StringRef path, llvm::StringRef ending, unsigned mode) {
  // Beside the output: a rename is atomic within one file system only.
  llvm::Expected<TempFile> file = TempFile::create(path + "-%%%%%%%%" + ending, mode);
  if (!file)
    return llvm::createStringError("cannot write '" + path + "': " + llvm::toString(file.takeError()));
  return file;
}

/// A name that looks like an option is one to a program.
std::string asFile(llvm::StringRef name) { return (name.starts_with("-") ? "./" : "") + name.str(); }

llvm::Error runLinker(llvm::StringRef linker, llvm::StringRef object, llvm::StringRef output, llvm::StringRef log) {
  const std::string from = asFile(object), to = asFile(output);
  // -Bsymbolic and --no-undefined: the library is closed, so that loading it needs and changes nothing.
  const llvm::StringRef arguments[] = {linker,    "-shared", "--no-undefined",  "-Bsymbolic",       "-znoexecstack",
                                       "-zrelro", "-znow",   "--build-id=none", "--hash-style=gnu", from,
                                       "-o",      to};
  const std::optional<llvm::StringRef> redirects[] = {llvm::StringRef(""), log, log};
  std::string error;
  const int status = llvm::sys::ExecuteAndWait(linker, arguments, std::nullopt, redirects, LinkerSeconds,
                                               /*MemoryLimit=*/0, &error);
  if (status == 0)
    return llvm::Error::success();
  std::string said;
  if (auto text = llvm::MemoryBuffer::getFile(log))
    said = (*text)->getBuffer().trim().str();
  // It writes through a mapping: where there is no room for a page of it, the linker is killed.
  const bool wasKilled = status == -2 && !llvm::StringRef(error).contains("timed out");
  const std::string hint = wasKilled ? "; is there room on the disk for '" + output.str() + "'?" : "";
  return llvm::createStringError("the linker '" + linker + "' failed with status " + llvm::Twine(status) +
                                 (error.empty() ? "" : ": " + error) + hint + (said.empty() ? "" : ":\n" + said));
}

/// So that a module that was damaged later is found out before it is loaded. A message when it goes wrong.
std::string appendSum(const std::string &path) {
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file)
    return file.getError().message();
  const llvm::StringRef library = (*file)->getBuffer();
  if (llvm::identify_magic(library) != llvm::file_magic::elf_shared_object)
    return "the linker said that all was well, and left no shared library";
  const auto sum = llvm::SHA256::hash(llvm::ArrayRef(library.bytes_begin(), library.size()));
  std::error_code wrong;
  llvm::raw_fd_ostream stream(path, wrong, llvm::sys::fs::OF_Append);
  if (!wrong) {
    stream << FARO_ABI_SUM_MARK << llvm::StringRef(reinterpret_cast<const char *>(sum.data()), sum.size());
    stream.close();
    wrong = stream.error();
    stream.clear_error();
  }
  return wrong ? wrong.message() : std::string();
}

} // namespace

llvm::Error linkShared(llvm::StringRef object, llvm::StringRef path) {
  llvm::Expected<std::string> linker = findLinker();
  if (!linker)
    return linker.takeError();
  if (llvm::sys::fs::is_directory(path))
    return llvm::createStringError("cannot write '" + path + "': it is a folder");

  llvm::Expected<TempFile> input = makeTemporary(path, ".o", llvm::sys::fs::all_read | llvm::sys::fs::all_write);
  if (!input)
    return input.takeError();
  const llvm::scope_exit dropInput([&] { llvm::consumeError(input->discard()); });
  {
    llvm::raw_fd_ostream stream(input->FD, /*shouldClose=*/false);
    stream << object;
    stream.flush();
    if (std::error_code code = stream.error()) {
      stream.clear_error();
      return llvm::createStringError("cannot write '" + path + "': " + code.message());
    }
  }
  llvm::Expected<TempFile> log = makeTemporary(path, ".log", llvm::sys::fs::owner_read | llvm::sys::fs::owner_write);
  if (!log)
    return log.takeError();
  const llvm::scope_exit dropLog([&] { llvm::consumeError(log->discard()); });
  llvm::Expected<TempFile> output = makeTemporary(path, ".tmp", llvm::sys::fs::all_all);
  if (!output)
    return output.takeError();

  if (llvm::Error error = runLinker(*linker, input->TmpName, output->TmpName, log->TmpName)) {
    llvm::consumeError(output->discard());
    return error;
  }
  if (std::string wrong = appendSum(output->TmpName); !wrong.empty()) {
    llvm::consumeError(output->discard());
    return llvm::createStringError("cannot write '" + path + "': " + wrong);
  }
  if (llvm::Error error = output->keep(path))
    return llvm::createStringError("cannot write '" + path + "': " + llvm::toString(std::move(error)));
  return llvm::Error::success();
}

} // namespace faro::compiler
