#include "runtime/core/SharedView.h"

#include "runtime/core/Environment.h"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

namespace faro {

// Of Linux, but not of all C libraries that know the others.
constexpr int MakeLarge = 25;    // MADV_COLLAPSE, since 6.1
constexpr int MakeWritable = 23; // MADV_POPULATE_WRITE, since 5.14
constexpr uint64_t SmallPage = 4096;

static uint64_t roundUp(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

/// `mapped` once more at a multiple of a large page; null where that cannot be had.
static std::byte *mapAgain(std::byte *mapped, uint64_t size) {
  // Addresses that nothing else can take meanwhile, of which the mapping replaces its part.
  const uint64_t room = size + SharedView::LargePage;
  void *reserved = mmap(nullptr, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED)
    return nullptr;
  const uint64_t begin = reinterpret_cast<uintptr_t>(reserved);
  const uint64_t at = roundUp(begin, SharedView::LargePage);
  // Nothing of the old mapping moves: its shared pages get another (mremap(2), old_size of zero). Private ones have
  // none. Straight to the system: UCX and Open MPI put functions of their own in mremap's place, which forget the
  // address.
  const long made = syscall(SYS_mremap, mapped, 0, size, MREMAP_MAYMOVE | MREMAP_FIXED, at);
  if (made == -1) {
    munmap(reserved, room);
    return nullptr;
  }
  if (at > begin)
    munmap(reserved, at - begin);
  munmap(reinterpret_cast<void *>(at + size), begin + room - (at + size));
  return reinterpret_cast<std::byte *>(made);
}

/// FARO_LARGE_PAGES, else by the processor: AMD's family 17h stores whole rows faster to small pages than to large ones
/// (docs/performance.md).
static bool wantsLargePages() {
  static const bool wanted = [] {
    if (const auto setting = readSwitch(SharedView::Setting); setting && *setting)
      return **setting;
#if defined(__x86_64__)
    __builtin_cpu_init();
    return !__builtin_cpu_is("amdfam17h");
#else
    return true;
#endif
  }();
  return wanted;
}

SharedView::SharedView(std::byte *mapped, uint64_t size) : base_(mapped), size_(size) {
  if (!wantsLargePages() || size < LargePage || reinterpret_cast<uintptr_t>(mapped) % LargePage == 0)
    return;
  if (std::byte *made = mapAgain(mapped, size)) {
    base_ = made;
    own = true;
  }
}

SharedView::SharedView(SharedView &&other) noexcept { *this = std::move(other); }

SharedView &SharedView::operator=(SharedView &&other) noexcept {
  std::swap(base_, other.base_);
  std::swap(size_, other.size_);
  std::swap(own, other.own);
  return *this;
}

SharedView::~SharedView() {
  if (own)
    munmap(base_, size_);
}

static Status populate(std::byte *base, uint64_t size) {
  if (madvise(base, size, MakeWritable) == 0)
    return Status::ok();
  if (errno == EFAULT || errno == ENOMEM)
    return {FARO_OUT_OF_MEMORY,
            fmt::format("there are no pages for {} bytes of shared memory ({}); is there room left in "
                        "memory and in /dev/shm?",
                        size, std::strerror(errno))};
  for (uint64_t at = 0; at < size; at += SmallPage) // an older kernel
    reinterpret_cast<volatile std::byte *>(base)[at] = std::byte(0);
  return Status::ok();
}

/// Where an administrator has said that whoever asks gets them, they come with the first touch.
void SharedView::askForLargePages() {
  if (wantsLargePages())
    (void)madvise(base_, size_, MADV_HUGEPAGE);
}

Status SharedView::makePages() {
  askForLargePages();
  // Where asking is not enough, small ones are made into large ones. One small page of each has to be there.
  if (const uint64_t whole = wantsLargePages() ? size_ / LargePage * LargePage : 0) {
    for (uint64_t at = 0; at < whole; at += LargePage)
      FARO_RETURN_IF_ERROR(populate(base_ + at, SmallPage));
    (void)madvise(base_, whole, MakeLarge);
  }
  return mapPages();
}

Status SharedView::mapPages() {
  askForLargePages();
  return populate(base_, size_);
}

} // namespace faro
