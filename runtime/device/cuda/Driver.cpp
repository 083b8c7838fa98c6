#include "runtime/device/cuda/Driver.h"

#include <cstdlib>
#include <fmt/format.h>
#include <mutex>

namespace faro::cuda {

void letStreamsRunSideBySide() {
  ::setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", /*overwrite=*/0);
  ::setenv("CUDA_MODULE_LOADING", "EAGER", /*overwrite=*/0);
}

static std::string versionText(int version) { return fmt::format("{}.{}", version / 1000, version % 1000 / 10); }

Expected<std::shared_ptr<const Driver>> Driver::load(const std::string &library) {
  auto driver = std::make_shared<Driver>();
  auto opened = SharedLibrary::open(library);
  if (!opened)
    return Status(FARO_UNAVAILABLE, fmt::format("no CUDA driver: {}; install NVIDIA's driver, or leave work on the CPU",
                                                opened.status().message()));
  driver->library = std::move(*opened);
  const char *missing = nullptr;
#define FARO_CUDA_FIND(member, symbol, parameters)                                                                     \
  if (!(driver->member = reinterpret_cast<api::Result(*) parameters>(driver->library->find(#symbol))) && !missing)     \
    missing = #symbol;
  FARO_CUDA_FUNCTIONS(FARO_CUDA_FIND)
#undef FARO_CUDA_FIND
  const auto tooOld = [&](const std::string &what) {
    return Status(FARO_UNAVAILABLE, fmt::format("the CUDA driver {} {}; expected one for CUDA {} or later: update "
                                                "NVIDIA's driver, or leave work on the CPU",
                                                driver->library->path(), what, versionText(LeastVersion)));
  };
  if (missing)
    return tooOld(fmt::format("has no function {}", missing));
  if (driver->driverGetVersion(&driver->version_) != api::Success || driver->version_ < LeastVersion)
    return tooOld(fmt::format("is for CUDA {}", versionText(driver->version_)));
  const Status ready = driver->check(driver->init(0), "cuInit");
  if (!ready)
    return Status(FARO_UNAVAILABLE, fmt::format("the CUDA driver {} does not start: {}; is there a device that this "
                                                "process may use (CUDA_VISIBLE_DEVICES)?",
                                                driver->library->path(), ready.message()));
  int devices = 0;
  if (driver->deviceGetCount(&devices) != api::Success || devices == 0)
    return Status(FARO_UNAVAILABLE,
                  fmt::format("the CUDA driver {} finds no device that this process may use (CUDA_VISIBLE_DEVICES)",
                              driver->library->path()));
  return std::shared_ptr<const Driver>(std::move(driver));
}

Expected<std::shared_ptr<const Driver>> Driver::get() {
  static std::mutex mutex;
  static std::shared_ptr<const Driver> loaded;
  const std::lock_guard lock(mutex);
  if (loaded)
    return loaded;
  const char *given = std::getenv("FARO_CUDA_DRIVER");
  auto driver = load(given && *given ? given : "libcuda.so.1");
  if (driver)
    loaded = *driver;
  return driver;
}

Status Driver::check(api::Result result, const std::string &what) const {
  if (result == api::Success)
    return Status::ok();
  const char *name = nullptr, *text = nullptr;
  if (getErrorName(result, &name) != api::Success || !name)
    name = "an error it has no name for";
  if (getErrorString(result, &text) != api::Success || !text)
    text = "";
  constexpr api::Result OutOfMemory = 2; // CUDA_ERROR_OUT_OF_MEMORY
  return {result == OutOfMemory ? FARO_OUT_OF_MEMORY : FARO_INTERNAL,
          fmt::format("{}: {} ({}){}{}", what, name, result, *text ? ": " : "", text)};
}

} // namespace faro::cuda
