// Files that appear whole or not at all.
//
//   open ─► unnamed file in the target's folder ─► write to fd() ─► commit: linked, or renamed over the old one
//
// An unnamed file (O_TMPFILE) is gone with its last descriptor, whatever ends the process. File systems without it get
// a hidden name, which is removed when the object dies and by removeTemporaries().
#pragma once

#include "faro/status.h"

#include <string>

namespace faro::run {

class OutputFile {
public:
  /// Errors: PERMISSION_DENIED, NOT_FOUND (no such folder), INVALID_ARGUMENT (`path` is there and no regular file).
  static Expected<OutputFile> open(const std::string &path);

  OutputFile(OutputFile &&other) noexcept;
  OutputFile &operator=(OutputFile &&) = delete;
  ~OutputFile();

  int fd() const { return fd_; }
  const std::string &path() const { return path_; }

  /// Puts the file in place. It may be called once.
  Status commit();
  /// Takes a committed file away again; one that it replaced is back.
  void revoke();

private:
  OutputFile() = default;
  int fd_ = -1;
  int slot_ = -1, replacedSlot_ = -1; ///< of the hidden names, if there are any
  bool committed_ = false;
  void keepReplaced();
  std::string path_, temporary_, replaced_;
};

/// A small text file, complete at once. A target that is no regular file (/dev/stdout, a pipe) is written to directly:
/// nothing is ever renamed over a device.
class TextFile {
public:
  static Expected<TextFile> open(const std::string &path);
  Status commit(const std::string &text);

private:
  explicit TextFile(std::string path) : path_(std::move(path)) {}
  std::string path_;
  std::optional<OutputFile> file_; ///< nothing: written to directly
};

/// Where a file lies that is written to as `path`: through a link, what that points to is replaced.
std::string writtenAt(const std::string &path);

/// Creates the folder and its parents where they are missing.
Status makeFolder(const std::string &path);

/// Writes it all, or says why not. `path` is for the message.
Status writeAll(int fd, const void *data, size_t size, const std::string &path);

/// Removes all hidden names of this process. Callable from a signal handler.
void removeTemporaries();

} // namespace faro::run
