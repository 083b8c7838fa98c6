#include "runtime/engine/SessionWindows.h"

#include "runtime/engine/OriginExchange.h"

namespace faro {

SessionWindows::SessionWindows(const std::shared_ptr<Communicator> &communicator, const NodeGather &gather,
                               const NodeMemoryMaker &rows)
    : received(communicator, gather, "window of received rows", rows),
      outputs(communicator, gather, "window of expert outputs", rows),
      origins(communicator, gather, "window of row origins"),
      transit(communicator, gather, "window of rows in transit", rows),
      transitPlaces(communicator, gather, "window of places of rows in transit"),
      partials(communicator, gather, "window of partial sums", rows), node(nodeRanks(*communicator)) {}

std::vector<uint64_t> SessionWindows::bytesOf(const Batch &batch, uint64_t bytesPerRow) const {
  std::vector<uint64_t> bytes;
  for (const uint32_t rank : node)
    bytes.push_back(batch.rowsOfRank[rank] * bytesPerRow);
  return bytes;
}

static std::vector<uint64_t> timesBytes(const std::vector<uint32_t> &rows, uint64_t bytesPerRow) {
  std::vector<uint64_t> bytes;
  for (const uint32_t count : rows)
    bytes.push_back(count * bytesPerRow);
  return bytes;
}

Status SessionWindows::ensureReceived(const Batch &batch) {
  const uint64_t before = received.growths();
  FARO_RETURN_IF_ERROR(received.ensure(bytesOf(batch, batch.program->row.stride)));
  if (received.growths() != before)
    receivedOf = 0;
  if (!batch.across)
    return Status::ok();
  const std::vector<uint32_t> &rows = batch.across->transitRowsOfRank;
  FARO_RETURN_IF_ERROR(transit.ensure(timesBytes(rows, transitRowBytes(*batch.program))));
  return transitPlaces.ensure(timesBytes(rows, transitPlaceBytes(*batch.program)));
}

bool SessionWindows::outputsFit(const Batch &batch) const {
  return outputs.fits(bytesOf(batch, batch.program->row.stride));
}

Status SessionWindows::ensureOutputs(const Batch &batch) {
  const uint64_t before = outputs.growths();
  FARO_RETURN_IF_ERROR(outputs.ensure(bytesOf(batch, batch.program->row.stride)));
  if (outputs.growths() != before)
    outputsOf = 0;
  return Status::ok();
}

Status SessionWindows::ensureOrigins(const Batch &batch) { return origins.ensure(bytesOf(batch, sizeof(Origin))); }

Status SessionWindows::ensurePartials(const NodePlan &across, uint64_t partialStride) {
  return partials.ensure(timesBytes(across.partialRowsOfRank, partialStride));
}

uint64_t SessionWindows::growths() const {
  return received.growths() + outputs.growths() + origins.growths() + transit.growths() + transitPlaces.growths() +
         partials.growths();
}

uint64_t SessionWindows::bytes() const {
  return received.bytes() + outputs.bytes() + origins.bytes() + transit.bytes() + transitPlaces.bytes() +
         partials.bytes();
}

} // namespace faro
