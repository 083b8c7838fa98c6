// Frames on a control connection: u32 length of what follows, u8 kind, then the kind's fields. Numbers are
// little-endian, as on all machines Faro runs on; the handshake's magic would not match elsewhere.
#pragma once

#include "faro/communicator.h"
#include "runtime/core/Socket.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <optional>
#include <span>
#include <string_view>

namespace faro {

/// A rank's part of an allgather, times the ranks, must fit into a frame.
constexpr uint64_t MaxFrameBytes = 1u << 30;

enum class FrameKind : uint8_t {
  // rank -> hub
  Gather = 1, ///< u64 number, u64 timeout in ns, text what, blob mine
  Abort,      ///< u32 code, text message
  Leave,      ///< nothing
  // hub -> rank
  Welcome,  ///< text job: all ranks are here
  Gathered, ///< u64 number, then each rank's blob
  Failed,   ///< u32 code, text message: the job is over
  Left,     ///< u32 rank
  Goodbye,  ///< nothing: all ranks have left
};

class FrameWriter {
public:
  explicit FrameWriter(FrameKind kind) : bytes_(sizeof(uint32_t)) { bytes_.push_back(std::byte(kind)); }

  template <typename Number> FrameWriter &number(Number value) {
    append(&value, sizeof value);
    return *this;
  }
  FrameWriter &blob(std::span<const std::byte> blob) {
    number<uint64_t>(blob.size());
    append(blob.data(), blob.size());
    return *this;
  }
  FrameWriter &text(std::string_view text) { return blob(std::as_bytes(std::span(text))); }

  /// The frame with its length filled in. Shared: one frame may go to many ranks.
  std::shared_ptr<const Bytes> finish();

private:
  void append(const void *data, size_t size) {
    const auto *from = static_cast<const std::byte *>(data);
    bytes_.insert(bytes_.end(), from, from + size);
  }
  Bytes bytes_;
};

struct Frame {
  FrameKind kind;
  Bytes payload;
};

/// Reads a payload's fields; `ok` turns false, and all values 0 or empty, once something does not fit.
class FrameReader {
public:
  explicit FrameReader(std::span<const std::byte> payload) : rest_(payload) {}
  /// Of a whole frame, as FrameWriter::finish gives it.
  static std::span<const std::byte> payloadOf(std::span<const std::byte> frame) {
    return frame.subspan(std::min(sizeof(uint32_t) + sizeof(FrameKind), frame.size()));
  }

  template <typename Number> Number number() {
    Number value{};
    if (const auto bytes = take(sizeof value); ok)
      std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  std::span<const std::byte> blob() { return take(number<uint64_t>()); }
  std::string text() {
    const auto bytes = blob();
    return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
  }

  bool ok = true;

private:
  std::span<const std::byte> take(uint64_t size) {
    if (size > rest_.size() || !ok) {
      ok = false;
      return {};
    }
    const auto taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }
  std::span<const std::byte> rest_;
};

/// Both directions of a non-blocking socket.
class Connection {
public:
  explicit Connection(FileDescriptor fd) : fd_(std::move(fd)) {}

  int fd() const { return fd_.get(); }

  /// Reads what is there, as long as fewer than `limit` bytes wait to be taken. False: the other side is gone.
  bool receive(size_t limit);
  /// Exactly `size` bytes, once they are there.
  std::optional<Bytes> takeRaw(size_t size);
  /// The next whole frame. `torn` is set when what is there can be no frame.
  std::optional<Frame> takeFrame(bool &torn);

  void queue(std::shared_ptr<const Bytes> bytes) { out_.push_back(std::move(bytes)); }
  /// Sends what the socket takes. False: the other side is gone.
  bool flush();
  bool hasQueued() const { return !out_.empty(); }
  /// Of one whose other side is gone, what to say of who was there: it died, as a connection is closed then; or nothing
  /// came back any more, which is the network's doing or the machine's. `name`: of the connection.
  std::string fate(std::string_view name) const;
  /// Hangs up. What has been received can still be taken.
  void close() { fd_ = FileDescriptor(); }

private:
  FileDescriptor fd_;
  Bytes in_;
  size_t taken_ = 0; ///< bytes of `in_` that have been used up
  std::deque<std::shared_ptr<const Bytes>> out_;
  size_t sent_ = 0; ///< bytes of the first of `out_`
  int error_ = 0;   ///< that ended it
};

} // namespace faro
