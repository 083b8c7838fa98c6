// A library opened at run time, closed with its last user.
#pragma once

#include "faro/status.h"

#include <memory>
#include <string>

namespace faro {

class SharedLibrary {
public:
  /// When a library's calls of others are resolved.
  enum class Binding {
    Now,    ///< a symbol that is missing is an error of open(), and not a crash in the middle of a batch
    AtCalls ///< loads sooner: for a library whose own libraries have tens of thousands, of which it calls a few
  };

  static Expected<std::shared_ptr<SharedLibrary>> open(const std::string &path, Binding binding = Binding::Now);

  /// Opens a library of Faro's own: in the folders of $`variable` (separated by colons), in the folder libfaro.so was
  /// loaded from, then where the loader looks. The error lists these places.
  static Expected<std::shared_ptr<SharedLibrary>> openBeside(const std::string &file, const char *variable,
                                                             Binding binding = Binding::Now);

  ~SharedLibrary();
  SharedLibrary(const SharedLibrary &) = delete;
  SharedLibrary &operator=(const SharedLibrary &) = delete;

  /// The symbol's address, or null.
  void *find(const char *symbol) const;
  const std::string &path() const { return path_; }

private:
  SharedLibrary(void *handle, std::string path) : handle_(handle), path_(std::move(path)) {}
  void *handle_;
  std::string path_;
};

} // namespace faro
