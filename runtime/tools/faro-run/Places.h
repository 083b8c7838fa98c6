// Which files a run reads and which it replaces: none may be both, and none is replaced twice.
#pragma once

#include "faro/status.h"
#include "runtime/tools/faro-run/Options.h"

#include <map>
#include <string>
#include <sys/types.h>
#include <utility>

namespace faro::run {

class Places {
public:
  /// Knows what a run of so many ranks reads: the program, and input.
  Places(const Options &options, uint32_t ranks);

  /// Takes the places of all ranks' outputs. Errors: one of them is read, or another rank's.
  Status takeOutputs();
  /// Takes the place of a report. Errors: it is read, an output, or another report.
  Status takeReport(const std::string &path);

private:
  /// The folder by its number, not by its name: mounts and links give it many.
  struct Place {
    dev_t device = 0;
    ino_t folder = 0;
    std::string name;
    auto operator<=>(const Place &) const = default;
  };
  /// Nothing when there is no such folder, or what is there is no regular file: it is then not replaced.
  static std::optional<Place> placeOf(const std::string &path);
  /// What lies there, for people; empty: nothing that matters.
  std::string holderOf(const Place &place) const;
  Status take(const std::string &path, const std::string &as, const std::string &refused);

  const Options &options_;
  const uint32_t ranks_;
  std::map<Place, std::string> held_;            ///< what is there, for people
  std::optional<std::pair<dev_t, ino_t>> input_; ///< the folder
};

/// "DIR/rank3.safetensors"
std::string rankFile(const std::string &folder, uint32_t rank);

} // namespace faro::run
