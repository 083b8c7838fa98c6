// rank<r>.safetensors of the output folder.
#pragma once

#include "faro/session.h"
#include "runtime/tools/faro-run/Job.h"
#include "runtime/tools/faro-run/OutputFile.h"

#include <optional>
#include <vector>

namespace faro::run {

/// Creates the folder where it is missing and opens a file per rank (of ranks [begin, end)), none of which is visible
/// yet. Errors name the folder or file. `input` is the folder that is read from: the two must differ, for the files
/// have the same names.
Expected<std::vector<OutputFile>> openOutputs(const std::string &folder, const std::string &input, uint32_t begin,
                                              uint32_t end);

/// Puts all files in place, or none.
Status commitOutputs(std::vector<OutputFile> &files);
/// Takes those that were put in place away again.
void revokeOutputs(std::vector<OutputFile> &files);

/// Writes one rank's tensors: recv, recv_source (where it is known), expert_offsets (where the layout is expert-first),
/// expert_counts, and combined where there is one.
Status writeOutput(int fd, const std::string &path, const Job &job, const Received &received,
                   const std::optional<std::vector<Source>> &sources, const std::optional<Rows> &combined);

} // namespace faro::run
