#include "runtime/tools/faro-run/Places.h"
#include "runtime/tools/faro-run/OutputFile.h"

#include <filesystem>
#include <fmt/format.h>
#include <sys/stat.h>

namespace faro::run {

namespace fs = std::filesystem;

std::string rankFile(const std::string &folder, uint32_t rank) {
  return (fs::path(folder) / fmt::format("rank{}.safetensors", rank)).string();
}

std::optional<Places::Place> Places::placeOf(const std::string &path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    return std::nullopt;
  const fs::path file(writtenAt(path));
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  if (::stat(folder.c_str(), &info) != 0)
    return std::nullopt;
  return Place{info.st_dev, info.st_ino, file.filename().string()};
}

Places::Places(const Options &options, uint32_t ranks) : options_(options), ranks_(ranks) {
  if (auto place = placeOf(options.program))
    held_.emplace(*place, "the program");
  if (options.input.empty())
    return;
  if (struct stat info{}; ::stat(options.input.c_str(), &info) == 0)
    input_.emplace(info.st_dev, info.st_ino);
  for (uint32_t rank = 0; rank < ranks; ++rank)
    if (auto place = placeOf(rankFile(options.input, rank)))
      held_.emplace(*place, "input");
}

std::string Places::holderOf(const Place &place) const {
  if (const auto found = held_.find(place); found != held_.end())
    return found->second;
  // Of other runs, with more ranks.
  const bool inInput = input_ && *input_ == std::pair(place.device, place.folder);
  return inInput && place.name.starts_with("rank") && place.name.ends_with(".safetensors") ? "input" : "";
}

Status Places::take(const std::string &path, const std::string &as, const std::string &refused) {
  const std::optional<Place> place = placeOf(path);
  if (!place)
    return Status::ok();
  if (const std::string holder = holderOf(*place); !holder.empty()) {
    std::error_code error;
    const std::string through =
        fs::is_symlink(path, error) ? fmt::format(", through a link to {}", writtenAt(path)) : "";
    return {FARO_INVALID_ARGUMENT,
            fmt::format("{}: will not be replaced by {}: it is {}{}", path, refused, holder, through)};
  }
  held_.emplace(*place, as);
  return Status::ok();
}

Status Places::takeOutputs() {
  Status first;
  if (!options_.output.empty())
    for (uint32_t rank = 0; rank < ranks_; ++rank) {
      const std::string as = fmt::format("the output of rank {}", rank);
      if (Status taken = take(rankFile(options_.output, rank), as, as); !taken && first)
        first = taken;
    }
  return first;
}

Status Places::takeReport(const std::string &path) {
  return path.empty() ? Status::ok() : take(path, "the other report", "a report");
}

} // namespace faro::run
