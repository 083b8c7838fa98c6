// Slices as they lie on the wire: what is written is read back, and nothing else is accepted.
#include "runtime/engine/Slice.h"

#include <cstring>
#include <functional>
#include <gtest/gtest.h>
#include <random>

using namespace faro;

namespace {

constexpr uint32_t Stride = 32, Rows = 3;

struct Written {
  std::vector<std::byte> storage;
  std::vector<uint64_t> windows = {100, 7};
  std::span<std::byte> bytes;

  Written() : storage(1024) {
    SliceWriter writer(storage.data(), Rows);
    writer.add(0, 5);
    writer.add(0, 6); // adjacent: one descriptor
    writer.add(1, 6);
    writer.endRow();
    writer.add(1, 0);
    writer.endRow();
    writer.add(0, 99);
    writer.endRow();
    std::byte *rows = writer.finish(17, 3, 40, Stride);
    std::memset(rows, 0x55, Rows * Stride);
    bytes = {storage.data(), writer.headBytes() + Rows * Stride};
  }
  SliceExpectation expectation() const { return {17, 3, 40, Rows, 30, 3, windows}; }
  SliceHeader &header() { return *reinterpret_cast<SliceHeader *>(storage.data()); }
  uint32_t *ends() { return reinterpret_cast<uint32_t *>(storage.data() + sizeof(SliceHeader)); }
  SliceRun *runs() { return reinterpret_cast<SliceRun *>(ends() + Rows); }

  /// Reads everything, as a fan-out does.
  Status read(std::vector<std::pair<uint32_t, uint32_t>> *places = nullptr) const {
    auto reader = SliceReader::open(bytes, expectation());
    if (!reader)
      return reader.status();
    std::vector<uint32_t> offsets;
    return reader->forEachPlace(offsets, [&](uint32_t local, uint32_t row) {
      EXPECT_LT(local, windows.size());
      EXPECT_LT(row, windows[local]);
      if (places)
        places->push_back({local, row});
      return true;
    });
  }
};

void expectFault(const std::function<void(Written &)> &damage, const std::string &message,
                 StatusCode code = FARO_DATA_LOSS) {
  Written slice;
  damage(slice);
  const Status status = slice.read();
  EXPECT_EQ(status.code(), code) << message;
  EXPECT_NE(status.message().find(message), std::string::npos) << status.message();
}

} // namespace

TEST(SliceFormat, whatIsWrittenIsRead) {
  const Written slice;
  std::vector<std::pair<uint32_t, uint32_t>> places;
  ASSERT_TRUE(slice.read(&places));
  const std::vector<std::pair<uint32_t, uint32_t>> expected = {{0, 5}, {0, 6}, {1, 6}, {1, 0}, {0, 99}};
  EXPECT_EQ(places, expected);
  auto reader = SliceReader::open(slice.bytes, slice.expectation());
  EXPECT_EQ(reader->headBytes() + Rows * Stride, slice.bytes.size());
  EXPECT_EQ(reader->headBytes() % 64, 0u);
}

TEST(SliceFormat, rowsThatCameApartAreCountedAndNotRead) {
  const Written slice;
  const auto head = std::span<const std::byte>(slice.bytes).first(slice.bytes.size() - Rows * Stride);
  SliceExpectation expected = slice.expectation();
  expected.apart = true;
  EXPECT_TRUE(SliceReader::open(head, expected, Rows * Stride));
  const auto refused = [&](std::span<const std::byte> bytes, uint64_t rowBytes, const std::string &words) {
    const auto reader = SliceReader::open(bytes, expected, rowBytes);
    EXPECT_EQ(reader.status().code(), FARO_DATA_LOSS);
    EXPECT_NE(reader.status().message().find(words), std::string::npos) << reader.status().message();
  };
  refused(head, Rows * Stride - 1, "the bytes of its rows are");
  refused(head, 0, "the bytes of its rows are");
  refused(slice.bytes, Rows * Stride, "its bytes are"); // rows twice
  expected.apart = false;
  refused(slice.bytes, Rows * Stride, "the bytes of its rows are");
  refused(head, Rows * Stride, "its bytes are");
}

TEST(SliceFormat, isReadAtAnyAddress) {
  const Written slice;
  for (size_t shift = 0; shift < 64; ++shift) {
    std::vector<std::byte> moved(shift + slice.bytes.size());
    std::memcpy(moved.data() + shift, slice.bytes.data(), slice.bytes.size());
    const auto whole = WholeSlice::at(std::span(moved).subspan(shift));
    ASSERT_TRUE(whole);
    SliceExpectation expected = slice.expectation();
    expected.apart = true;
    EXPECT_TRUE(SliceReader::open(whole->head, expected, whole->rows.size()));
    EXPECT_EQ(whole->rows.data() + whole->rows.size(), moved.data() + moved.size());
  }
}

/// What it is to say about these, who looks into its slot says.
TEST(SliceFormat, whatHasNoWholeHeadIsNone) {
  const Written slice;
  EXPECT_FALSE(WholeSlice::at({}));
  EXPECT_FALSE(WholeSlice::at(slice.bytes.first(63)));
  EXPECT_FALSE(WholeSlice::at(slice.bytes.first(100)));
  Written lying;
  lying.header().rows = lying.header().runs = 0xffffffff;
  EXPECT_FALSE(WholeSlice::at(lying.bytes));
}

TEST(SliceFormat, adjacentRowsShareADescriptor) {
  Written slice;
  EXPECT_EQ(slice.header().runs, 4u);
  EXPECT_EQ(slice.runs()[0].count, 2u);
}

TEST(SliceFormat, faultsAreNamed) {
  expectFault([](Written &s) { s.header().magic ^= 1; }, "its first number is");
  expectFault([](Written &s) { s.header().activity = 18; }, "another call", FARO_INVALID_ARGUMENT);
  expectFault([](Written &s) { s.header().call = 4; }, "it belongs to call 4, expected 3");
  expectFault([](Written &s) { s.header().sequence = 41; }, "it is number 41, expected 40");
  expectFault([](Written &s) { s.header().rows = 2; }, "its rows are 2, expected 3");
  expectFault([](Written &s) { s.header().stride = 29; }, "the bytes of a row are 29, expected 30");
  expectFault([](Written &s) { s.header().stride = 33; }, "its bytes are");
  expectFault([](Written &s) { s.header().runs = 10; }, "its places are 10, expected 9");
  expectFault([](Written &s) { s.header().runs = 5; }, "the places of row 3 of 3 are damaged");
  expectFault([](Written &s) { s.bytes = s.bytes.first(s.bytes.size() - 1); }, "its bytes are");
  expectFault([](Written &s) { s.bytes = s.bytes.first(20); }, "its bytes are 20, expected 64");
  expectFault([](Written &s) { s.ends()[0] = 9; }, "the places of row 0 of 3 are damaged");
  expectFault([](Written &s) { s.ends()[1] = 1; }, "the places of row 1 of 3 are damaged");
  expectFault([](Written &s) { s.ends()[0] = 0; }, "the places of row 0 of 3 are damaged");
  expectFault([](Written &s) { s.runs()[0].count = 3; }, "the places of row 0 of 3 are damaged");
  expectFault([](Written &s) { s.runs()[0].count = 0; }, "row 0 goes to");
  expectFault([](Written &s) { s.runs()[3].row = 100; }, "row 2 goes to rows 100 to 101 of local rank 0, whose window "
                                                         "has 100");
  expectFault([](Written &s) { s.runs()[2].local = 2; }, "row 1 goes to local rank 2, but the node has 2");
  expectFault([](Written &s) { s.runs()[2].row = 0xffffffff; }, "row 1 goes to rows 4294967295 to 4294967296");
}

/// Whatever the bytes are: no place outside of a window comes out (see Written::read), and nothing is read beyond them.
TEST(SliceFormat, noiseNeverLeavesTheWindows) {
  std::mt19937 random(1);
  int refused = 0;
  for (int i = 0; i < 20000; ++i) {
    Written slice;
    for (uint32_t flips = 1 + random() % 3; flips > 0; --flips)
      slice.storage[random() % (slice.bytes.size() - Rows * Stride)] ^= std::byte(1u << random() % 8);
    refused += !slice.read();
  }
  EXPECT_GT(refused, 10000);
}
