#include "runtime/tools/faro-run/OutputFile.h"
#include "runtime/tools/faro-run/Safetensors.h"

#include <cstring>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace faro::run::safetensors {

namespace {
// Large enough that a write's fixed cost vanishes, small enough for the cache.
constexpr size_t BufferBytes = size_t(1) << 20;
} // namespace

Status Writer::begin(const std::vector<TensorInfo> &tensors) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  uint64_t offset = 0;
  for (const TensorInfo &tensor : tensors) {
    const std::optional<uint64_t> bytes = tensorBytes(tensor);
    if (!bytes)
      return {FARO_INTERNAL, fmt::format("{}: tensor '{}' {} {} cannot be written", path_, tensor.name,
                                         shapeName(tensor.shape), tensor.dtype)};
    header[tensor.name] = {
        {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {offset, offset + *bytes}}};
    offset += *bytes;
  }
  std::string text = header.dump();
  // The data then starts at a multiple of 8, as readers that map the file like it.
  text.resize((text.size() + 7) / 8 * 8, ' ');
  unsigned char length[8];
  for (int i = 0; i < 8; ++i)
    length[i] = static_cast<unsigned char>(uint64_t(text.size()) >> (8 * i));
  announced_ = offset + 8 + text.size();
  buffer_.reserve(BufferBytes);
  FARO_RETURN_IF_ERROR(append(length, sizeof length));
  return append(text.data(), text.size());
}

Status Writer::append(const void *data, size_t size) {
  appended_ += size;
  if (size >= BufferBytes) {
    FARO_RETURN_IF_ERROR(flush());
    return writeAll(fd_, data, size, path_);
  }
  if (buffer_.size() + size > BufferBytes)
    FARO_RETURN_IF_ERROR(flush());
  const std::byte *bytes = static_cast<const std::byte *>(data);
  buffer_.insert(buffer_.end(), bytes, bytes + size);
  return Status::ok();
}

Status Writer::appendRows(const void *data, uint64_t rows, uint64_t rowBytes, uint64_t stride) {
  const std::byte *row = static_cast<const std::byte *>(data);
  if (stride == rowBytes)
    return append(row, rows * rowBytes);
  for (uint64_t i = 0; i < rows; ++i)
    FARO_RETURN_IF_ERROR(append(row + i * stride, rowBytes));
  return Status::ok();
}

Status Writer::flush() {
  const Status status = writeAll(fd_, buffer_.data(), buffer_.size(), path_);
  buffer_.clear();
  return status;
}

Status Writer::finish() {
  FARO_RETURN_IF_ERROR(flush());
  if (appended_ != announced_)
    return {FARO_INTERNAL, fmt::format("{}: wrote {} bytes, expected {}", path_, appended_, announced_)};
  return Status::ok();
}

} // namespace faro::run::safetensors
