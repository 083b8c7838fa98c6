#include "compiler/Codegen/Module/ObjectCache.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Host.h"

#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace faro::compiler {
namespace {

struct Header {
  char magic[8] = {'F', 'a', 'r', 'o', 'J', 'i', 't', '\n'};
  uint32_t version = 1;
  uint32_t reserved = 0;
  uint64_t size = 0;
  std::array<uint8_t, 32> sha256{};
};
static_assert(sizeof(Header) == 56);

std::array<uint8_t, 32> hashOf(llvm::StringRef bytes) {
  return llvm::SHA256::hash(llvm::ArrayRef(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()));
}

std::string defaultDirectory() {
  const auto variable = [](const char *name) -> llvm::StringRef {
    const char *value = std::getenv(name);
    return value ? value : "";
  };
  if (llvm::StringRef chosen = variable("FARO_CACHE_DIR"); !chosen.empty())
    return chosen.str();
  llvm::SmallString<128> path;
  // The XDG rules: a relative path is to be ignored.
  if (llvm::StringRef base = variable("XDG_CACHE_HOME"); llvm::sys::path::is_absolute(base))
    path = base;
  else if (llvm::StringRef home = variable("HOME"); llvm::sys::path::is_absolute(home))
    llvm::sys::path::append(path, home, ".cache");
  else
    return "";
  llvm::sys::path::append(path, "faro");
  return path.str().str();
}

/// The file's content is run, so it must be from somebody who could run code here anyway: this user, or root.
bool trusted(int file) {
  struct stat status;
  return ::fstat(file, &status) == 0 && S_ISREG(status.st_mode) &&
         (status.st_uid == ::geteuid() || status.st_uid == 0) && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

} // namespace

ObjectCache::ObjectCache(const char *directory) : directory(directory ? directory : defaultDirectory()) {}

static std::string findIdentity() {
  static const char here = 0;
  const auto llvmHere = static_cast<llvm::StringRef (*)()>(llvm::sys::getHostCPUName);
  const auto mlirHere = static_cast<mlir::InFlightDiagnostic (*)(mlir::Location)>(mlir::emitError);
  std::string identity;
  for (const void *address : {static_cast<const void *>(&here), reinterpret_cast<const void *>(llvmHere),
                              reinterpret_cast<const void *>(mlirHere)}) {
    Dl_info info;
    struct stat status;
    if (::dladdr(address, &info) == 0 || ::stat(info.dli_fname, &status) != 0)
      return "";
    identity += llvm::formatv("{0}.{1}.{2} ", status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  }
  return identity;
}

const std::string &ObjectCache::compilerIdentity() {
  // Found once: dladdr looks through all of a library's symbols, of which LLVM has many.
  static const std::string identity = findIdentity();
  return identity;
}

std::string ObjectCache::key(llvm::ArrayRef<llvm::StringRef> parts) {
  llvm::SHA256 hash;
  for (llvm::StringRef part : parts) {
    // Sizes keep ("ab", "c") and ("a", "bc") apart.
    const uint64_t size = part.size();
    hash.update(llvm::ArrayRef(reinterpret_cast<const uint8_t *>(&size), sizeof size));
    hash.update(part);
  }
  return llvm::toHex(hash.final(), /*LowerCase=*/true);
}

std::string ObjectCache::pathOf(llvm::StringRef key) const {
  llvm::SmallString<128> path(directory);
  llvm::sys::path::append(path, key + ".jit");
  return path.str().str();
}

std::unique_ptr<llvm::MemoryBuffer> ObjectCache::find(llvm::StringRef key) const {
  if (directory.empty())
    return nullptr;
  // Not to wait for who writes to a pipe of that name.
  const llvm::sys::fs::file_t file = ::open(pathOf(key).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (file < 0)
    return nullptr;
  std::unique_ptr<llvm::MemoryBuffer> whole;
  if (trusted(file))
    // Volatile: read, not mapped, so that a file cut short meanwhile is a mismatch and not a SIGBUS.
    if (auto buffer = llvm::MemoryBuffer::getOpenFile(file, key, /*FileSize=*/-1,
                                                      /*RequiresNullTerminator=*/false, /*IsVolatile=*/true))
      whole = std::move(*buffer);
  ::close(file);
  if (!whole || whole->getBufferSize() < sizeof(Header))
    return nullptr;

  Header header;
  std::memcpy(&header, whole->getBufferStart(), sizeof header);
  const llvm::StringRef code = whole->getBuffer().drop_front(sizeof header);
  const Header expected;
  if (std::memcmp(header.magic, expected.magic, sizeof header.magic) != 0 || header.version != expected.version ||
      header.size != code.size() || header.sha256 != hashOf(code))
    return nullptr;
  return llvm::MemoryBuffer::getMemBufferCopy(code, key);
}

void ObjectCache::store(llvm::StringRef key, llvm::StringRef code) const {
  if (directory.empty() || llvm::sys::fs::create_directories(directory, true, llvm::sys::fs::owner_all))
    return;
  const std::string path = pathOf(key);
  // Not TempFile: it installs signal handlers, and this process is somebody else's.
  int file = -1;
  llvm::SmallString<128> temporary;
  if (llvm::sys::fs::createUniqueFile(path + "-%%%%%%%%.tmp", file, temporary, llvm::sys::fs::OF_None,
                                      llvm::sys::fs::owner_read | llvm::sys::fs::owner_write))
    return;
  Header header;
  header.size = code.size();
  header.sha256 = hashOf(code);
  llvm::raw_fd_ostream stream(file, /*shouldClose=*/true);
  stream << llvm::StringRef(reinterpret_cast<const char *>(&header), sizeof header) << code;
  stream.close();
  const bool written = !stream.has_error();
  stream.clear_error();
  if (!written || llvm::sys::fs::rename(temporary, path))
    llvm::sys::fs::remove(temporary);
  dropOldest();
}

void ObjectCache::dropOldest() const {
  namespace fs = llvm::sys::fs;
  std::vector<std::pair<llvm::sys::TimePoint<>, std::string>> files;
  std::error_code error;
  const llvm::sys::TimePoint<> longAgo = std::chrono::system_clock::now() - std::chrono::hours(1);
  for (fs::directory_iterator file(directory, error), end; file != end && !error; file.increment(error)) {
    llvm::ErrorOr<fs::basic_file_status> status = file->status();
    const llvm::StringRef name = llvm::sys::path::filename(file->path());
    if (status && name.ends_with(".jit"))
      files.emplace_back(status->getLastModificationTime(), file->path());
    else if (status && name.contains(".jit-") && name.ends_with(".tmp") && status->getLastModificationTime() < longAgo)
      fs::remove(file->path()); // who wrote it was killed: nobody writes for an hour
  }
  if (files.size() <= MostFiles)
    return;
  llvm::sort(files);
  files.resize(files.size() - MostFiles * 3 / 4); // some at a time, not one with every store
  for (const auto &[time, path] : files)
    fs::remove(path); // another process may have been faster
}

} // namespace faro::compiler
