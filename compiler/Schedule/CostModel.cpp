#include "compiler/Schedule/CostModel.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace faro::compiler {
namespace {

constexpr double KiB = 1024, MiB = 1024 * KiB;

// "Assumed" figures have the right order of magnitude and are to be measured where it matters; none of them changes
// what is correct, only how fast it is.

/// Sockets, as between processes of one machine.
constexpr WireModel Tcp = {
    .copyRate = 8,     // measured: long rows gathered and scattered by one core while tcp ran on loopback
    .copyStart = 1000, // assumed: a kernel's start
    .post = 10000,     // assumed: a system call and its copy's start
    .wireRate = 5,     // measured: loopback, between the slowest and the fastest that UCX and sockets alone reach
    .wireStart = 200,  // assumed
    .latency = 30000,  // assumed
    .completion = 0,   // a send is over when the bytes are in the socket's buffer
    .credit = 30000,   // a small message back: a latency
    .piece = 250,      // assumed: one more entry of an IOV, which the kernel copies from anyway
    .leastSlice = uint64_t(64 * KiB), // half of the most; the best that was measured for long rows lies between the two
    .mostSlice = uint64_t(128 * KiB), // 8 slots of it on either side fill a second-level cache of 2 MiB
};

/// A NIC of 400 Gbit/s.
constexpr WireModel Rdma = {
    .copyRate = 200,                   // assumed: a GPU's or several cores' rate
    .copyStart = 2000,                 // assumed: a kernel's start
    .post = 2000,                      // assumed: a doorbell
    .wireRate = 50,                    // the NIC's
    .wireStart = 200,                  // assumed
    .latency = 5000,                   // assumed
    .completion = 5000,                // when the other side has answered
    .credit = 5000,                    // a small message back: a latency
    .piece = 0,                        // it cannot: the model's tokens are not memory that the NIC knows
    .leastSlice = uint64_t(256 * KiB), // below it the cost of a slice shows
    .mostSlice = uint64_t(4 * MiB),    // above it the fill does
};

constexpr std::array<const WireModel *, 2> Models = {&Tcp, &Rdma};
constexpr std::array<const char *, 2> Names = {"tcp", "rdma"};

/// The formula asks for 2 or 3. Stages that take much longer now and then ask for more, so that others go on meanwhile.
constexpr uint32_t Slots = 8;

/// A ring of a forwarder exists once for each flow that arrives, so it may not be large: rows that are get fewer slots.
constexpr uint64_t MostRingBytes = uint64_t(16 * MiB);

/// What one rank sends in batches of a thousand and of ten thousand tokens. Smaller ones spend their time on filling
/// the pipeline, whatever the slices.
constexpr double ReferenceVolumes[] = {64 * MiB, 512 * MiB};

/// The mean over the reference volumes of the predicted time over that of the wire alone.
double meanLoss(const WireModel &wire, uint64_t slice) {
  const SliceTimes times = sliceTimes(wire, 1, slice, false);
  double sum = 0;
  for (double volume : ReferenceVolumes)
    sum += pipelineTime(times, Slots, uint64_t(std::ceil(volume / double(slice)))) / (volume / wire.wireRate);
  return sum / double(std::size(ReferenceVolumes));
}

} // namespace

std::optional<WireClass> wireClassFromName(std::string_view name) {
  for (size_t i = 0; i < Names.size(); ++i)
    if (name == Names[i])
      return WireClass(i);
  return std::nullopt;
}

const char *wireClassName(WireClass wire) { return Names[size_t(wire)]; }
const WireModel &wireModel(WireClass wire) { return *Models[size_t(wire)]; }

SliceTimes sliceTimes(const WireModel &wire, uint64_t rows, uint64_t rowBytes, bool byReference) {
  const double bytes = double(rows) * double(rowBytes);
  SliceTimes times;
  times.gather = wire.copyStart + (byReference ? double(rows) * wire.piece : bytes / wire.copyRate);
  times.post = wire.post;
  times.wire = wire.wireStart + bytes / wire.wireRate;
  times.latency = wire.latency;
  times.scatter = wire.copyStart + bytes / wire.copyRate;
  times.completion = wire.completion;
  times.credit = wire.credit;
  return times;
}

double slicePeriod(const SliceTimes &t, uint32_t slots) {
  return std::max({t.gather, t.post, t.wire, t.scatter, (t.gather + t.post + t.wire + t.completion) / slots,
                   (2 * t.post + t.wire + t.latency + t.scatter + t.credit) / slots});
}

double pipelineTime(const SliceTimes &t, uint32_t slots, uint64_t slices) {
  return t.gather + 2 * t.post + t.wire + t.latency + t.scatter + double(slices - 1) * slicePeriod(t, slots);
}

MarkedGraph pipelineGraph(const SliceTimes &times, uint64_t sendSlots, uint64_t receiveSlots) {
  MarkedGraph graph;
  // A stage works on one slice at a time: a token that it takes and gives back.
  auto stage = [&](const char *name, double delay) {
    const size_t actor = graph.addActor(name, delay);
    graph.addEdge(actor, actor, 1, "one slice at a time");
    return actor;
  };
  const size_t gather = stage("gather", times.gather), post = stage("post", times.post);
  const size_t wire = stage("wire", times.wire), notice = stage("notice", times.post);
  const size_t scatter = stage("scatter", times.scatter);
  const size_t latency = graph.addActor("latency", times.latency);
  const size_t completion = graph.addActor("completion", times.completion);
  const size_t credit = graph.addActor("credit", times.credit);
  const size_t way[] = {gather, post, wire, latency, notice, scatter, credit};
  for (size_t i = 0; i + 1 < std::size(way); ++i)
    graph.addEdge(way[i], way[i + 1], 0, "the same slice");
  graph.addEdge(wire, completion, 0, "the same slice");
  graph.addEdge(completion, gather, sendSlots, "slots of the sender");
  graph.addEdge(credit, post, receiveSlots, "slots of the receiver");
  graph.addPool({"tx", gather, {wire}, sendSlots});
  graph.addPool({"rx", wire, {scatter}, receiveSlots});
  return graph;
}

uint64_t sliceBytes(uint64_t rows, uint64_t rowStride, uint64_t destinations, bool byReference) {
  constexpr uint64_t Line = 64;
  const uint64_t head = SliceHeaderBytes + rows * (RowHeaderBytes + destinations * DestinationBytes);
  return (head + Line - 1) / Line * Line + (byReference ? 0 : rows * rowStride);
}

uint64_t rowsIn(uint64_t bytes, uint64_t rowStride, uint64_t destinations, bool byReference) {
  // Rows and their part of the head, as if the head were not rounded up: at most a row too many.
  const uint64_t perRow = RowHeaderBytes + destinations * DestinationBytes + (byReference ? 0 : rowStride);
  uint64_t rows = bytes < SliceHeaderBytes ? 0 : (bytes - SliceHeaderBytes) / perRow;
  while (rows > 0 && sliceBytes(rows, rowStride, destinations, byReference) > bytes)
    --rows;
  return rows;
}

uint64_t effectiveSlots(uint64_t slots, uint64_t slotBytes, uint64_t bytesOfOneRow) {
  if (slotBytes == 0 || bytesOfOneRow == 0)
    return 0;
  return slots / ((bytesOfOneRow + slotBytes - 1) / slotBytes);
}

SliceChoice chooseSlices(WireClass wire, uint64_t rowStride, uint64_t destinations) {
  const WireModel &model = wireModel(wire);
  double least = std::numeric_limits<double>::max();
  for (uint64_t slice = model.leastSlice; slice <= model.mostSlice; slice *= 2)
    least = std::min(least, meanLoss(model, slice));
  // The smallest that is as good as the best: half a percent is worth less than memory.
  SliceChoice choice{.slotBytes = model.leastSlice, .slots = Slots};
  while (meanLoss(model, choice.slotBytes) > 1.005 * least)
    choice.slotBytes *= 2;
  // A row that needs more than a slot: slots of whole pages that hold one, and at least two of them, so that one is
  // filled while the other is on its way.
  constexpr uint64_t Page = 4096;
  if (const uint64_t one = sliceBytes(1, rowStride, destinations); one > choice.slotBytes) {
    choice.slotBytes = (one + Page - 1) / Page * Page;
    choice.slots = uint32_t(std::clamp<uint64_t>(MostRingBytes / choice.slotBytes, 2, Slots));
  }
  choice.byReference = model.piece > 0 && model.piece < double(rowStride) / model.copyRate;
  return choice;
}

double predictTime(WireClass wire, const SliceChoice &slices, const Volumes &volumes, const Host &host) {
  WireModel model = wireModel(wire);
  if (host.wireRate > 0)
    model.wireRate = host.wireRate;
  const double memoryRate = host.memoryRate > 0 ? host.memoryRate : model.copyRate;
  const double local = double(volumes.localBytes) / memoryRate / host.coresPerRank;
  const uint64_t rows = std::max(volumes.sentRows, volumes.receivedRows);
  if (rows == 0)
    return local;
  const uint64_t rowsASlice = std::max<uint64_t>(1, rowsIn(slices.slotBytes, volumes.rowBytes, 1));
  const uint64_t count = (rows + rowsASlice - 1) / rowsASlice;
  const double share = double(rowsASlice) / double(rows);
  SliceTimes times = sliceTimes(model, rowsASlice, volumes.rowBytes, slices.byReference);
  // What is stored and read for a slice is not what the wire carries: a row goes to several places, a sum has several
  // terms.
  times.scatter = model.copyStart + double(volumes.fannedOutBytes) * share / memoryRate;
  if (!slices.byReference)
    times.gather = model.copyStart + double(volumes.gatheredBytes) * share / memoryRate;
  // Each rank sends and receives with the same cores, and does its node's own items meanwhile.
  const double cores = local + double(count) * (times.gather + 2 * times.post + times.scatter) / host.coresPerRank;
  return std::max(pipelineTime(times, slices.slots, count), cores + times.wire + times.latency);
}

} // namespace faro::compiler
