// Work that was captured from a stream, to be launched as one.
#pragma once

#include "runtime/device/cuda/Device.h"

#include <functional>

namespace faro::bench {

class Graph {
public:
  /// Of what `work` puts into the stream. Other threads may go on with theirs.
  static Expected<std::unique_ptr<Graph>> capture(cuda::Stream &stream, const std::function<Status()> &work);
  ~Graph();
  Graph(const Graph &) = delete;
  Graph &operator=(const Graph &) = delete;

  Status launch(cuda::Stream &stream) const;

private:
  explicit Graph(const cuda::Driver &driver) : driver(driver) {}
  const cuda::Driver &driver;
  cuda::api::GraphExec made = nullptr;
};

} // namespace faro::bench
