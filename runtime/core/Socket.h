// File descriptors and TCP sockets that are closed with their owner.
#pragma once

#include "faro/status.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include <sys/socket.h>

namespace faro {

class FileDescriptor {
public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor &operator=(FileDescriptor &&other) noexcept {
    FileDescriptor old(std::exchange(fd_, std::exchange(other.fd_, -1))); // closed at once, not with `other`
    return *this;
  }
  ~FileDescriptor();

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

private:
  int fd_ = -1;
};

/// A resolved address and port.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  bool loopback = false;
  std::string text; ///< as the user gave it, "host:port"

  const sockaddr *get() const { return reinterpret_cast<const sockaddr *>(&storage); }
};

Expected<SocketAddress> resolve(const std::string &host, uint16_t port);

/// Listens there, and nowhere else. Non-blocking. While somebody else has the port, tries again until `patience` is
/// over.
Expected<FileDescriptor> listenAt(const SocketAddress &address, std::chrono::nanoseconds patience = {});

/// Starts to connect; the socket becomes writable once it is decided.
Expected<FileDescriptor> startConnect(const SocketAddress &address);

/// For sockets that carry frames: short ones go out at once, and a machine that vanished is noticed.
void tuneConnection(int fd);

} // namespace faro
