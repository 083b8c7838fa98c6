// Every set of inner loops this processor can run does what its header says, for sizes and alignments that begin and
// end anywhere in a cache line.
#include "tests/bench/kernel_table.h"

#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace faro::bench {
namespace {

constexpr char Guard = char(0xa5);

std::vector<const KernelTable *> tables() {
  __builtin_cpu_init();
  std::vector<const KernelTable *> all{&PlainKernels};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c"))
    all.push_back(&Avx2Kernels);
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw"))
    all.push_back(&Avx512Kernels);
  return all;
}

/// Memory on a line boundary, with guard bytes everywhere.
struct Lines {
  explicit Lines(size_t bytes) : memory(bytes + 256, Guard) {}
  char *at(size_t offset) {
    const auto base = (reinterpret_cast<uintptr_t>(memory.data()) + 63) & ~uintptr_t(63);
    return reinterpret_cast<char *>(base) + 64 + offset;
  }
  bool guarded(size_t offset, size_t bytes) {
    for (size_t i = 0; i < 64; ++i)
      if (at(offset)[-1 - ptrdiff_t(i)] != Guard || at(offset)[bytes + i] != Guard)
        return false;
    return true;
  }
  std::vector<char> memory;
};

void fillFinite(Element element, char *row, size_t bytes, std::mt19937 &random) {
  std::uniform_real_distribution<float> value(-2, 2);
  for (size_t i = 0; i < bytes; i += elementSize(element)) {
    const uint32_t bits = encode(element, value(random));
    std::memcpy(row + i, &bits, elementSize(element));
  }
}

const size_t Sizes[] = {2, 4, 14, 32, 62, 64, 66, 126, 128, 190, 194, 512, 518, 1024 + 70};

TEST(BenchKernels, CopyMovesTheBytesAndNoOthers) {
  std::mt19937 random(1);
  for (const KernelTable *table : tables())
    for (size_t bytes : Sizes)
      for (size_t offset : {0, 2, 30, 62}) {
        std::vector<char> row(bytes);
        fillFinite(Element::Bf16, row.data(), bytes, random);
        Lines lines(bytes + offset + 64);
        table->copy(lines.at(offset), row.data(), bytes);
        EXPECT_EQ(0, std::memcmp(lines.at(offset), row.data(), bytes)) << table->name << " " << bytes << " " << offset;
        EXPECT_TRUE(lines.guarded(offset, bytes)) << table->name << " " << bytes << " " << offset;
      }
}

TEST(BenchKernels, ReplicateReachesEveryPlaceOfWholeLines) {
  std::mt19937 random(5);
  for (const KernelTable *table : tables())
    for (size_t bytes : {64, 128, 448, 512, 576, 1024 + 64}) {
      std::vector<char> row(bytes);
      fillFinite(Element::Bf16, row.data(), bytes, random);
      std::vector<Lines> rows(5, Lines(bytes + 64));
      std::vector<char *> places;
      for (Lines &lines : rows)
        places.push_back(lines.at(0));
      table->replicate(places.data(), places.size(), row.data(), bytes);
      for (Lines &lines : rows) {
        EXPECT_EQ(0, std::memcmp(lines.at(0), row.data(), bytes)) << table->name << " " << bytes;
        EXPECT_TRUE(lines.guarded(0, bytes)) << table->name << " " << bytes;
      }
    }
}

/// With the set that the program chose, and its way for rows that are no whole lines.
TEST(BenchKernels, ReplicateReachesEveryPlaceWhateverItsAlignment) {
  std::mt19937 random(2);
  for (size_t bytes : Sizes)
    for (size_t offset : {0, 2, 62}) {
      std::vector<char> row(bytes);
      fillFinite(Element::Bf16, row.data(), bytes, random);
      std::vector<Lines> rows(5, Lines(bytes + offset + 64));
      std::vector<char *> places;
      for (Lines &lines : rows)
        places.push_back(lines.at(offset));
      replicateStreaming(places.data(), places.size(), row.data(), bytes);
      for (Lines &lines : rows) {
        EXPECT_EQ(0, std::memcmp(lines.at(offset), row.data(), bytes)) << bytes << " " << offset;
        EXPECT_TRUE(lines.guarded(offset, bytes)) << bytes << " " << offset;
      }
      Lines together(5 * bytes + 64);
      replicatePlain(together.at(0), 5, row.data(), bytes);
      for (size_t j = 0; j < 5; ++j)
        EXPECT_EQ(0, std::memcmp(together.at(0) + j * bytes, row.data(), bytes)) << bytes;
      EXPECT_TRUE(together.guarded(0, 5 * bytes)) << bytes;
    }
}

/// The definition, spelled out here once more: f32, each product rounded, then added in order.
std::vector<char> definition(Element element, const RowList &list, size_t bytes) {
  std::vector<char> out(bytes);
  const size_t width = elementSize(element);
  for (size_t i = 0; i < bytes; i += width) {
    volatile float sum = 0;
    for (int j = 0; j < list.count; ++j) {
      uint32_t bits = 0;
      std::memcpy(&bits, list.rows[j] + i, width);
      volatile float product = list.weights[j] * decode(element, bits);
      sum = sum + product;
    }
    const uint32_t bits = encode(element, sum);
    std::memcpy(out.data() + i, &bits, width);
  }
  return out;
}

TEST(BenchKernels, WeightedSumIsTheDefinitionBitForBit) {
  std::mt19937 random(3);
  const float weights[] = {0.3f, -0.11f, 1.7f, 0.049f, 0.5f};
  for (const KernelTable *table : tables())
    for (Element element : {Element::Bf16, Element::F16, Element::F32})
      for (size_t size : Sizes)
        for (size_t offset : {0, 4, 60})
          for (int count : {0, 1, 2, 5}) {
            const size_t bytes = (size + elementSize(element) - 1) / elementSize(element) * elementSize(element);
            std::vector<std::vector<char>> rows(5, std::vector<char>(bytes));
            RowList list;
            list.count = count;
            list.weights = weights;
            for (size_t j = 0; j < rows.size(); ++j) {
              fillFinite(element, rows[j].data(), bytes, random);
              list.rows[j] = rows[j].data();
            }
            for (const KernelTable::Sums &sums : table->sums)
              for (bool streaming : {false, true}) {
                Lines lines(bytes + offset + 64);
                sums.of[size_t(element)](lines.at(offset), list, list, bytes, streaming);
                EXPECT_EQ(0, std::memcmp(lines.at(offset), definition(element, list, bytes).data(), bytes))
                    << table->name << " " << elementName(element) << " " << bytes << " " << offset << " " << count;
                EXPECT_TRUE(lines.guarded(offset, bytes)) << table->name << " " << bytes << " " << offset;
              }
          }
}

TEST(BenchKernels, OrCombinesAllRows) {
  std::mt19937 random(4);
  for (const KernelTable *table : tables())
    for (size_t bytes : Sizes)
      for (size_t offset : {0, 6}) {
        std::vector<char> a(bytes), b(bytes);
        fillFinite(Element::Bf16, a.data(), bytes, random);
        fillFinite(Element::Bf16, b.data(), bytes, random);
        const float weights[] = {1, 1};
        RowList list;
        list.count = 2, list.weights = weights, list.rows[0] = a.data(), list.rows[1] = b.data();
        for (const KernelTable::Sums &sums : table->sums) {
          Lines lines(bytes + offset + 64);
          sums.orRows(lines.at(offset), list, list, bytes);
          for (size_t i = 0; i < bytes; ++i)
            ASSERT_EQ(char(a[i] | b[i]), lines.at(offset)[i]) << table->name << " " << bytes << " " << i;
          EXPECT_TRUE(lines.guarded(offset, bytes)) << table->name << " " << bytes;
        }
      }
}

TEST(BenchElement, EveryHalfRoundTrips) {
  for (uint32_t sign : {0u, 0x8000u})
    for (uint32_t bits = 0; bits < 0x7c00u; ++bits) // finite ones
      ASSERT_EQ(sign | bits, encode(Element::F16, decode(Element::F16, sign | bits))) << bits;
}

TEST(BenchElement, HalfwayValuesRoundToEven) {
  for (uint32_t bits = 0; bits < 0x7bffu; ++bits) {
    const float low = decode(Element::F16, bits), high = decode(Element::F16, bits + 1);
    ASSERT_EQ(bits + (bits & 1), encode(Element::F16, low + (high - low) / 2)) << bits;
  }
  EXPECT_EQ(0x3f80u, encode(Element::Bf16, 1.0f + 0x1p-8f));
  EXPECT_EQ(0x3f82u, encode(Element::Bf16, 1.0f + 0x1p-7f + 0x1p-8f));
}

} // namespace
} // namespace faro::bench
