#include "tests/bench/device/torch_peer.h"

#include "tests/bench/require.h"

#include <climits>
#include <fmt/format.h>
#include <unistd.h>

namespace faro::bench {

using nlohmann::json;

/// Beside this program.
static std::string scriptPath() {
  char path[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
  const std::string self(path, length > 0 ? size_t(length) : 0);
  return self.substr(0, self.rfind('/') + 1) + "torch_peer.py";
}

Expected<std::unique_ptr<TorchPeer>> TorchPeer::start(const Options &options, const Gpu &gpu) {
  auto peer = std::make_unique<TorchPeer>();
  FARO_RETURN_IF_ERROR(peer->begin(options, gpu));
  return peer;
}

Status TorchPeer::begin(const Options &options, const Gpu &gpu) {
  const std::string script = scriptPath();
  if (::access(script.c_str(), R_OK) != 0)
    return Status(FARO_UNAVAILABLE,
                  fmt::format("--torch: {} is not there; it is built together with faro-bench", script));
  FARO_RETURN_IF_ERROR(memory.create());
  auto started = Child::start(fmt::format("--torch {}", options.torch), {options.torch, "-B", script},
                              memory.descriptor(), std::chrono::milliseconds(int64_t(options.torchTimeout * 1e3)));
  if (!started)
    return Status(started.status().code(),
                  fmt::format("{}; it must name a Python that can import torch", started.status().message()));
  child = std::move(*started);
  const bool onDevice = options.torchDevice == "cuda";
  const auto answer = tryTo({{"do", "begin"},
                             {"device", onDevice ? fmt::format("cuda:{}", options.cudaDevice) : options.torchDevice},
                             {"memory", memory.descriptor()}});
  if (!answer)
    return answer.status();
  const json name = answer->value("torch", json()), device = answer->value("device", json());
  if (!name.is_string() || !device.is_string())
    return child->error(fmt::format("answers \"begin\" with {}; expected \"torch\", a version, and \"device\", a name",
                                    answer->dump()));
  version = {name.get<std::string>(), device.get<std::string>(), onDevice};
  if (onDevice && version.device != gpu.device->name())
    return child->error(fmt::format("is on another device: CUDA device {} is {} here, and {} there", options.cudaDevice,
                                    gpu.device->name(), version.device));
  return Status::ok();
}

Expected<json> TorchPeer::tryTo(const json &command) {
  const std::string what = fmt::format("\"{}\"", command.at("do").get<std::string>());
  const auto line = child->ask(command.dump(), what);
  if (!line)
    return line.status();
  json answer = json::parse(*line, nullptr, false);
  if (answer.is_object() && answer.contains("error") && answer["error"].is_string())
    return child->error(fmt::format("failed at {}: {}", what, answer["error"].get<std::string>()));
  if (!answer.is_object() || answer.value("did", json()) != command.at("do"))
    return child->error(fmt::format("answers {} with nonsense: {}; expected a line of JSON, {{\"did\": {}}}", what,
                                    json(line->substr(0, 200)).dump(-1, ' ', false, json::error_handler_t::replace),
                                    what));
  return answer;
}

json TorchPeer::ask(const json &command) {
  auto answer = tryTo(command);
  if (!answer)
    endJob(answer.status().message());
  return std::move(*answer);
}

} // namespace faro::bench
