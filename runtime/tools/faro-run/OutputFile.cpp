#include "runtime/tools/faro-run/OutputFile.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace faro::run {

namespace {

// Hidden names that exist now: a table of fixed size, so that a signal handler may read it.
constexpr size_t MaxTemporaries = 2048;
std::array<std::atomic<const char *>, MaxTemporaries> temporaries{};

int remember(const std::string &name) {
  char *path = new char[name.size() + 1];
  std::memcpy(path, name.c_str(), name.size() + 1);
  for (size_t i = 0; i < MaxTemporaries; ++i) {
    const char *none = nullptr;
    if (temporaries[i].compare_exchange_strong(none, path))
      return int(i);
  }
  delete[] path;
  return -1;
}

void forget(int slot) {
  if (slot >= 0)
    delete[] temporaries[size_t(slot)].exchange(nullptr);
}

std::string folderOf(const std::string &path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

/// A name beside `path` that nobody else uses.
std::string hiddenName(const std::string &path) {
  static std::atomic<unsigned> serial{0};
  const std::filesystem::path target(path);
  return (target.parent_path() / fmt::format(".{}.{}-{}.tmp", target.filename().string(), ::getpid(), serial++))
      .string();
}

Status failure(const std::string &path, int error, const char *what) {
  const StatusCode code = error == ENOENT                                       ? FARO_NOT_FOUND
                          : error == EACCES || error == EROFS || error == EPERM ? FARO_PERMISSION_DENIED
                                                                                : FARO_UNAVAILABLE;
  return {code, fmt::format("{}: cannot {}: {}", path, what, std::strerror(error))};
}

} // namespace

void removeTemporaries() {
  for (auto &entry : temporaries)
    if (const char *path = entry.load())
      ::unlink(path);
}

std::string writtenAt(const std::string &path) {
  char resolved[PATH_MAX];
  return ::realpath(path.c_str(), resolved) ? resolved : path;
}

Status makeFolder(const std::string &path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  std::error_code ofLooking;
  const bool isThere = std::filesystem::is_directory(path, ofLooking);
  if (error && !isThere)
    return failure(path, error.value(), "create this folder");
  if (!isThere)
    return {FARO_INVALID_ARGUMENT, fmt::format("{}: is no folder", path)};
  return Status::ok();
}

Status writeAll(int fd, const void *data, size_t size, const std::string &path) {
  const char *bytes = static_cast<const char *>(data);
  while (size > 0) {
    const ssize_t written = ::write(fd, bytes, size);
    if (written < 0) {
      if (errno == EINTR)
        continue;
      return failure(path, errno, "write");
    }
    bytes += written;
    size -= size_t(written);
  }
  return Status::ok();
}

Expected<OutputFile> OutputFile::open(const std::string &path) {
  OutputFile file;
  file.path_ = path;
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0) {
    if (!S_ISREG(info.st_mode))
      return Status(FARO_INVALID_ARGUMENT, fmt::format("{}: is there and no regular file; will not replace it", path));
    file.path_ = writtenAt(path);
  }
  file.fd_ = ::open(folderOf(file.path_).c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
  if (file.fd_ >= 0)
    return file;
  // EOPNOTSUPP, EISDIR and EINVAL are how file systems and kernels say that they have no unnamed files.
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
    return failure(path, errno, "create this file");
  file.temporary_ = hiddenName(file.path_);
  file.slot_ = remember(file.temporary_);
  file.fd_ = ::open(file.temporary_.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0666);
  if (file.fd_ < 0)
    return failure(path, errno, "create this file");
  return file;
}

OutputFile::OutputFile(OutputFile &&other) noexcept
    : fd_(other.fd_), slot_(other.slot_), replacedSlot_(other.replacedSlot_), committed_(other.committed_),
      path_(std::move(other.path_)), temporary_(std::move(other.temporary_)), replaced_(std::move(other.replaced_)) {
  other.fd_ = -1;
  other.slot_ = other.replacedSlot_ = -1;
  other.temporary_.clear();
  other.replaced_.clear();
}

OutputFile::~OutputFile() {
  if (!replaced_.empty())
    ::unlink(replaced_.c_str());
  forget(replacedSlot_);
  if (!temporary_.empty()) {
    ::unlink(temporary_.c_str());
    forget(slot_);
  }
  if (fd_ >= 0)
    ::close(fd_);
}

Status OutputFile::commit() {
  if (temporary_.empty()) {
    const std::string self = fmt::format("/proc/self/fd/{}", fd_);
    // Straight under its name where that is free: then there is never a hidden name at all.
    if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, path_.c_str(), AT_SYMLINK_FOLLOW) == 0) {
      committed_ = true;
      return Status::ok();
    }
    if (errno != EEXIST)
      return failure(path_, errno, "put this file in place");
    const std::string hidden = hiddenName(path_);
    if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, hidden.c_str(), AT_SYMLINK_FOLLOW) != 0)
      return failure(path_, errno, "put this file in place");
    keepReplaced();
    if (::rename(hidden.c_str(), path_.c_str()) != 0) {
      const int error = errno;
      ::unlink(hidden.c_str());
      return failure(path_, error, "put this file in place");
    }
  } else {
    keepReplaced();
    if (::rename(temporary_.c_str(), path_.c_str()) != 0)
      return failure(path_, errno, "put this file in place");
    forget(slot_);
    slot_ = -1;
    temporary_.clear();
  }
  committed_ = true;
  return Status::ok();
}

/// The file that is about to be replaced, under another name for as long as this object lives.
void OutputFile::keepReplaced() {
  const std::string name = hiddenName(path_);
  if (::link(path_.c_str(), name.c_str()) != 0)
    return;
  replaced_ = name;
  replacedSlot_ = remember(name);
}

void OutputFile::revoke() {
  if (!std::exchange(committed_, false))
    return; // hidden names go with this object
  if (replaced_.empty() || ::rename(replaced_.c_str(), path_.c_str()) != 0)
    ::unlink(path_.c_str());
  if (!replaced_.empty() && ::access(replaced_.c_str(), F_OK) == 0)
    fmt::print(stderr, "faro-run: {}: what was there before could not be put back, and is now {}\n", path_, replaced_);
  replaced_.clear();
}

Expected<TextFile> TextFile::open(const std::string &path) {
  TextFile text(path);
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    if (S_ISDIR(info.st_mode))
      return Status(FARO_INVALID_ARGUMENT, fmt::format("{}: is a folder, expected the name of a file", path));
    return text;
  }
  Expected<OutputFile> file = OutputFile::open(path);
  if (!file)
    return file.status();
  text.file_.emplace(std::move(*file));
  return text;
}

Status TextFile::commit(const std::string &text) {
  if (file_) {
    FARO_RETURN_IF_ERROR(writeAll(file_->fd(), text.data(), text.size(), path_));
    return file_->commit();
  }
  const int fd = ::open(path_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0)
    return failure(path_, errno, "open");
  // Only the opening must not block (a pipe that nobody reads).
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK);
  const Status status = writeAll(fd, text.data(), text.size(), path_);
  ::close(fd);
  return status;
}

} // namespace faro::run
