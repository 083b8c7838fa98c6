#include "runtime/tools/faro-run/Safetensors.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <set>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace faro::run::safetensors {

namespace {

using Json = nlohmann::json;

// The format's own limit for a header.
constexpr uint64_t MaxHeaderBytes = 100'000'000;

/// `what` may quote the file.
Status torn(const std::string &path, const std::string &what) { return {FARO_DATA_LOSS, path + ": " + shown(what)}; }

uint64_t readLength(std::span<const std::byte> file) {
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i)
    length = length << 8 | uint64_t(file[size_t(i)]);
  return length;
}

/// Finds a key that an object names twice, which nlohmann's own parser silently lets pass. (Its parser with a callback
/// would tell, but looks through all of an object whenever a part of it ends.)
class KeysOnce final : public nlohmann::json_sax<Json> {
public:
  std::string twice;

  bool key(string_t &name) override {
    if (!open.back().insert(name).second && twice.empty())
      twice = name;
    return true;
  }
  bool start_object(size_t) override {
    open.emplace_back();
    return true;
  }
  bool end_object() override {
    open.pop_back();
    return true;
  }
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t &) override { return true; }
  bool string(string_t &) override { return true; }
  bool binary(binary_t &) override { return true; }
  bool start_array(size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(size_t, const std::string &, const nlohmann::detail::exception &) override { return false; }

private:
  std::vector<std::set<std::string>> open;
};

Expected<Json> parseJson(const std::string &path, std::string_view text) {
  // The parser takes this for the end.
  if (const size_t at = text.find('\0'); at != text.npos)
    return torn(path,
                fmt::format("byte {} of the header is 0, expected JSON, with spaces at its end to fill it up", at));
  try {
    Json header = Json::parse(text);
    KeysOnce keys;
    Json::sax_parse(text, &keys);
    if (!keys.twice.empty())
      return torn(path, fmt::format("the header names '{}' twice", keys.twice));
    if (!header.is_object())
      return torn(path, "the header is no JSON object");
    // JSON, but not the format: a reader tells a header by its first byte.
    if (text.front() != '{')
      return torn(path,
                  fmt::format("the header begins with the byte 0x{:02x}, expected '{{' (0x7b)", uint8_t(text[0])));
    return header;
  } catch (const Json::exception &error) {
    return torn(path, fmt::format("the header is no valid JSON: {}", error.what()));
  }
}

/// A list of whole numbers >= 0.
std::optional<std::vector<uint64_t>> numbers(const Json &entry, const char *key) {
  const auto list = entry.find(key);
  if (list == entry.end() || !list->is_array())
    return std::nullopt;
  std::vector<uint64_t> result;
  for (const Json &number : *list) {
    if (!number.is_number_unsigned())
      return std::nullopt;
    result.push_back(number.get<uint64_t>());
  }
  return result;
}

/// What the format leaves to whoever writes a file: text by name.
Status checkMetadata(const std::string &path, const Json &metadata) {
  if (!metadata.is_object())
    return torn(path, fmt::format("__metadata__ is a JSON {}, expected an object of strings", metadata.type_name()));
  for (const auto &[name, value] : metadata.items())
    if (!value.is_string())
      return torn(path, fmt::format("__metadata__: '{}' is a JSON {}, expected a string", name, value.type_name()));
  return Status::ok();
}

/// One entry of the header. Its bytes are given as offsets, in `begin` and `end`.
Expected<Tensor> parseTensor(const std::string &path, const std::string &name, const Json &entry, uint64_t dataBytes,
                             uint64_t &begin, uint64_t &end) {
  if (!entry.is_object())
    return torn(path, fmt::format("tensor '{}': the header's entry is no JSON object", name));
  Tensor tensor;
  tensor.name = name;
  const auto dtype = entry.find("dtype");
  if (dtype == entry.end() || !dtype->is_string())
    return torn(path, fmt::format("tensor '{}': the header names no dtype", name));
  tensor.dtype = dtype->get<std::string>();
  const auto shape = numbers(entry, "shape");
  if (!shape)
    return torn(path, fmt::format("tensor '{}': shape is no list of whole numbers from 0", name));
  tensor.shape = *shape;
  const auto offsets = numbers(entry, "data_offsets");
  if (!offsets || offsets->size() != 2)
    return torn(path, fmt::format("tensor '{}': data_offsets are not two whole numbers from 0", name));
  begin = (*offsets)[0];
  end = (*offsets)[1];
  if (begin > end)
    return torn(path, fmt::format("tensor '{}': data_offsets [{}, {}] run backwards", name, begin, end));
  if (end > dataBytes)
    return torn(path, fmt::format("tensor '{}' ends at byte {} of the data, but the file holds {} bytes of data: the "
                                  "file is torn or its header is wrong",
                                  name, end, dataBytes));
  if (dtypeBytes(tensor.dtype) != 0) {
    const std::optional<uint64_t> expected = tensorBytes(tensor);
    if (!expected || *expected != end - begin)
      return torn(path, fmt::format("tensor '{}': {} {} needs {} bytes, but data_offsets [{}, {}] give it {}", name,
                                    shapeName(tensor.shape), tensor.dtype,
                                    expected ? std::to_string(*expected) : std::string("more than 2^63"), begin, end,
                                    end - begin));
  }
  return tensor;
}

} // namespace

std::string shown(const std::string &text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    const uint8_t byte = uint8_t(text[i]), before = i ? uint8_t(text[i - 1]) : uint8_t(0);
    // 0x80 to 0x9f behind 0xc2 are UTF-8 for the control characters that have one byte elsewhere.
    const bool control = byte < 0x20 || byte == 0x7f || (before == 0xc2 && byte >= 0x80 && byte < 0xa0);
    result += control ? fmt::format("\\x{:02x}", byte) : std::string(1, text[i]);
  }
  return result;
}

std::string shapeName(const std::vector<uint64_t> &shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

uint64_t dtypeBytes(const std::string &dtype) {
  static constexpr std::pair<const char *, uint64_t> Sizes[] = {
      {"BF16", 2}, {"F16", 2}, {"F32", 4}, {"I64", 8}, {"BOOL", 1}, {"U8", 1},      {"I8", 1},     {"I16", 2},
      {"U16", 2},  {"I32", 4}, {"U32", 4}, {"F64", 8}, {"U64", 8},  {"F8_E4M3", 1}, {"F8_E5M2", 1}};
  for (const auto &[name, bytes] : Sizes)
    if (dtype == name)
      return bytes;
  return 0;
}

std::optional<uint64_t> tensorBytes(const TensorInfo &tensor) {
  uint64_t bytes = dtypeBytes(tensor.dtype);
  if (bytes == 0)
    return std::nullopt;
  // A zero anywhere makes it empty, whatever the other sizes multiply to.
  if (std::find(tensor.shape.begin(), tensor.shape.end(), 0u) != tensor.shape.end())
    return 0;
  for (uint64_t size : tensor.shape)
    if (__builtin_mul_overflow(bytes, size, &bytes) || bytes > uint64_t(INT64_MAX))
      return std::nullopt;
  return bytes;
}

Expected<std::vector<Tensor>> parse(const std::string &path, std::span<const std::byte> file) {
  if (file.size() < 8)
    return torn(path, fmt::format("{} bytes are too few for a safetensors file: it is empty or torn", file.size()));
  const uint64_t length = readLength(file);
  if (length > file.size() - 8)
    return torn(path, fmt::format("the header should have {} bytes, but the file has {} in all: it is torn or no "
                                  "safetensors file",
                                  length, file.size()));
  if (length > MaxHeaderBytes)
    return torn(path, fmt::format("a header of {} bytes is refused: the format allows {}", length, MaxHeaderBytes));
  const Expected<Json> header =
      parseJson(path, {reinterpret_cast<const char *>(file.data()) + 8, static_cast<size_t>(length)});
  if (!header)
    return header.status();

  const std::span<const std::byte> data = file.subspan(8 + length);
  struct Placed {
    uint64_t begin, end;
    Tensor tensor;
  };
  std::vector<Placed> placed;
  for (const auto &[name, entry] : header->items()) {
    if (name == "__metadata__") {
      FARO_RETURN_IF_ERROR(checkMetadata(path, entry));
      continue;
    }
    uint64_t begin = 0, end = 0;
    Expected<Tensor> tensor = parseTensor(path, name, entry, data.size(), begin, end);
    if (!tensor)
      return tensor.status();
    tensor->data = data.subspan(begin, end - begin);
    placed.push_back({begin, end, std::move(*tensor)});
  }
  std::sort(placed.begin(), placed.end(),
            [](const Placed &a, const Placed &b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });

  uint64_t reached = 0;
  std::string before = "the header";
  std::vector<Tensor> tensors;
  for (Placed &next : placed) {
    if (next.begin != reached)
      return torn(path,
                  fmt::format("tensor '{}' starts at byte {} of the data, but {} ends at byte {}: tensors must lie "
                              "side by side",
                              next.tensor.name, next.begin, before, reached));
    reached = next.end;
    before = "'" + next.tensor.name + "'";
    tensors.push_back(std::move(next.tensor));
  }
  if (reached != data.size())
    return torn(path,
                fmt::format("the header describes {} bytes of data, but the file holds {}", reached, data.size()));
  return tensors;
}

Expected<std::shared_ptr<const File>> File::open(const std::string &path) {
  // Not to block on a pipe that somebody put there.
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0)
    return Status(errno == ENOENT ? FARO_NOT_FOUND : FARO_PERMISSION_DENIED,
                  fmt::format("{}: cannot open: {}", path, std::strerror(errno)));
  struct stat info{};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    return Status(FARO_INVALID_ARGUMENT, fmt::format("{}: is no regular file", path));
  }
  auto file = std::shared_ptr<File>(new File);
  file->path_ = path;
  if (info.st_size > 0) {
    void *map = ::mmap(nullptr, size_t(info.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
    const int error = errno;
    if (map == MAP_FAILED) {
      ::close(fd);
      return Status(FARO_UNAVAILABLE, fmt::format("{}: cannot map: {}", path, std::strerror(error)));
    }
    file->map_ = map;
    file->size_ = size_t(info.st_size);
  }
  ::close(fd);
  Expected<std::vector<Tensor>> tensors = parse(path, {static_cast<const std::byte *>(file->map_), file->size_});
  if (!tensors)
    return tensors.status();
  file->tensors_ = std::move(*tensors);
  return std::shared_ptr<const File>(file);
}

File::~File() {
  if (map_)
    ::munmap(map_, size_);
}

const Tensor *File::find(const std::string &name) const {
  for (const Tensor &tensor : tensors_)
    if (tensor.name == name)
      return &tensor;
  return nullptr;
}

} // namespace faro::run::safetensors
