#include "tests/bench/memory.h"

#include <algorithm>
#include <cerrno>
#include <cpuid.h>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <immintrin.h>
#include <sys/mman.h>

namespace faro::bench {

Buffer::Buffer(size_t size) : bytes(std::max<size_t>(size, 1)) {}

Buffer::~Buffer() {
  if (base)
    munmap(base, bytes);
}

char *Buffer::data() {
  if (base)
    return base;
  void *pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) {
    fmt::print(stderr, "faro-bench: no memory for a buffer of {} bytes ({}); use fewer --tokens or ranks\n", bytes,
               std::strerror(errno));
    std::exit(1); // the launcher ends the other ranks
  }
  madvise(pages, bytes, MADV_HUGEPAGE);
  base = static_cast<char *>(pages);
  std::memset(base, 0, bytes);
  return base;
}

void Buffer::wipe() { std::memset(data(), WipeByte, bytes); }

void Buffer::flush() {
  if (base)
    flushFromCaches(base, bytes);
}

static const char *firstLine(const void *data) {
  return reinterpret_cast<const char *>(reinterpret_cast<uintptr_t>(data) & ~uintptr_t(63));
}

__attribute__((target("clflushopt"))) static void flushLinesOpt(const char *line, const char *end) {
  for (; line < end; line += 64)
    _mm_clflushopt(const_cast<char *>(line));
}

static void flushLines(const char *line, const char *end) {
  for (; line < end; line += 64)
    _mm_clflush(line);
}

/// CPUID leaf 7, EBX bit 23: __builtin_cpu_supports does not know the name everywhere.
static bool hasClflushopt() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && ((ebx >> 23) & 1u);
}

void flushFromCaches(const void *data, size_t bytes) {
  static const bool fast = hasClflushopt();
  const char *end = static_cast<const char *>(data) + bytes;
  fast ? flushLinesOpt(firstLine(data), end) : flushLines(firstLine(data), end);
  _mm_mfence();
}

} // namespace faro::bench
