#include "runtime/core/Socket.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <thread>
#include <unistd.h>

namespace faro {

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0)
    close(fd_);
}

static bool isLoopback(const sockaddr *address) {
  if (address->sa_family == AF_INET)
    return (ntohl(reinterpret_cast<const sockaddr_in *>(address)->sin_addr.s_addr) >> 24) == 127;
  return address->sa_family == AF_INET6 &&
         IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6 *>(address)->sin6_addr);
}

Expected<SocketAddress> resolve(const std::string &host, uint16_t port) {
  SocketAddress address;
  const bool colons = host.find(':') != std::string::npos; // IPv6
  address.text = colons ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo *found = nullptr;
  if (int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found))
    return Status(FARO_NOT_FOUND, fmt::format("MASTER_ADDR '{}': {}", host, gai_strerror(error)));
  // All ranks must choose the same one of several addresses: an IPv4 one, which is what 'localhost' means to most.
  const addrinfo *chosen = found;
  for (const addrinfo *a = found; a; a = a->ai_next)
    if (a->ai_family == AF_INET) {
      chosen = a;
      break;
    }
  std::memcpy(&address.storage, chosen->ai_addr, chosen->ai_addrlen);
  address.size = chosen->ai_addrlen;
  address.loopback = isLoopback(chosen->ai_addr);
  freeaddrinfo(found);
  return address;
}

/// 0, or why it did not work.
static int tryToListen(const SocketAddress &address, FileDescriptor &out) {
  FileDescriptor fd(socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1; // a job may start where the last one has just ended
  if (!fd || setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(fd.get(), address.get(), address.size) != 0 || listen(fd.get(), SOMAXCONN) != 0)
    return errno;
  out = std::move(fd);
  return 0;
}

Expected<FileDescriptor> listenAt(const SocketAddress &address, std::chrono::nanoseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  FileDescriptor fd;
  int error = tryToListen(address, fd);
  while (error == EADDRINUSE && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    error = tryToListen(address, fd);
  }
  if (!error)
    return fd;
  const char *advice = error == EADDRINUSE      ? "; another program has it: choose another MASTER_PORT"
                       : error == EADDRNOTAVAIL ? "; MASTER_ADDR must be an address of the machine on which rank 0 runs"
                       : error == EACCES        ? "; choose a MASTER_PORT above 1023"
                                                : "";
  return Status(FARO_UNAVAILABLE,
                fmt::format("rank 0 cannot listen at {}: {}{}", address.text, std::strerror(error), advice));
}

Expected<FileDescriptor> startConnect(const SocketAddress &address) {
  FileDescriptor fd(socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd)
    return Status(FARO_UNAVAILABLE, fmt::format("creating a socket: {}", std::strerror(errno)));
  if (connect(fd.get(), address.get(), address.size) != 0 && errno != EINPROGRESS)
    return Status(FARO_UNAVAILABLE, fmt::format("connecting to {}: {}", address.text, std::strerror(errno)));
  return fd;
}

void tuneConnection(int fd) {
  // Each of these is an improvement, none is needed: failures are ignored, and on a socketpair they do fail.
  const int on = 1, idle = 10, interval = 5, probes = 3;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

} // namespace faro
