#include "runtime/core/JobSecret.h"

#include "runtime/core/Bootstrap.h"
#include "runtime/core/Socket.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace faro {

constexpr size_t SecretBytes = 32;

static Status cannot(const std::string &what, const std::string &path) {
  return Status(FARO_PERMISSION_DENIED,
                fmt::format("{} {}: {}; set FARO_JOB_SECRET, the same on all ranks, to do without this file", what,
                            path, std::strerror(errno)));
}

static std::string cacheFolder() {
  if (const char *cache = std::getenv("XDG_CACHE_HOME"); cache && *cache == '/')
    return fmt::format("{}/faro", cache);
  if (const char *home = std::getenv("HOME"); home && *home == '/')
    return fmt::format("{}/.cache/faro", home);
  const passwd *entry = getpwuid(geteuid());
  return fmt::format("{}/.cache/faro", entry && entry->pw_dir ? entry->pw_dir : "/nonexistent");
}

/// Writes a fresh secret beside `path` and links it there: whoever comes second finds the first one's, whole.
static Status makeSecret(const std::string &folder, const std::string &path) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  std::string temporary = path + ".XXXXXX";
  const FileDescriptor file(mkostemp(temporary.data(), O_CLOEXEC)); // mode 0600
  if (!file)
    return cannot("cannot write", temporary);
  const auto random = randomName(SecretBytes);
  if (!random) {
    unlink(temporary.c_str());
    return random.status();
  }
  const std::string secret = *random + "\n";
  const bool written =
      write(file.get(), secret.data(), secret.size()) == ssize_t(secret.size()) && fsync(file.get()) == 0;
  const bool linked = written && (link(temporary.c_str(), path.c_str()) == 0 || errno == EEXIST);
  const Status status = linked ? Status::ok() : cannot("cannot write", path);
  unlink(temporary.c_str());
  return status;
}

Expected<std::string> userSecret(const std::string &folder) {
  const std::string path = folder + "/secret";
  FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file && errno == ENOENT) {
    FARO_RETURN_IF_ERROR(makeSecret(folder, path));
    file = FileDescriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  }
  if (!file)
    return cannot("cannot read", path);
  struct stat info{};
  if (fstat(file.get(), &info) != 0)
    return cannot("cannot read", path);
  if (!S_ISREG(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & 077))
    return Status(FARO_PERMISSION_DENIED,
                  fmt::format("{} must be a file that belongs to you and that nobody else can read; run: chmod 600 {}",
                              path, path));
  char text[4 * SecretBytes];
  const ssize_t got = read(file.get(), text, sizeof text);
  if (got < ssize_t(2 * SecretBytes))
    return Status(FARO_DATA_LOSS, fmt::format("{} is torn: {} bytes, expected {}; remove it and a new one will be made",
                                              path, got, 2 * SecretBytes + 1));
  return std::string(text, 2 * SecretBytes);
}

Expected<SecretKey> resolveSecret(const std::string &jobSecret, bool loopback, const std::string &masterAddress) {
  std::string secret = jobSecret;
  if (secret.empty()) {
    if (!loopback)
      return Status(
          FARO_INVALID_ARGUMENT,
          fmt::format("the ranks meet at {}, which others can reach too: set FARO_JOB_SECRET to the same random "
                      "text on all ranks, e.g. FARO_JOB_SECRET=$(openssl rand -hex 32)",
                      masterAddress));
    auto shared = userSecret(cacheFolder());
    if (!shared)
      return shared.status();
    secret = *shared;
  }
  // Another use of the same secret gets another key.
  constexpr std::string_view Purpose = "faro job secret 1";
  return hmacSha256(std::as_bytes(std::span(secret)), std::as_bytes(std::span(Purpose)));
}

} // namespace faro
