#include "tests/bench/device/graph.h"

namespace faro::bench {

Expected<std::unique_ptr<Graph>> Graph::capture(cuda::Stream &stream, const std::function<Status()> &work) {
  std::unique_ptr<Graph> graph(new Graph(stream.device().driver()));
  const cuda::Driver &cuda = graph->driver;
  FARO_RETURN_IF_ERROR(
      cuda.check(cuda.streamBeginCapture(stream.handle(), cuda::api::CaptureThreadLocal), "cuStreamBeginCapture"));
  const Status captured = work();
  cuda::api::Graph launches = nullptr;
  const Status ended = cuda.check(cuda.streamEndCapture(stream.handle(), &launches), "cuStreamEndCapture");
  if (!ended)
    return captured ? ended : captured;
  const Status made =
      captured ? cuda.check(cuda.graphInstantiate(&graph->made, launches, 0), "cuGraphInstantiate") : captured;
  (void)cuda.graphDestroy(launches);
  if (!made)
    return made;
  return graph;
}

Graph::~Graph() {
  if (made)
    (void)driver.graphExecDestroy(made);
}

Status Graph::launch(cuda::Stream &stream) const {
  return driver.check(driver.graphLaunch(made, stream.handle()), "cuGraphLaunch");
}

} // namespace faro::bench
