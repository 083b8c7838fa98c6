#include "runtime/core/Wire.h"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>

namespace faro {

std::shared_ptr<const Bytes> FrameWriter::finish() {
  const auto length = uint32_t(bytes_.size() - sizeof(uint32_t));
  std::memcpy(bytes_.data(), &length, sizeof length);
  return std::make_shared<const Bytes>(std::move(bytes_));
}

bool Connection::receive(size_t limit) {
  constexpr size_t Chunk = 64 << 10;
  if (taken_ && taken_ * 2 >= in_.size()) {
    in_.erase(in_.begin(), in_.begin() + ptrdiff_t(taken_));
    taken_ = 0;
  }
  while (in_.size() - taken_ < limit) {
    const size_t before = in_.size();
    const size_t room = std::min(Chunk, limit - (before - taken_));
    in_.resize(before + room);
    const ssize_t got = recv(fd_.get(), in_.data() + before, room, 0);
    const int error = errno; // resize may change it
    in_.resize(before + size_t(std::max<ssize_t>(got, 0)));
    if (got > 0)
      continue;
    if (got < 0 && error == EINTR)
      continue;
    if (got < 0 && (error == EAGAIN || error == EWOULDBLOCK))
      return true;
    error_ = got < 0 ? error : 0;
    return false;
  }
  return true;
}

std::optional<Bytes> Connection::takeRaw(size_t size) {
  if (in_.size() - taken_ < size)
    return std::nullopt;
  Bytes raw(in_.begin() + ptrdiff_t(taken_), in_.begin() + ptrdiff_t(taken_ + size));
  taken_ += size;
  return raw;
}

std::optional<Frame> Connection::takeFrame(bool &torn) {
  uint32_t length = 0;
  if (in_.size() - taken_ < sizeof length)
    return std::nullopt;
  std::memcpy(&length, in_.data() + taken_, sizeof length);
  if (length == 0 || length > MaxFrameBytes) {
    torn = true;
    return std::nullopt;
  }
  if (in_.size() - taken_ < sizeof length + length)
    return std::nullopt;
  taken_ += sizeof length;
  const auto kind = FrameKind(in_[taken_]);
  Bytes payload(in_.begin() + ptrdiff_t(taken_ + 1), in_.begin() + ptrdiff_t(taken_ + length));
  taken_ += length;
  return Frame{kind, std::move(payload)};
}

std::string Connection::fate(std::string_view name) const {
  for (const int silence : {ETIMEDOUT, EHOSTUNREACH, EHOSTDOWN, ENETUNREACH, ENETDOWN})
    if (error_ == silence)
      return fmt::format("cannot be reached: nothing comes back over {}; its machine, or a link to it, is down", name);
  return fmt::format("died: {} closed", name);
}

bool Connection::flush() {
  while (!out_.empty()) {
    const Bytes &bytes = *out_.front();
    const ssize_t sent = send(fd_.get(), bytes.data() + sent_, bytes.size() - sent_, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR)
      continue;
    if (sent < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK)
        return true;
      error_ = errno;
      return false;
    }
    sent_ += size_t(sent);
    if (sent_ == bytes.size()) {
      out_.pop_front();
      sent_ = 0;
    }
  }
  return true;
}

} // namespace faro
