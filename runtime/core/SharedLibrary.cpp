#include "runtime/core/SharedLibrary.h"

#include <cstdlib>
#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <vector>

namespace faro {

SharedLibrary::~SharedLibrary() { dlclose(handle_); }

void *SharedLibrary::find(const char *symbol) const { return dlsym(handle_, symbol); }

Expected<std::shared_ptr<SharedLibrary>> SharedLibrary::open(const std::string &path, Binding binding) {
  void *handle = dlopen(path.c_str(), (binding == Binding::Now ? RTLD_NOW : RTLD_LAZY) | RTLD_LOCAL);
  if (!handle)
    return Status(FARO_NOT_FOUND, dlerror());
  return std::shared_ptr<SharedLibrary>(new SharedLibrary(handle, path));
}

/// Where the library that holds this function was loaded from.
static std::string ownFolder() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void *>(&ownFolder), &info) == 0 || !info.dli_fname)
    return {};
  const std::string path = info.dli_fname;
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string(".") : path.substr(0, slash);
}

static std::vector<std::string> split(const char *list) {
  std::vector<std::string> parts;
  for (std::string rest = list ? list : ""; !rest.empty();) {
    const size_t colon = rest.find(':');
    if (colon != 0)
      parts.push_back(rest.substr(0, colon));
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
  }
  return parts;
}

Expected<std::shared_ptr<SharedLibrary>> SharedLibrary::openBeside(const std::string &file, const char *variable,
                                                                   Binding binding) {
  std::vector<std::string> folders = split(std::getenv(variable));
  if (const std::string own = ownFolder(); !own.empty())
    folders.push_back(own);
  std::string looked;
  for (const std::string &folder : folders) {
    const std::string path = folder + "/" + file;
    looked += looked.empty() ? folder : ", " + folder;
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0)
      continue;
    // It is there: if it cannot be loaded, another one from elsewhere would only hide why.
    if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) // a loader waits for who writes to a pipe
      return Status(FARO_UNAVAILABLE, fmt::format("{}: no regular file", path));
    auto library = open(path, binding);
    if (!library)
      return Status(FARO_UNAVAILABLE, library.status().message());
    return library;
  }
  auto library = open(file, binding);
  if (library)
    return library;
  return Status(FARO_NOT_FOUND,
                fmt::format("{} is neither in {} (${}, the folder of libfaro.so) nor in the loader's path", file,
                            looked, variable));
}

} // namespace faro
