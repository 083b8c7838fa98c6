// Graphs of the stand-in for NVIDIA's driver: launches that were captured from a stream, to be put into one again.
#include "runtime/device/cuda/DriverApi.h"
#include "tests/runtime/device/FakeStream.h"

#include <utility>

namespace api = faro::cuda::api;
using faro::test::FakeGraph;
using faro::test::FakeStream;

static FakeStream &streamOf(api::Stream stream) { return *reinterpret_cast<FakeStream *>(stream); }

extern "C" {

api::Result cuThreadExchangeStreamCaptureMode(int *mode) {
  std::swap(*mode, faro::test::captureMode());
  return 0;
}
api::Result cuFuncLoad(api::Function) { return 0; }
api::Result cuStreamBeginCapture_v2(api::Stream stream, int mode) {
  return streamOf(stream).beginCapture(new FakeGraph(), mode == api::CaptureThreadLocal);
}
api::Result cuStreamEndCapture(api::Stream stream, api::Graph *graph) {
  FakeGraph *made = nullptr;
  const api::Result result = streamOf(stream).endCapture(&made);
  if (result) {
    delete made;
    made = nullptr;
  }
  *graph = reinterpret_cast<api::Graph>(made);
  return result;
}
api::Result cuGraphInstantiateWithFlags(api::GraphExec *made, api::Graph graph, unsigned long long) {
  *made = reinterpret_cast<api::GraphExec>(new FakeGraph(*reinterpret_cast<FakeGraph *>(graph)));
  return 0;
}
api::Result cuGraphLaunch(api::GraphExec graph, api::Stream stream) {
  for (const auto &launch : *reinterpret_cast<FakeGraph *>(graph))
    streamOf(stream).put(launch, /*withinDevice=*/true);
  return 0;
}
api::Result cuGraphExecDestroy(api::GraphExec graph) {
  delete reinterpret_cast<FakeGraph *>(graph);
  return 0;
}
api::Result cuGraphDestroy(api::Graph graph) {
  delete reinterpret_cast<FakeGraph *>(graph);
  return 0;
}
}
