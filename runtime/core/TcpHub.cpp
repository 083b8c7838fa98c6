#include "runtime/core/TcpHub.h"

#include "runtime/core/Exceptions.h"
#include "runtime/core/Thread.h"

#include <cerrno>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace faro {

/// A rank answers the greeting at once; who takes longer is a stranger, or so slow that it may try again.
constexpr auto HandshakeTime = std::chrono::seconds(10);
/// More strangers than this at a time push out the oldest, so that they cannot use up our descriptors.
constexpr size_t MaxStrangers = 256;
/// How long rank 0 stays to tell late ranks that the job has failed.
constexpr auto AnswerTime = std::chrono::seconds(2);

TcpHub::TcpHub(const JoinRequest &rank0, std::string job, FileDescriptor listener, FileDescriptor stop)
    : key_(rank0.key), where_(rank0.address.text), listener_(std::move(listener)), stop_(std::move(stop)),
      protocol_(rank0.worldSize, std::move(job), rank0.address.text,
                [this](uint32_t rank, std::shared_ptr<const Bytes> frame) {
                  const auto found = ranks_.find(rank);
                  if (found == ranks_.end())
                    return;
                  found->second->queue(std::move(frame));
                  // At once, where the socket takes it. A broken connection is found out by the next read.
                  (void)found->second->flush();
                }) {}

Expected<std::unique_ptr<TcpHub>> TcpHub::start(const JoinRequest &rank0) {
  // The last job's rank 0 may still be on its way out.
  auto listener = listenAt(rank0.address, std::min<Nanoseconds>(rank0.timeout, std::chrono::seconds(2)));
  if (!listener)
    return listener.status();
  // The name is what keeps strangers out of the transports, so it is not made of anything they could know.
  const auto job = randomName(16);
  if (!job)
    return job.status();
  int pair[2] = {-1, -1};
  FileDescriptor stop(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
    return Status(FARO_UNAVAILABLE, fmt::format("creating rank 0's control connection: {}", std::strerror(errno)));
  std::unique_ptr<TcpHub> hub(new TcpHub(rank0, "job-" + *job, std::move(*listener), std::move(stop)));
  hub->rank0_ = std::make_unique<Connection>(FileDescriptor(pair[0]));
  hub->ranks_[0] = std::make_unique<Connection>(FileDescriptor(pair[1]));
  auto thread = startThread("rank 0's thread for the ranks' control connections",
                            [hub = hub.get(), timeout = rank0.timeout] { hub->run(timeout); });
  if (!thread)
    return thread.status();
  hub->thread_ = std::move(*thread);
  return hub;
}

TcpHub::~TcpHub() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t put = write(stop_.get(), &one, sizeof one); // cannot fail: nobody else writes
  if (thread_.joinable())
    thread_.join();
}

void TcpHub::run(Nanoseconds timeout) {
  join(0, timeout);
  while (!stopping_)
    try {
      poll(std::chrono::minutes(1));
      protocol_.tick(Clock::now());
    } catch (...) { // no memory for what a rank sent
      protocol_.giveUp(statusOfException());
    }
  // Ranks that are still on their way would look for rank 0 until their time is over.
  const auto deadline = Clock::now() + AnswerTime;
  while (protocol_.owesAnswers() && Clock::now() < deadline)
    poll(std::chrono::milliseconds(50));
  drain();
}

void TcpHub::join(uint32_t rank, Nanoseconds timeout) {
  // All are here: the port is free for the next job of these ranks, before any of them can begin it.
  if (protocol_.isLast(rank))
    listener_ = FileDescriptor();
  protocol_.joined(rank, timeout, Clock::now());
}

void TcpHub::poll(std::chrono::milliseconds longest) {
  // Once it has been told to stop, that is no event any more.
  std::vector<pollfd> fds = {{stopping_ ? -1 : stop_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
  auto wake = protocol_.nextDeadline();
  for (const Stranger &stranger : strangers_) {
    fds.push_back({stranger.connection.fd(), POLLIN, 0});
    wake = std::min(wake, stranger.deadline);
  }
  const size_t firstRank = fds.size();
  std::vector<uint32_t> order;
  for (const auto &[rank, connection] : ranks_) {
    fds.push_back({connection->fd(), short(POLLIN | (connection->hasQueued() ? POLLOUT : 0)), 0});
    order.push_back(rank);
  }
  auto wait = longest;
  if (wake != Clock::time_point::max()) // whose difference to now would overflow
    wait = std::clamp(std::chrono::ceil<std::chrono::milliseconds>(wake - Clock::now()), std::chrono::milliseconds(0),
                      longest);
  if (::poll(fds.data(), nfds_t(fds.size()), int(wait.count())) < 0)
    return; // EINTR; anything else would be an error of this very function

  stopping_ |= fds[0].revents != 0;
  for (size_t i = 0; i < order.size(); ++i)
    if (fds[firstRank + i].revents)
      serve(order[i]);
  size_t at = 2;
  const auto now = Clock::now();
  for (auto stranger = strangers_.begin(); stranger != strangers_.end(); ++at) {
    const Verdict verdict = fds[at].revents ? examine(*stranger) : Verdict::Wait;
    const bool drop = verdict != Verdict::Wait || now >= stranger->deadline;
    stranger = drop ? strangers_.erase(stranger) : std::next(stranger);
  }
  if (fds[1].revents)
    accept(); // last, as it lengthens the list of strangers
}

void TcpHub::accept() {
  for (;;) {
    FileDescriptor fd(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) {
      const int error = errno;
      if (error != EMFILE && error != ENFILE)
        return;
      // Out of descriptors: strangers are the ones to go.
      if (!strangers_.empty()) {
        strangers_.pop_front();
        continue;
      }
      protocol_.giveUp(
          Status(FARO_UNAVAILABLE, fmt::format("rank 0 cannot let other ranks in at {}: {}; raise `ulimit -n` there",
                                               where_, std::strerror(error))));
      std::this_thread::sleep_for(std::chrono::milliseconds(10)); // poll would spin on the listener
      return;
    }
    tuneConnection(fd.get());
    if (strangers_.size() >= MaxStrangers)
      strangers_.pop_front();
    const auto nonce = freshNonce();
    if (!nonce)
      continue; // without random numbers nobody can be trusted; the ranks' time-outs end the job
    Stranger &stranger =
        strangers_.emplace_back(Stranger{Connection(std::move(fd)), *nonce, Clock::now() + HandshakeTime});
    Greeting greeting{};
    std::memcpy(greeting.magic, GreetingMagic, sizeof greeting.magic);
    greeting.nonce = stranger.nonce;
    const auto *bytes = reinterpret_cast<const std::byte *>(&greeting);
    stranger.connection.queue(std::make_shared<const Bytes>(bytes, bytes + sizeof greeting));
    (void)stranger.connection.flush(); // a broken connection is found out by the next read
  }
}

void TcpHub::reply(Connection &connection, const Nonce &hubNonce, const Nonce &rankNonce, bool proven,
                   const Status &status) {
  const std::string message = status.message().substr(0, MaxReplyMessage);
  Reply reply{uint32_t(status.code()), uint32_t(message.size()), {}};
  if (proven)
    reply.mac = macOfReply(key_, hubNonce, rankNonce, reply.code, message);
  Bytes bytes(sizeof reply + message.size());
  std::memcpy(bytes.data(), &reply, sizeof reply);
  std::memcpy(bytes.data() + sizeof reply, message.data(), message.size());
  connection.queue(std::make_shared<const Bytes>(std::move(bytes)));
  (void)connection.flush();
}

TcpHub::Verdict TcpHub::examine(Stranger &stranger) {
  const bool open = stranger.connection.receive(sizeof(Hello));
  const auto bytes = stranger.connection.takeRaw(sizeof(Hello));
  if (!bytes)
    return open ? Verdict::Wait : Verdict::Drop;
  Hello hello;
  std::memcpy(&hello, bytes->data(), sizeof hello);
  if (std::memcmp(hello.magic, HelloMagic, sizeof hello.magic) != 0)
    return Verdict::Drop;
  if (!sameDigest(hello.mac, macOfHello(key_, stranger.nonce, hello))) {
    reply(stranger.connection, stranger.nonce, hello.nonce, false, Status(FARO_PERMISSION_DENIED, ""));
    return Verdict::Drop;
  }
  const Status status = protocol_.admit(hello.rank, hello.worldSize);
  reply(stranger.connection, stranger.nonce, hello.nonce, true, status);
  if (!status)
    return Verdict::Drop;
  ranks_[hello.rank] = std::make_unique<Connection>(std::move(stranger.connection));
  join(hello.rank, boundedTimeout(hello.timeoutNs));
  return Verdict::Joined;
}

void TcpHub::serve(uint32_t rank) {
  Connection &connection = *ranks_.at(rank);
  const bool open = connection.flush() && connection.receive(MaxFrameBytes + sizeof(uint32_t));
  bool torn = false;
  while (auto frame = connection.takeFrame(torn))
    protocol_.handle(rank, *frame, Clock::now());
  if (open && !torn)
    return;
  const std::string fate = torn ? "died: its control connection carried something that is no frame"
                                : connection.fate("its control connection");
  ranks_.erase(rank);
  protocol_.lost(rank, fate);
}

void TcpHub::drain() {
  // Closing a socket that has unread input makes TCP throw away what the other side has not read yet: the last words
  // would be lost. So: say that no more comes, and read until the others hang up.
  const auto deadline = Clock::now() + std::chrono::seconds(1);
  strangers_.clear();
  listener_ = FileDescriptor();
  std::erase_if(ranks_, [](const auto &entry) { return entry.first == 0; }); // it is the one that waits for us
  std::map<int, bool> finished;
  while (!ranks_.empty() && Clock::now() < deadline) {
    std::vector<pollfd> fds;
    for (auto entry = ranks_.begin(); entry != ranks_.end();) {
      Connection &connection = *entry->second;
      bool open = connection.flush() && connection.receive(MaxFrameBytes);
      bool torn = false;
      while (connection.takeFrame(torn))
        ; // nobody listens any more
      if (open && !connection.hasQueued() && !std::exchange(finished[connection.fd()], true))
        shutdown(connection.fd(), SHUT_WR);
      if (!open || torn) {
        entry = ranks_.erase(entry);
        continue;
      }
      fds.push_back({connection.fd(), short(POLLIN | (connection.hasQueued() ? POLLOUT : 0)), 0});
      ++entry;
    }
    ::poll(fds.data(), nfds_t(fds.size()), 50);
  }
}

} // namespace faro
