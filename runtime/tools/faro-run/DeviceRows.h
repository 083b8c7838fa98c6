// A rank's rows on a CUDA device: what the files and the checks have in host memory is copied there and back.
#pragma once

#include "faro/session.h"
#include "runtime/device/cuda/Device.h"

namespace faro::run {

class DeviceRows {
public:
  static Expected<std::unique_ptr<DeviceRows>> open(int number);

  /// The tokens, once.
  Expected<ConstRows> putTokens(ConstRows host);
  /// Memory for combined tokens that lie as those of `host`, and holds what these hold.
  Expected<Rows> makeCombined(Rows host);
  Status putCombined(Rows host);
  Status getCombined(Rows host);
  /// Rows of the session, in host memory until the next call.
  Expected<Rows> getReceived(const Rows &onDevice);
  /// `host` rows lie as those of `onDevice`.
  Status put(const Rows &onDevice, const std::byte *host);

private:
  std::shared_ptr<cuda::Device> device;
  std::unique_ptr<cuda::Stream> stream;
  cuda::Memory tokens, combined;
  std::vector<std::byte> received;
};

} // namespace faro::run
