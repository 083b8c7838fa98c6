#include "runtime/device/cuda/StreamMarks.h"

namespace faro::cuda {

Expected<uint64_t> StreamMarks::set(Stream &stream) {
  if (unused.empty()) {
    auto made = Event::create(device);
    if (!made)
      return made.status();
    unused.push_back(std::move(*made));
  }
  FARO_RETURN_IF_ERROR(unused.back()->record(stream));
  outstanding.push_back(std::move(unused.back()));
  unused.pop_back();
  return ++last;
}

Expected<bool> StreamMarks::passed(uint64_t mark) {
  // A stream is in order: as long as the device has not come by the first mark, there is no use in asking for others.
  while (mark > last - outstanding.size()) {
    auto over = outstanding.front()->test();
    if (!over || !*over)
      return over;
    unused.push_back(std::move(outstanding.front()));
    outstanding.pop_front();
  }
  return true;
}

void StreamMarks::passedAll() {
  for (; !outstanding.empty(); outstanding.pop_front())
    unused.push_back(std::move(outstanding.front()));
}

} // namespace faro::cuda
