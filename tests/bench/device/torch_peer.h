// PyTorch as a peer: a process of its own, with the same tokens, routing and weights on the same device.
//
//   faro-bench                                   torch_peer.py
//   TorchPeer ── lines of JSON ────────────────► works while it is asked to, and takes its times itself
//      └─ memory of both: rows, lists ─────────► copied onto the device
//                         rows that came out ◄── "give"; checked here, by the definition
//
// Nothing of either is on the device while the other is measured: this side waits for its stream before it asks, the
// other for its own before it answers.
#pragma once

#include "tests/bench/device/child.h"
#include "tests/bench/device/gpu.h"
#include "tests/bench/device/shared_memory.h"
#include "tests/bench/report.h"

#include <nlohmann/json.hpp>

namespace faro::bench {

class TorchPeer {
public:
  /// Errors: no such Python, one without torch, another device than `gpu`.
  static Expected<std::unique_ptr<TorchPeer>> start(const Options &options, const Gpu &gpu);

  TorchVersion version;
  SharedMemory memory;

  /// Does what `command` says, {"do": ...}, and returns the answer. What fails ends the job.
  nlohmann::json ask(const nlohmann::json &command);

private:
  Status begin(const Options &options, const Gpu &gpu);
  Expected<nlohmann::json> tryTo(const nlohmann::json &command);

  std::unique_ptr<Child> child;
};

} // namespace faro::bench
