#include "runtime/core/TcpBootstrap.h"

#include <algorithm>
#include <fmt/format.h>
#include <poll.h>

namespace faro {

/// The hub ends waits that have lasted too long and says who is missing. This is how much longer a rank waits for that.
/// A wait may have four fifths of what is left of a job's time (Communicator::endBy), and this ends before the job,
/// too.
static Nanoseconds hubSlack(Nanoseconds timeout) {
  return std::clamp<Nanoseconds>(timeout / 8, std::chrono::milliseconds(500), std::chrono::seconds(2));
}

Expected<std::unique_ptr<TcpBootstrap>> TcpBootstrap::create(const CommunicatorOptions &options) {
  if (!options.masterPort)
    return Status(FARO_INVALID_ARGUMENT, "the port at which the ranks meet is 0; set MASTER_PORT (options.masterPort)");
  auto address = resolve(options.masterAddress, options.masterPort);
  if (!address)
    return address.status();
  auto key = resolveSecret(options.jobSecret, address->loopback, options.masterAddress);
  if (!key)
    return key.status();
  const JoinRequest request{*address, *key, options.rank, options.worldSize, options.timeout};
  const auto deadline = Clock::now() + options.timeout;

  std::unique_ptr<TcpBootstrap> self(new TcpBootstrap(options, address->text, address->loopback));
  if (options.rank == 0) {
    auto hub = TcpHub::start(request);
    if (!hub)
      return hub.status();
    self->hub_ = std::move(*hub);
    self->connection_ = self->hub_->takeRank0();
  } else {
    auto connection = join(request, deadline);
    if (!connection)
      return connection.status();
    self->connection_ = std::move(*connection);
  }
  const auto met = self->wait(deadline + hubSlack(options.timeout), nullptr, [&] { return !self->job_.empty(); });
  if (!met)
    return met.status();
  if (!*met)
    return Status(FARO_DEADLINE_EXCEEDED,
                  fmt::format("rank {} reached rank 0 at {}, which has not said within {} that all {} ranks "
                              "are there",
                              options.rank, self->where_, describe(options.timeout), options.worldSize));
  return self;
}

void TcpBootstrap::fail(faro_status code, std::string message) {
  if (failure_)
    failure_ = Status(code, std::move(message));
}

void TcpBootstrap::receive() {
  if (closed_)
    return;
  const bool open = connection_->flush() && connection_->receive(MaxFrameBytes + sizeof(uint32_t));
  bool torn = false;
  while (auto frame = connection_->takeFrame(torn))
    handle(*frame);
  if (torn)
    fail(FARO_DATA_LOSS,
         fmt::format("the control connection to rank 0 at {} carried something that is no frame", where_));
  closed_ = !open || torn;
  if (closed_)
    connection_->close();
  // Without the star's middle nobody hears of anybody; only where rank 0 left in peace can the others go on.
  if (closed_ && !goodbye_ && !left_[0])
    fail(FARO_PEER_FAILED,
         fmt::format("rank 0 {}", connection_->fate(fmt::format("the control connection to {}", where_))));
}

void TcpBootstrap::handle(const Frame &frame) {
  FrameReader reader(frame.payload);
  switch (frame.kind) {
  case FrameKind::Welcome:
    job_ = reader.text();
    break;
  case FrameKind::Gathered: {
    const bool expected = reader.number<uint64_t>() == gathers_;
    std::vector<Bytes> parts(worldSize_);
    for (Bytes &part : parts) {
      const auto blob = reader.blob();
      part.assign(blob.begin(), blob.end());
    }
    if (expected && reader.ok)
      gathered_ = std::move(parts);
    break;
  }
  case FrameKind::Failed: {
    const auto code = faro_status(reader.number<uint32_t>());
    fail(code, reader.text());
    failureTold_ = true;
    break;
  }
  case FrameKind::Left:
    if (const auto rank = reader.number<uint32_t>(); rank < worldSize_)
      left_[rank] = true;
    break;
  case FrameKind::Goodbye:
    goodbye_ = true;
    break;
  default:
    reader.ok = false;
  }
  if (!reader.ok)
    fail(FARO_DATA_LOSS, fmt::format("rank 0 at {} sent a torn control frame of kind {}", where_, int(frame.kind)));
}

Expected<bool> TcpBootstrap::wait(Clock::time_point deadline, const Idle &idle, const std::function<bool()> &done) {
  using std::chrono::milliseconds;
  milliseconds slice(1); // most waits are short; long ones need not look often
  for (;;) {
    receive();
    if (done())
      return true;
    FARO_RETURN_IF_ERROR(failure_);
    const auto now = Clock::now();
    if (now >= deadline || closed_)
      return false;
    if (idle)
      FARO_RETURN_IF_ERROR(idle());
    pollfd entry{connection_->fd(), short(POLLIN | (connection_->hasQueued() ? POLLOUT : 0)), 0};
    const auto left = std::chrono::ceil<milliseconds>(deadline - now);
    poll(&entry, 1, int(std::min(idle ? slice : milliseconds(100), left).count()));
    slice = std::min(slice * 2, milliseconds(10));
  }
}

Expected<std::vector<Bytes>> TcpBootstrap::allgather(const Bytes &mine, const char *what, Nanoseconds timeout,
                                                     const Idle &idle) {
  FARO_RETURN_IF_ERROR(check());
  // Leaves room for the other fields; the hub checks the sum over the ranks.
  if (mine.size() > MaxFrameBytes / 2) {
    const Status status(FARO_INVALID_ARGUMENT, fmt::format("rank {} has {} bytes for '{}'; at most {} fit", rank_,
                                                           mine.size(), what, MaxFrameBytes / 2));
    abort(status); // the others wait for this rank
    return status;
  }
  const auto deadline = Clock::now() + timeout + hubSlack(timeout);
  gathered_.reset();
  connection_->queue(FrameWriter(FrameKind::Gather)
                         .number(++gathers_)
                         .number(uint64_t(std::max<int64_t>(timeout.count(), 0)))
                         .text(what)
                         .blob(mine)
                         .finish());
  const auto came = wait(deadline, idle, [this] { return gathered_.has_value(); });
  if (!came)
    return came.status();
  if (*came)
    return std::move(*gathered_);
  if (closed_)
    fail(FARO_PEER_FAILED, fmt::format("rank 0 has left the job, but rank {} waits in '{}'", rank_, what));
  else
    fail(FARO_DEADLINE_EXCEEDED, fmt::format("rank {} heard nothing from rank 0 at {} in '{}' within {}", rank_, where_,
                                             what, describe(timeout)));
  return failure_;
}

void TcpBootstrap::abort(const Status &why) {
  receive();
  if (!failure_ || closed_)
    return; // the others know more than we could tell them
  connection_->queue(FrameWriter(FrameKind::Abort).number(uint32_t(why.code())).text(why.message()).finish());
  // The echo says that the others have been told; a process that ends before takes the message with it.
  (void)wait(Clock::now() + std::chrono::milliseconds(500), nullptr, [this] { return failureTold_; });
  fail(FARO_ABORTED, saidBy(rank_, why.message()));
}

Status TcpBootstrap::check() {
  receive();
  return failure_;
}

void TcpBootstrap::leave(Nanoseconds timeout, const Idle &idle) {
  receive();
  if (!failure_ || closed_)
    return;
  connection_->queue(FrameWriter(FrameKind::Leave).finish());
  (void)wait(Clock::now() + timeout, idle, [this] { return goodbye_; }); // goes either way
  // Rank 0 keeps the star up until all have hung up.
  connection_->close();
  closed_ = true;
}

} // namespace faro
