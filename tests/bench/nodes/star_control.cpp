#include "tests/bench/nodes/star_control.h"

#include "tests/bench/require.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace faro::bench {

using Clock = std::chrono::steady_clock;

constexpr auto Patience = std::chrono::seconds(300); // the longest method, many times over
constexpr int NapMs = 1;                             // between two looks at the wire while waiting

namespace {
/// What a rank says first.
struct Hello {
  char secret[64] = {};
  int32_t rank = -1;
  explicit Hello(const CommunicatorOptions &place) : rank(int32_t(place.rank)) {
    place.jobSecret.copy(secret, sizeof secret);
  }
};
} // namespace

static sockaddr_in addressOf(const CommunicatorOptions &place) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(place.masterPort);
  if (inet_pton(AF_INET, place.masterAddress.c_str(), &address.sin_addr) != 1)
    endJob(fmt::format("MASTER_ADDR='{}': expected a numeric IPv4 address", place.masterAddress));
  return address;
}

static void noDelay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static std::string where(const CommunicatorOptions &place) {
  return fmt::format("{}:{}", place.masterAddress, place.masterPort);
}

void StarControl::meetAll(const CommunicatorOptions &place) {
  const sockaddr_in address = addressOf(place);
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, reinterpret_cast<const sockaddr *>(&address), sizeof address) != 0 || listen(listener, ranks) != 0)
    endJob(fmt::format("listening on {}: {}", where(place), std::strerror(errno)));
  const Hello mine(place);
  const auto end = Clock::now() + place.timeout;
  for (int come = 1; come < ranks;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd waiting{listener, POLLIN, 0};
    if (left <= 0 || poll(&waiting, 1, int(left)) == 0)
      endJob(fmt::format("{} of {} ranks came to {} in time", come, ranks, where(place)));
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0)
      continue;
    noDelay(fd);
    Hello hello(place);
    const timeval second{1, 0}; // a stranger may say nothing
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
    const bool known = recv(fd, &hello, sizeof hello, MSG_WAITALL) == ssize_t(sizeof hello) &&
                       std::memcmp(hello.secret, mine.secret, sizeof mine.secret) == 0 && hello.rank > 0 &&
                       hello.rank < ranks && sockets[size_t(hello.rank)] < 0;
    if (!known) {
      close(fd);
      continue;
    }
    sockets[size_t(hello.rank)] = fd;
    ++come;
  }
  close(listener);
}

void StarControl::joinRankZero(const CommunicatorOptions &place) {
  const sockaddr_in address = addressOf(place);
  for (const auto end = Clock::now() + place.timeout; Clock::now() < end; usleep(20000)) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, reinterpret_cast<const sockaddr *>(&address), sizeof address) == 0) {
      noDelay(fd);
      sockets[0] = fd;
      const Hello hello(place);
      return put(0, &hello, sizeof hello);
    }
    close(fd);
  }
  endJob(fmt::format("rank 0 does not answer at {}", where(place)));
}

StarControl::StarControl(const CommunicatorOptions &place)
    : Control(int(place.rank), int(place.worldSize)), sockets(place.worldSize, -1) {
  rank == 0 ? meetAll(place) : joinRankZero(place);
}

StarControl::~StarControl() {
  for (int fd : sockets)
    if (fd >= 0)
      close(fd);
}

void StarControl::put(int peer, const void *data, size_t bytes) {
  for (const char *at = static_cast<const char *>(data); bytes;) {
    const ssize_t n = send(sockets[size_t(peer)], at, bytes, MSG_NOSIGNAL);
    if (n <= 0)
      endJob(fmt::format("rank {} is gone", peer));
    at += n;
    bytes -= size_t(n);
  }
}

void StarControl::get(int peer, void *data, size_t bytes) {
  const auto end = Clock::now() + Patience;
  for (char *at = static_cast<char *>(data); bytes;) {
    const ssize_t n = recv(sockets[size_t(peer)], at, bytes, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
      endJob(fmt::format("rank {} is gone", peer));
    if (n < 0) {
      // Asleep, not spinning: others may still be working, and ranks may outnumber cores.
      idle();
      pollfd waiting{sockets[size_t(peer)], POLLIN, 0};
      poll(&waiting, 1, NapMs);
      if (Clock::now() > end)
        endJob(fmt::format("rank {} has said nothing for {} s", peer, Patience.count()));
      continue;
    }
    at += n;
    bytes -= size_t(n);
  }
}

void StarControl::putText(int peer, const std::string &text) {
  const uint64_t bytes = text.size();
  put(peer, &bytes, sizeof bytes);
  put(peer, text.data(), text.size());
}

std::string StarControl::getText(int peer) {
  uint64_t bytes = 0;
  get(peer, &bytes, sizeof bytes);
  std::string text(bytes, 0);
  get(peer, text.data(), bytes);
  return text;
}

std::vector<std::string> StarControl::allgather(const std::string &mine) {
  std::vector<std::string> all(static_cast<size_t>(ranks));
  if (rank != 0) {
    putText(0, mine);
    for (std::string &text : all)
      text = getText(0);
    return all;
  }
  all[0] = mine;
  for (int r = 1; r < ranks; ++r)
    all[size_t(r)] = getText(r);
  for (int r = 1; r < ranks; ++r)
    for (const std::string &text : all)
      putText(r, text);
  return all;
}

} // namespace faro::bench
