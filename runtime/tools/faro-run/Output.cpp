#include "runtime/tools/faro-run/Output.h"

#include "runtime/tools/faro-run/Inputs.h"
#include "runtime/tools/faro-run/Places.h"
#include "runtime/tools/faro-run/Safetensors.h"

#include <filesystem>
#include <fmt/format.h>
#include <unistd.h>

namespace faro::run {

static_assert(sizeof(Source) == 3 * sizeof(int64_t), "recv_source is written as it lies in memory");

Expected<std::vector<OutputFile>> openOutputs(const std::string &folder, const std::string &input, uint32_t begin,
                                              uint32_t end) {
  FARO_RETURN_IF_ERROR(makeFolder(folder));
  std::error_code error;
  if (!input.empty() && std::filesystem::equivalent(folder, input, error))
    return Status(
        FARO_INVALID_ARGUMENT,
        fmt::format("{}: --output is the folder of --input; its files would be replaced, give another", folder));
  std::vector<OutputFile> files;
  for (uint32_t rank = begin; rank < end; ++rank) {
    Expected<OutputFile> file = OutputFile::open(rankFile(folder, rank));
    if (!file)
      return file.status();
    files.push_back(std::move(*file));
  }
  return files;
}

Status commitOutputs(std::vector<OutputFile> &files) {
  for (OutputFile &file : files)
    if (Status status = file.commit(); !status) {
      revokeOutputs(files);
      return status;
    }
  return Status::ok();
}

void revokeOutputs(std::vector<OutputFile> &files) {
  for (OutputFile &file : files)
    file.revoke();
}

Status writeOutput(int fd, const std::string &path, const Job &job, const Received &received,
                   const std::optional<std::vector<Source>> &sources, const std::optional<Rows> &combined) {
  using safetensors::TensorInfo;
  const reference::Program &program = job.reference;
  const uint64_t rows = uint64_t(received.rows.rows), rowBytes = program.rowBytes();
  const char *dtype = dtypeName(program.element);

  // The widest elements first, as the format's own library does it: each tensor is then aligned for its type.
  std::vector<TensorInfo> tensors;
  if (sources)
    tensors.push_back({"recv_source", "I64", {rows, 3}});
  if (job.expertFirst())
    tensors.push_back({"expert_offsets", "I64", {received.expertOffsets.size()}});
  tensors.push_back({"expert_counts", "I64", {received.expertCounts.size()}});
  tensors.push_back({"recv", dtype, {rows, program.columns}});
  if (combined)
    tensors.push_back({"combined", dtype, {uint64_t(combined->rows), program.columns}});

  safetensors::Writer writer(fd, path);
  FARO_RETURN_IF_ERROR(writer.begin(tensors));
  if (sources)
    FARO_RETURN_IF_ERROR(writer.append(sources->data(), sources->size() * sizeof(Source)));
  if (job.expertFirst())
    FARO_RETURN_IF_ERROR(writer.append(received.expertOffsets.data(), received.expertOffsets.size_bytes()));
  FARO_RETURN_IF_ERROR(writer.append(received.expertCounts.data(), received.expertCounts.size_bytes()));
  FARO_RETURN_IF_ERROR(writer.appendRows(received.rows.data, rows, rowBytes, uint64_t(received.rows.stride)));
  if (combined)
    FARO_RETURN_IF_ERROR(
        writer.appendRows(combined->data, uint64_t(combined->rows), rowBytes, uint64_t(combined->stride)));
  return writer.finish();
}

} // namespace faro::run
