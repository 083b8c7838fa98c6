// The safetensors file format: 8 bytes little-endian length, a JSON header, tensors without holes.
//
//   {"tokens": {"dtype": "BF16", "shape": [2, 7168], "data_offsets": [0, 28672]}, ...}
//
// The reader believes nothing: sizes are checked against the file before they are used, products cannot overflow, every
// byte belongs to exactly one tensor.
#pragma once

#include "faro/status.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace faro::run::safetensors {

/// What a header says of one tensor.
struct TensorInfo {
  std::string name;
  std::string dtype; ///< "BF16", "I64", ...
  std::vector<uint64_t> shape;
};

/// What a file says, for people: control characters, which would drive a terminal, are shown as \x1b.
std::string shown(const std::string &text);
/// "[2, 7168]"
std::string shapeName(const std::vector<uint64_t> &shape);
/// Bytes of one element; 0 for a dtype that is not known here.
uint64_t dtypeBytes(const std::string &dtype);
/// Bytes of a tensor; nothing when that is more than 2^63 - 1 or the dtype is not known.
std::optional<uint64_t> tensorBytes(const TensorInfo &tensor);

struct Tensor : TensorInfo {
  std::span<const std::byte> data; ///< of any alignment
};

/// The tensors of a file's bytes, in the order of their data. `path` is for messages. Errors: DATA_LOSS.
Expected<std::vector<Tensor>> parse(const std::string &path, std::span<const std::byte> file);

/// A file, mapped. Immutable.
class File {
public:
  /// Errors: NOT_FOUND, PERMISSION_DENIED, INVALID_ARGUMENT (no regular file), DATA_LOSS.
  static Expected<std::shared_ptr<const File>> open(const std::string &path);
  ~File();
  File(const File &) = delete;
  File &operator=(const File &) = delete;

  const std::string &path() const { return path_; }
  const std::vector<Tensor> &tensors() const { return tensors_; }
  /// Null when there is none of that name.
  const Tensor *find(const std::string &name) const;

private:
  File() = default;
  std::string path_;
  void *map_ = nullptr;
  size_t size_ = 0;
  std::vector<Tensor> tensors_;
};

/// Writes a file piece by piece: begin, then the bytes of each tensor in the order of `tensors`, then finish.
class Writer {
public:
  /// `fd` stays the caller's; `path` is for messages.
  Writer(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  Status begin(const std::vector<TensorInfo> &tensors);
  Status append(const void *data, size_t size);
  /// Rows that lie `stride` bytes apart, without what lies between them.
  Status appendRows(const void *data, uint64_t rows, uint64_t rowBytes, uint64_t stride);
  /// Errors: INTERNAL when the bytes are not what begin announced.
  Status finish();

private:
  Status flush();
  int fd_;
  std::string path_;
  std::vector<std::byte> buffer_;
  uint64_t announced_ = 0, appended_ = 0;
};

} // namespace faro::run::safetensors
