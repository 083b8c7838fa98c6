// What the ucx transport does with messages that overtake each other, without UCX: it decides the order, not we.
#include "plugins/ucx/Inbox.h"
#include "plugins/ucx/Envelope.h"

#include <cstring>
#include <gtest/gtest.h>
#include <string>

namespace faro::ucx {
namespace {

std::span<const std::byte> bytesOf(const std::string &text) { return std::as_bytes(std::span(text)); }

class Order : public ::testing::Test {
protected:
  void arrived(uint64_t number) { inbox.arrived(number, uint32_t(number), bytesOf(std::to_string(number)), deliver); }
  std::byte *expect(uint64_t number) { return inbox.expect(number, uint32_t(number), 3); }
  void complete(uint64_t number, std::byte *to) {
    std::memcpy(to, "big", 3);
    inbox.completed(number, deliver);
  }

  Inbox inbox;
  std::string seen;
  Inbox::Handler deliver = [this](uint32_t tag, std::span<const std::byte> bytes) {
    seen += std::to_string(tag) + ":" + std::string(reinterpret_cast<const char *>(bytes.data()), bytes.size()) + " ";
  };
};

TEST_F(Order, OfArrivalIsTheOrderOfSendingWhenNothingOvertakes) {
  for (uint64_t number = 0; number < 4; ++number)
    arrived(number);
  EXPECT_EQ(seen, "0:0 1:1 2:2 3:3 ");
}

TEST_F(Order, MessagesThatAreTooEarlyAreHeldBack) {
  arrived(2);
  arrived(1);
  EXPECT_EQ(seen, "");
  arrived(0);
  EXPECT_EQ(seen, "0:0 1:1 2:2 ");
}

TEST_F(Order, ShortMessagesWaitForTheLongOneBeforeThem) {
  std::byte *first = expect(0);
  arrived(1);
  std::byte *second = expect(2);
  arrived(3);
  complete(2, second);
  EXPECT_EQ(seen, "");
  complete(0, first);
  EXPECT_EQ(seen, "0:big 1:1 2:big 3:3 ");
}

TEST_F(Order, HoldsWhenTheHandlerItselfBringsMessages) {
  const Inbox::Handler nested = [&](uint32_t tag, std::span<const std::byte> bytes) {
    deliver(tag, bytes);
    if (tag == 0)
      inbox.arrived(2, 2, bytesOf("2"), deliver);
  };
  inbox.arrived(1, 1, bytesOf("1"), nested);
  inbox.arrived(0, 0, bytesOf("0"), nested);
  EXPECT_EQ(seen, "0:0 1:1 2:2 ");
}

TEST_F(Order, ANumberIsTakenOnce) {
  EXPECT_NE(expect(5), nullptr);
  EXPECT_EQ(expect(5), nullptr);
}

TEST(Envelope, OpensForTheSameContentAndRankOnly) {
  const std::string text = "an address";
  const auto sealed = seal(Content::Address, 3, bytesOf(text));
  const auto opened = open(Content::Address, 3, sealed);
  ASSERT_TRUE(opened);
  EXPECT_EQ(std::string(reinterpret_cast<const char *>(opened->data()), opened->size()), text);
  EXPECT_FALSE(open(Content::Key, 3, sealed));
  EXPECT_FALSE(open(Content::Address, 2, sealed));
}

TEST(Envelope, NoticesEveryChangedByteAndEveryMissingOne) {
  const auto sealed = seal(Content::Key, 0, bytesOf("some key"));
  for (size_t i = 0; i < sealed.size(); ++i) {
    auto changed = sealed;
    changed[i] ^= std::byte(1);
    EXPECT_FALSE(open(Content::Key, 0, changed)) << "byte " << i;
    EXPECT_FALSE(open(Content::Key, 0, std::span(sealed).first(i))) << i << " bytes";
  }
}

} // namespace
} // namespace faro::ucx
