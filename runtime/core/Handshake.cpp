#include "runtime/core/Handshake.h"

#include <cerrno>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <thread>

namespace faro {

static_assert(sizeof(Greeting) == 40 && sizeof(Hello) == 88 && sizeof(Reply) == 40, "these travel as they are");

Expected<Nonce> freshNonce() {
  Nonce nonce;
  FARO_RETURN_IF_ERROR(randomBytes(std::as_writable_bytes(std::span(nonce))));
  return nonce;
}

static Mac macOf(const SecretKey &key, const FrameWriter &fields) {
  // FrameWriter puts a length before each field, so that no two lists of fields give the same bytes.
  return hmacSha256(std::as_bytes(std::span(key)), *FrameWriter(fields).finish());
}

Mac macOfHello(const SecretKey &key, const Nonce &hubNonce, const Hello &hello) {
  FrameWriter fields{FrameKind(0)};
  fields.text("rank").blob(std::as_bytes(std::span(hubNonce))).blob(std::as_bytes(std::span(hello.nonce)));
  fields.number(hello.rank).number(hello.worldSize).number(hello.timeoutNs);
  return macOf(key, fields);
}

Mac macOfReply(const SecretKey &key, const Nonce &hubNonce, const Nonce &rankNonce, uint32_t code,
               std::string_view message) {
  FrameWriter fields{FrameKind(0)};
  fields.text("hub").blob(std::as_bytes(std::span(hubNonce))).blob(std::as_bytes(std::span(rankNonce)));
  fields.number(code).text(message);
  return macOf(key, fields);
}

namespace {
/// One try to join. `again` tells whether another one may go better.
struct Attempt {
  std::unique_ptr<Connection> connection;
  Status status;
  bool again = true;
};
} // namespace

/// False: the deadline came first.
static bool waitFor(int fd, short events, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd entry{fd, events, 0};
    const int ready = poll(&entry, 1, int(std::clamp<int64_t>(left, 0, 1000)));
    if (ready > 0)
      return true;
    if (left <= 0)
      return false;
  }
}

/// Reads exactly `size` bytes; nothing when the other side closed or the deadline came.
static std::optional<Bytes> readExactly(Connection &connection, size_t size, Clock::time_point deadline) {
  for (;;) {
    const bool open = connection.receive(size);
    if (auto raw = connection.takeRaw(size))
      return raw;
    if (!open || !waitFor(connection.fd(), POLLIN, deadline))
      return std::nullopt;
  }
}

/// A port in the range of outgoing connections that nobody listens on can end up connected to itself.
static bool isConnectedToItself(int fd) {
  sockaddr_storage mine{}, theirs{};
  socklen_t mineSize = sizeof mine, theirsSize = sizeof theirs;
  return getsockname(fd, reinterpret_cast<sockaddr *>(&mine), &mineSize) == 0 &&
         getpeername(fd, reinterpret_cast<sockaddr *>(&theirs), &theirsSize) == 0 && mineSize == theirsSize &&
         std::memcmp(&mine, &theirs, mineSize) == 0;
}

static Attempt tryToJoin(const JoinRequest &request, Clock::time_point deadline) {
  const std::string &where = request.address.text;
  const auto failed = [](faro_status code, std::string message, bool again) {
    return Attempt{nullptr, Status(code, std::move(message)), again};
  };
  auto fd = startConnect(request.address);
  if (!fd)
    return {nullptr, fd.status(), true};
  int error = 0;
  socklen_t errorSize = sizeof error;
  if (!waitFor(fd->get(), POLLOUT, deadline))
    return failed(FARO_DEADLINE_EXCEEDED, "no answer", false);
  getsockopt(fd->get(), SOL_SOCKET, SO_ERROR, &error, &errorSize);
  if (error)
    return failed(FARO_UNAVAILABLE, std::strerror(error), true);
  if (isConnectedToItself(fd->get()))
    return failed(FARO_UNAVAILABLE, std::strerror(ECONNREFUSED), true);
  tuneConnection(fd->get());
  auto connection = std::make_unique<Connection>(std::move(*fd));

  // Rank 0 greets at once, whatever it does otherwise: a thread of its own answers.
  const auto greetingDeadline = std::min(deadline, Clock::now() + std::chrono::seconds(10));
  const auto greetingBytes = readExactly(*connection, sizeof(Greeting), greetingDeadline);
  Greeting greeting{};
  if (greetingBytes)
    std::memcpy(&greeting, greetingBytes->data(), sizeof greeting);
  if (!greetingBytes || std::memcmp(greeting.magic, GreetingMagic, sizeof greeting.magic - 1) != 0)
    return failed(FARO_UNAVAILABLE, "another program listens there; choose another MASTER_PORT", true);
  if (greeting.magic[7] != GreetingMagic[7])
    return failed(FARO_VERSION_MISMATCH,
                  fmt::format("rank 0 at {} speaks version {} of the control protocol, this rank version {}; all ranks "
                              "must use the same version of Faro",
                              where, greeting.magic[7], GreetingMagic[7]),
                  false);

  Hello hello{};
  std::memcpy(hello.magic, HelloMagic, sizeof hello.magic);
  hello.rank = request.rank;
  hello.worldSize = request.worldSize;
  hello.timeoutNs = uint64_t(std::max<int64_t>(0, Nanoseconds(deadline - Clock::now()).count()));
  const auto nonce = freshNonce();
  if (!nonce)
    return {nullptr, nonce.status(), false};
  hello.nonce = *nonce;
  hello.mac = macOfHello(request.key, greeting.nonce, hello);
  const auto *bytes = reinterpret_cast<const std::byte *>(&hello);
  connection->queue(std::make_shared<const Bytes>(bytes, bytes + sizeof hello));
  if (!connection->flush()) // a fresh connection's buffer takes 88 bytes
    return failed(FARO_PEER_FAILED, "rank 0 closed the connection", true);

  const auto replyBytes = readExactly(*connection, sizeof(Reply), deadline);
  if (!replyBytes)
    return failed(FARO_PEER_FAILED, "rank 0 closed the connection", true);
  Reply reply;
  std::memcpy(&reply, replyBytes->data(), sizeof reply);
  const auto message = readExactly(*connection, std::min(reply.messageSize, MaxReplyMessage), deadline);
  const std::string text = message ? std::string(reinterpret_cast<const char *>(message->data()), message->size()) : "";
  if (reply.code == FARO_PERMISSION_DENIED)
    return failed(
        FARO_PERMISSION_DENIED,
        fmt::format("rank 0 at {} refused rank {}: the job secrets differ; FARO_JOB_SECRET must be the same on all "
                    "ranks (without it, all must be run by the same user)",
                    where, request.rank),
        false);
  if (!sameDigest(reply.mac, macOfReply(request.key, greeting.nonce, hello.nonce, reply.code, text)))
    return failed(FARO_PERMISSION_DENIED,
                  fmt::format("what listens at {} does not know the job's secret: it is not rank 0 of this job", where),
                  false);
  if (reply.code != FARO_OK)
    return failed(faro_status(reply.code), text, false);
  return {std::move(connection), Status::ok(), false};
}

Expected<std::unique_ptr<Connection>> join(const JoinRequest &request, Clock::time_point deadline) {
  using std::chrono::milliseconds;
  for (milliseconds pause(5);; pause = std::min(pause * 2, milliseconds(100))) {
    Attempt attempt = tryToJoin(request, deadline);
    if (attempt.connection)
      return std::move(attempt.connection);
    if (!attempt.again && attempt.status.code() != FARO_DEADLINE_EXCEEDED)
      return attempt.status;
    if (!attempt.again || Clock::now() + pause >= deadline)
      return Status(FARO_DEADLINE_EXCEEDED,
                    fmt::format("rank 0 of {} did not come to {} within {}, or had met all its ranks before ({})",
                                request.worldSize, request.address.text, describe(request.timeout),
                                attempt.status.message()));
    std::this_thread::sleep_for(pause);
  }
}

} // namespace faro
