#include "plugins/local/Job.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <sys/mman.h>

namespace faro::local {

bool Inbox::push(Item &&item) {
  {
    std::lock_guard lock(mutex_);
    if (closed_)
      return false;
    items_.push_back(std::move(item));
  }
  changed_.notify_one();
  return true;
}

void Inbox::wake() {
  {
    std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_one();
}

std::vector<Item> Inbox::take() {
  std::vector<Item> taken;
  std::lock_guard lock(mutex_);
  taken.swap(items_);
  return taken;
}

std::vector<Item> Inbox::close() {
  std::vector<Item> left;
  std::lock_guard lock(mutex_);
  closed_ = true;
  left.swap(items_);
  return left;
}

void Inbox::waitFor(std::chrono::nanoseconds timeout) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, timeout, [this] { return woken_ || !items_.empty(); });
  woken_ = false;
}

Expected<std::shared_ptr<Memory>> Memory::create(size_t size) {
  void *base = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED)
    return Status(FARO_OUT_OF_MEMORY, fmt::format("a region of {} bytes: {}", size, std::strerror(errno)));
  return std::shared_ptr<Memory>(new Memory(static_cast<std::byte *>(base), size));
}

Memory::~Memory() { munmap(base_, size_); }

static uint64_t nextJobId() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed); // only its uniqueness matters
}

Job::Job(std::string name, uint32_t worldSize) : name_(std::move(name)), id_(nextJobId()) {
  for (uint32_t rank = 0; rank < worldSize; ++rank)
    ranks_.push_back(std::make_unique<Rank>());
}

Expected<std::shared_ptr<Job>> Job::join(const std::string &name, uint32_t rank, uint32_t worldSize) {
  static std::mutex registryMutex;
  static std::map<std::string, std::weak_ptr<Job>> registry;

  std::lock_guard registryLock(registryMutex);
  std::erase_if(registry, [](const auto &entry) { return entry.second.expired(); });
  std::shared_ptr<Job> job = registry[name].lock();
  if (!job)
    registry[name] = job = std::make_shared<Job>(name, worldSize);
  if (job->worldSize() != worldSize)
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("rank {} came to job '{}' with a world size of {}; it has {} ranks", rank, name,
                              worldSize, job->worldSize()));
  std::lock_guard lock(job->mutex_);
  if (job->ranks_[rank]->presence != Presence::Absent)
    return Status(FARO_INVALID_ARGUMENT, fmt::format("rank {} of job '{}' has been opened before", rank, name));
  job->ranks_[rank]->presence = Presence::Open;
  return job;
}

Status Job::state(uint32_t rank) {
  std::lock_guard lock(mutex_);
  if (ranks_[rank]->presence != Presence::Gone)
    return Status::ok();
  return Status(FARO_PEER_FAILED, fmt::format("rank {} of job '{}' has closed its transport", rank, name_));
}

void Job::leave(uint32_t rank) {
  {
    std::lock_guard lock(mutex_);
    ranks_[rank]->presence = Presence::Gone;
    std::erase_if(regions_, [rank](const auto &entry) { return entry.second.owner == rank; });
  }
  {
    std::lock_guard lock(ranks_[rank]->reading);
    ranks_[rank]->readable = false;
  }
  for (const Item &item : ranks_[rank]->inbox.close())
    if (const auto *slice = std::get_if<Slice>(&item))
      acknowledge(*slice); // nobody will read it now
  // Whoever sleeps until this rank does something has to look again.
  for (auto &peer : ranks_)
    peer->inbox.wake();
}

Expected<bool> Job::gather(const Slice &slice, const faro_place &place, const faro_device_memory *rowsAt) {
  Rank &sender = *ranks_[slice.rank];
  faro_status copied = FARO_OK;
  {
    std::lock_guard lock(sender.reading);
    if (!sender.readable)
      return false;
    auto *to = static_cast<std::byte *>(place.data);
    for (const faro_iov &piece : slice.pieces) {
      if (piece.size)
        std::memcpy(to, piece.data, piece.size);
      to += piece.size;
    }
    if (slice.rows.size)
      copied = rowsAt->copy(rowsAt->user, place.rows, slice.rows.data, slice.rows.size);
  }
  acknowledge(slice);
  if (copied)
    return Status(copied, fmt::format("{} bytes of rows from rank {} could not be copied to a device", slice.rows.size,
                                      slice.rank));
  return true;
}

void Job::acknowledge(const Slice &slice) { ranks_[slice.rank]->inbox.push(Receipt{slice.token}); }

uint64_t Job::publish(uint32_t owner, std::shared_ptr<Memory> memory) {
  std::lock_guard lock(mutex_);
  regions_.emplace(nextRegion_, Region{owner, std::move(memory)});
  return nextRegion_++;
}

void Job::retract(uint64_t region) {
  std::lock_guard lock(mutex_);
  regions_.erase(region);
}

std::shared_ptr<Memory> Job::find(uint32_t owner, uint64_t region) {
  std::lock_guard lock(mutex_);
  const auto found = regions_.find(region);
  return found != regions_.end() && found->second.owner == owner ? found->second.memory : nullptr;
}

} // namespace faro::local
