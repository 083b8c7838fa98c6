#include "plugins/local/Region.h"

namespace faro::local {

Expected<std::unique_ptr<Region>> Region::create(std::shared_ptr<Job> job, uint32_t owner, size_t size) {
  auto memory = Memory::create(size);
  if (!memory)
    return memory.status();
  return std::unique_ptr<Region>(new Region(std::move(job), owner, std::move(*memory)));
}

Region::Region(std::shared_ptr<Job> job, uint32_t owner, std::shared_ptr<Memory> memory)
    : job_(std::move(job)), memory_(std::move(memory)),
      key_{Key::Magic, job_->id(), job_->publish(owner, memory_), owner, 0} {}

Region::~Region() { job_->retract(key_.region); }

Status RemoteRegion::put(uint64_t offset, std::span<const faro_iov> pieces) {
  FARO_RETURN_IF_ERROR(job_->state(owner_));
  const uint64_t limit = memory_->size();
  uint64_t end = offset;
  for (size_t i = 0; i < pieces.size() && end <= limit; ++i)
    end = pieces[i].size > limit - end ? limit + 1 : end + pieces[i].size;
  if (end > limit)
    return {FARO_INVALID_ARGUMENT,
            fmt::format("a put at offset {} of rank {} ends behind the region's {} bytes", offset, owner_, limit)};
  std::byte *to = memory_->base() + offset;
  for (const faro_iov &piece : pieces) {
    if (piece.size)
      std::memcpy(to, piece.data, piece.size);
    to += piece.size;
  }
  return Status::ok();
}

} // namespace faro::local
