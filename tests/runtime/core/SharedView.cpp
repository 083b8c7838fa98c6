#include "runtime/core/SharedView.h"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace faro {
namespace {

constexpr uint64_t Large = SharedView::LargePage;

/// Shared memory at an address that large pages cannot be mapped at.
class Shared {
public:
  explicit Shared(uint64_t size, int kind = MAP_SHARED) : size(size) {
    void *const room = mmap(nullptr, size + 2 * Large, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    const uint64_t at = (reinterpret_cast<uintptr_t>(room) + Large - 1) / Large * Large + 4096;
    base = static_cast<std::byte *>(
        mmap(reinterpret_cast<void *>(at), size, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
  }
  ~Shared() { munmap(base, size); }
  Shared(const Shared &) = delete;
  Shared &operator=(const Shared &) = delete;

  const uint64_t size;
  std::byte *base;
};

bool isLarge(const std::byte *at) { return reinterpret_cast<uintptr_t>(at) % Large == 0; }

bool isMapped(const std::byte *at) {
  unsigned char resident;
  return mincore(const_cast<std::byte *>(at), 4096, &resident) == 0;
}

bool isZero(const std::byte *at, uint64_t size) {
  for (uint64_t i = 0; i < size; ++i)
    if (at[i] != std::byte(0))
      return false;
  return true;
}

/// Bytes that this process has mapped by large pages at `base`; -1: the system does not say.
long mappedLarge(const std::byte *base) {
  char begin[32];
  std::snprintf(begin, sizeof begin, "%zx-", reinterpret_cast<size_t>(base));
  std::ifstream file("/proc/self/smaps");
  bool here = false;
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, std::strlen(begin), begin) == 0)
      here = true;
    else if (long kib; here && std::sscanf(line.c_str(), "ShmemPmdMapped: %ld kB", &kib) == 1)
      return kib << 10;
  }
  return -1;
}

/// Whatever this processor gains by. Read once, when the first view is made.
[[maybe_unused]] const int asked = setenv("FARO_LARGE_PAGES", "1", 1);

TEST(SharedView, SeesTheSameBytesAtAMultipleOfALargePage) {
  const Shared memory(3 * Large + 8192);
  ASSERT_FALSE(isLarge(memory.base));
  SharedView view(memory.base, memory.size);
  EXPECT_TRUE(isLarge(view.base()));
  EXPECT_TRUE(view.makePages());
  EXPECT_TRUE(isZero(view.base(), memory.size));
  for (const uint64_t at : {uint64_t(0), Large, 3 * Large + 8191}) {
    memory.base[at] = std::byte(7);
    EXPECT_EQ(view.base()[at], std::byte(7)) << at;
    view.base()[at] = std::byte(9);
    EXPECT_EQ(memory.base[at], std::byte(9)) << at;
  }
}

TEST(SharedView, PagesAreLargeWhereTheSystemMakesThem) {
  const Shared memory(4 * Large + 4096);
  SharedView probe(memory.base, memory.size);
  probe.base()[0] = std::byte(0);
  if (madvise(probe.base(), Large, 25 /* MADV_COLLAPSE */) != 0 || mappedLarge(probe.base()) != long(Large))
    GTEST_SKIP() << "this system makes no large pages of small shared ones (Linux 6.1 does, where it has free ones)";
  EXPECT_TRUE(probe.makePages());
  EXPECT_EQ(mappedLarge(probe.base()), long(4 * Large));
  SharedView other(memory.base, memory.size);
  EXPECT_TRUE(other.mapPages());
  EXPECT_EQ(mappedLarge(other.base()), long(4 * Large));
}

TEST(SharedView, SmallAndPrivateMemoryStaysWhereItIs) {
  const Shared small(Large - 4096), own(2 * Large, MAP_PRIVATE);
  for (const Shared *memory : {&small, &own}) {
    SharedView view(memory->base, memory->size);
    EXPECT_EQ(view.base(), memory->base);
    EXPECT_TRUE(view.makePages());
    EXPECT_TRUE(view.mapPages());
    EXPECT_TRUE(isZero(view.base(), memory->size));
  }
}

TEST(SharedView, GoesAwayOnceAndLeavesTheMemory) {
  const Shared memory(2 * Large);
  std::byte *seen = nullptr;
  {
    SharedView first(memory.base, memory.size);
    seen = first.base();
    SharedView second(std::move(first));
    EXPECT_EQ(second.base(), seen);
    SharedView third;
    third = std::move(second);
    EXPECT_EQ(third.base(), seen);
    EXPECT_TRUE(isMapped(seen));
  }
  EXPECT_FALSE(isMapped(seen));
  memory.base[0] = std::byte(1);
  EXPECT_EQ(SharedView().base(), nullptr);
}

} // namespace
} // namespace faro
