#include "runtime/tools/faro-run/Inputs.h"
#include "runtime/tools/faro-run/Places.h"
#include "runtime/tools/faro-run/Safetensors.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>

namespace faro::run {

const char *dtypeName(reference::Element element) {
  switch (element) {
  case reference::Element::BF16:
    return "BF16";
  case reference::Element::F16:
    return "F16";
  case reference::Element::F32:
    return "F32";
  }
  return "unknown";
}

namespace {

using safetensors::File;
using safetensors::Tensor;

/// memcpy wants two addresses even where there is nothing to copy.
void copyBytes(std::span<const std::byte> from, void *to) {
  if (!from.empty())
    std::memcpy(to, from.data(), from.size());
}

class FileInputs final : public Inputs {
public:
  FileInputs(std::string folder, const InputShape &shape) : folder_(std::move(folder)), shape_(shape) {}

  Status check() const override {
    std::error_code error;
    if (!std::filesystem::is_directory(folder_, error)) {
      if (error && error != std::errc::no_such_file_or_directory && error != std::errc::not_a_directory)
        return {error == std::errc::permission_denied ? FARO_PERMISSION_DENIED : FARO_INVALID_ARGUMENT,
                fmt::format("{}: cannot look into this folder (--input): {}", folder_, error.message())};
      return {FARO_NOT_FOUND, fmt::format("{}: no such folder (--input)", folder_)};
    }
    for (uint32_t rank = 0; rank < shape_.ranks(); ++rank)
      if (Expected<RankInput> input = read(rank, false); !input)
        return input.status();
    return Status::ok();
  }

  Expected<RankInput> read(uint32_t rank, bool) const override;

  const std::byte *row(uint32_t, const RankInput &input, uint64_t token, std::byte *) const override {
    return input.rows + token * shape_.program.rowBytes();
  }

  std::string describe() const override { return folder_; }

private:
  std::string pathOf(uint32_t rank) const { return rankFile(folder_, rank); }
  /// A tensor [tokens, width] of `dtype`. `tokens` is filled in by the first one and expected of the others.
  Expected<const Tensor *> find(const File &file, uint32_t rank, const char *name, const char *dtype, uint64_t width,
                                const char *widthName, std::optional<uint64_t> &tokens) const;

  std::string folder_;
  InputShape shape_;
};

Expected<const Tensor *> FileInputs::find(const File &file, uint32_t rank, const char *name, const char *dtype,
                                          uint64_t width, const char *widthName,
                                          std::optional<uint64_t> &tokens) const {
  const std::string where = fmt::format("{} (rank {})", file.path(), rank);
  const Tensor *tensor = file.find(name);
  const std::string expected =
      tokens ? fmt::format("[{}, {}]", *tokens, width) : fmt::format("[any number of tokens, {}]", width);
  if (!tensor) {
    constexpr size_t Most = 20;
    const std::vector<Tensor> &others = file.tensors();
    std::string names;
    for (size_t i = 0; i < std::min(others.size(), Most); ++i)
      names += (names.empty() ? "" : ", ") + safetensors::shown(others[i].name);
    if (others.size() > Most)
      names += fmt::format(" and {} more", others.size() - Most);
    return Status(FARO_INVALID_ARGUMENT, fmt::format("{}: tensor '{}' is missing, expected {} {}; found {}", where,
                                                     name, expected, dtype, names.empty() ? "no tensors" : names));
  }
  if (tensor->dtype != dtype)
    return Status(FARO_INVALID_ARGUMENT, fmt::format("{}: tensor '{}' is {}, expected {}", where, name,
                                                     safetensors::shown(tensor->dtype), dtype));
  if (tensor->shape.size() != 2 || tensor->shape[1] != width || (tokens && tensor->shape[0] != *tokens))
    return Status(FARO_INVALID_ARGUMENT, fmt::format("{}: tensor '{}' is {}, expected {} (tokens x {})", where, name,
                                                     safetensors::shapeName(tensor->shape), expected, widthName));
  if (tensor->shape[0] > uint64_t(INT32_MAX))
    return Status(FARO_INVALID_ARGUMENT, fmt::format("{}: tensor '{}' has {} tokens, at most {} can be handled", where,
                                                     name, tensor->shape[0], INT32_MAX));
  tokens = tensor->shape[0];
  return tensor;
}

Expected<RankInput> FileInputs::read(uint32_t rank, bool) const {
  Expected<std::shared_ptr<const File>> file = File::open(pathOf(rank));
  if (!file) {
    if (file.status().code() == FARO_NOT_FOUND)
      return Status(FARO_NOT_FOUND,
                    fmt::format("{}: no such file; with {} ranks, rank{}.safetensors to rank{}.safetensors "
                                "are needed",
                                pathOf(rank), shape_.ranks(), 0, shape_.ranks() - 1));
    return Status(file.status().code(), fmt::format("rank {}: {}", rank, file.status().message()));
  }
  const reference::Program &program = shape_.program;
  std::optional<uint64_t> count;
  auto tokens = find(**file, rank, "tokens", dtypeName(program.element), program.columns, "the row's columns", count);
  if (!tokens)
    return tokens.status();
  auto topkIdx = find(**file, rank, "topk_idx", "I64", program.topk, "top-k", count);
  if (!topkIdx)
    return topkIdx.status();

  RankInput input;
  input.routing.tokens = *count;
  // Copied: the file promises no alignment. The rows are not: no kernel needs any.
  input.routing.topkIdx.resize(*count * program.topk);
  copyBytes((*topkIdx)->data, input.routing.topkIdx.data());
  if (std::string fault = reference::checkRouting(program, rank, input.routing); !fault.empty())
    return Status(FARO_INVALID_ARGUMENT, fmt::format("{}: topk_idx: {}", (*file)->path(), fault));
  if (shape_.needsWeights || (*file)->find("topk_weights")) {
    auto weights = find(**file, rank, "topk_weights", "F32", program.topk, "top-k", count);
    if (!weights)
      return weights.status();
    input.weights.resize(*count * program.topk);
    copyBytes((*weights)->data, input.weights.data());
  }
  input.rows = (*tokens)->data.data();
  input.keep = *file;
  return input;
}

} // namespace

std::unique_ptr<Inputs> fileInputs(const std::string &folder, const InputShape &shape) {
  return std::make_unique<FileInputs>(folder, shape);
}

} // namespace faro::run
