#include "runtime/device/cuda/PlanMemory.h"

#include <chrono>
#include <cstring>

namespace faro::cuda {

namespace {

/// One allocation for everything that is this rank's alone: put together here, and copied once.
class Block {
public:
  /// Room for `count` values, zeros. Until `place` a field holds how far it is from the beginning.
  template <typename T> void room(uint64_t &field, size_t count) {
    constexpr size_t Line = 128; // of a device's second cache
    image.resize((image.size() + Line - 1) / Line * Line);
    field = image.size();
    fields.push_back(&field);
    image.resize(image.size() + count * sizeof(T));
  }
  template <typename T> void put(uint64_t &field, const std::vector<T> &values) {
    room<T>(field, values.size());
    std::memcpy(image.data() + field, values.data(), values.size() * sizeof(T));
  }
  void place(uint64_t base) {
    for (uint64_t *field : fields)
      *field += base;
  }

  std::vector<std::byte> image;

private:
  std::vector<uint64_t *> fields;
};

std::vector<uint64_t> addressesOf(const NodeMemory &memory, uint32_t ranks, uint64_t offset = 0) {
  std::vector<uint64_t> addresses;
  for (uint32_t rank = 0; rank < ranks; ++rank)
    addresses.push_back(reinterpret_cast<uintptr_t>(memory.of(rank)) + offset);
  return addresses;
}

} // namespace

Expected<std::unique_ptr<PlanMemory>> PlanMemory::create(const std::shared_ptr<Communicator> &communicator,
                                                         std::shared_ptr<const Device> device,
                                                         const faro_abi_program &program, const ExpertMap &map,
                                                         const Sizes &sizes) {
  const uint32_t ranks = communicator->size(), rank = communicator->rank(), experts = map.experts();
  std::unique_ptr<PlanMemory> made(new PlanMemory());
  const NodeGather gather = gatherOverJob(communicator);
  const auto window = [&](std::unique_ptr<NodeMemory> &to, uint64_t bytes, const char *what) -> Status {
    auto memory = DeviceWindow::create(*communicator, device, std::vector<uint64_t>(ranks, bytes), gather, what);
    if (!memory)
      return memory.status();
    to = std::move(*memory);
    return Status::ok();
  };
  const uint64_t signalBytes = FARO_ABI_MEETINGS * ranks * sizeof(uint64_t);
  const uint64_t boardBytes = sizeof(uint32_t) * ranks * experts;
  const uint64_t windowBytes = uint64_t(sizes.rows) * program.row.stride;
  FARO_RETURN_IF_ERROR(window(made->words, signalBytes + boardBytes, "signals of planning"));
  FARO_RETURN_IF_ERROR(window(made->received, windowBytes, "window of received rows"));
  if (!sizes.inPlace)
    FARO_RETURN_IF_ERROR(window(made->outputs, windowBytes, "window of expert outputs"));

  made->board_ = reinterpret_cast<uintptr_t>(made->words->of(rank)) + signalBytes;

  faro_abi_plan_area &area = made->area_;
  Block block;
  uint64_t start = 0;
  block.room<faro_abi_plan_area>(start, 1);
  area.rank = rank;
  area.ranks = ranks;
  area.capacity = uint64_t(sizes.rows);
  area.timeout = uint64_t(std::chrono::nanoseconds(communicator->timeout()).count());
  std::vector<uint32_t> position(experts);
  for (uint32_t i = 0; i < experts; ++i)
    position[map.expertsBy[i]] = i;
  block.put(area.owner, map.owner);
  block.put(area.experts_by, map.expertsBy);
  block.put(area.position, position);
  block.put(area.first_of_rank, map.firstOfRank);
  block.put(area.signals, addressesOf(*made->words, ranks));
  block.put(area.boards, addressesOf(*made->words, ranks, signalBytes));
  block.put(area.received, addressesOf(*made->received, ranks));
  block.put(area.outputs, addressesOf(sizes.inPlace ? *made->received : *made->outputs, ranks));

  const size_t chunks =
      (size_t(sizes.tokens) / program.plan->chunk_tokens / FARO_ABI_PLAN_CHUNKS + 1) * FARO_ABI_PLAN_CHUNKS;
  // A CPU's pull reads addresses behind the last, and prefetches through them.
  const size_t entries = size_t(sizes.tokens) * program.routes.topk + FARO_ABI_MAX_TOPK;
  block.room<uint32_t>(area.counts, chunks * (experts + 1));
  block.room<uint64_t>(area.faults, chunks);
  block.room<uint64_t>(area.sent, FARO_ABI_MEETINGS * ranks);
  for (uint64_t *field : {&area.starts, &area.totals, &area.bases})
    block.room<uint64_t>(*field, experts);
  block.room<uint64_t>(area.rows, ranks);
  block.room<uint32_t>(area.list_offsets, size_t(sizes.tokens) + 1);
  block.room<uint64_t>(area.destinations, entries);
  block.room<uint64_t>(area.sources, entries);
  block.room<float>(area.weights, entries);
  block.room<uint32_t>(area.choices, entries);
  const uint32_t local = map.firstOfRank[rank + 1] - map.firstOfRank[rank];
  block.room<int64_t>(area.expert_offsets, local + 1);
  block.room<int64_t>(area.expert_counts, local);
  block.room<uint64_t>(area.status, FARO_ABI_PLAN_STATUS + ranks);

  FARO_RETURN_IF_ERROR(device->makeCurrent());
  auto memory = Memory::allocate(device, block.image.size());
  if (!memory)
    return memory.status();
  made->block = std::move(*memory);
  block.place(made->block.address());
  std::memcpy(block.image.data(), &area, sizeof area);
  auto stream = Stream::create(device);
  if (!stream)
    return stream.status();
  FARO_RETURN_IF_ERROR((*stream)->toDevice(made->block.address(), block.image.data(), block.image.size()));
  FARO_RETURN_IF_ERROR((*stream)->wait());
  return made;
}

} // namespace faro::cuda
