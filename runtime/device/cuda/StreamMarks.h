// Places in a stream, in the order in which they were set, and which of them the device has come by.
#pragma once

#include "runtime/device/cuda/Device.h"

#include <deque>

namespace faro::cuda {

class StreamMarks {
public:
  explicit StreamMarks(std::shared_ptr<const Device> device) : device(std::move(device)) {}

  /// Behind what is in the stream now. All marks are set in one stream. The number is greater than 0 and any before.
  Expected<uint64_t> set(Stream &);
  /// Whether the device has come by the mark, and so by all before it. A kernel that failed is an error here.
  Expected<bool> passed(uint64_t mark);
  /// The caller has waited for the stream.
  void passedAll();

private:
  std::shared_ptr<const Device> device;
  uint64_t last = 0;                              ///< set
  std::deque<std::unique_ptr<Event>> outstanding; ///< of the last marks
  std::vector<std::unique_ptr<Event>> unused;
};

} // namespace faro::cuda
