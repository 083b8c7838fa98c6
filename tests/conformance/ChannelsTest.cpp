// What goes between receivers beside the collective calls: the same over every transport and every topology.
#include "tests/conformance/Communicators.h"
#include "tests/conformance/Pattern.h"

#include <algorithm>
#include <csignal>
#include <deque>
#include <gtest/gtest.h>
#include <map>
#include <ostream>
#include <unistd.h>

namespace faro::test {
namespace {

using std::chrono::seconds;

/// Keeps all it gets.
class Recorder final : public Receiver {
public:
  struct Message {
    uint32_t rank, tag;
    std::string text;
  };
  struct Slice {
    uint32_t rank;
    uint64_t tag;
    std::string bytes;
    bool here = false;
  };

  void message(uint32_t rank, uint32_t tag, std::span<const std::byte> bytes) override {
    if (hasNoMemory)
      throw std::bad_alloc();
    messages.push_back({rank, tag, std::string(reinterpret_cast<const char *>(bytes.data()), bytes.size())});
  }
  faro_place place(uint32_t rank, uint64_t tag, size_t size, size_t) override {
    if (refuses)
      return {};
    slices.push_back({rank, tag, std::string(size, '?')});
    return {slices.back().bytes.data(), nullptr};
  }
  void arrived(uint32_t rank, uint64_t tag, size_t size) override {
    for (Slice &slice : slices)
      if (slice.rank == rank && slice.tag == tag && !slice.here) {
        EXPECT_EQ(slice.bytes.size(), size);
        slice.here = true;
        return;
      }
    ADD_FAILURE() << "slice " << tag << " of rank " << rank << " has no place";
  }
  void sent(uint64_t token) override { tokens.push_back(token); }

  size_t here() const { return size_t(std::ranges::count(slices, true, &Slice::here)); }

  std::vector<Message> messages;
  std::deque<Slice> slices;
  std::vector<uint64_t> tokens;
  bool refuses = false, hasNoMemory = false;
};

std::span<const std::byte> bytesOf(std::string_view text) { return std::as_bytes(std::span(text)); }

/// Goes on, sleeping in between, until `done`. False: it took too long, or something failed.
bool until(Communicator &self, const std::function<bool()> &done, double limit = 20) {
  const auto deadline = Clock::now() + std::chrono::duration<double>(limit);
  while (!done()) {
    if (Clock::now() > deadline || !self.check())
      return false;
    if (!self.progress())
      EXPECT_TRUE(self.sleep(std::chrono::milliseconds(10)));
  }
  return true;
}

struct Setting {
  const char *label;
  RankKind kind;
  std::vector<uint32_t> nodes; ///< of each rank
};
std::ostream &operator<<(std::ostream &out, const Setting &setting) { return out << setting.label; }

class ChannelsOf : public ::testing::TestWithParam<Setting> {
protected:
  void run(const std::function<void(Communicator &)> &body, const std::vector<uint32_t> &toBeKilled = {}) {
    runJob(GetParam().kind, GetParam().nodes, body, toBeKilled);
  }
};

TEST_P(ChannelsOf, TheTopologyIsTheSameOnAllRanks) {
  run([&](Communicator &self) {
    EXPECT_EQ(self.topology(), Topology(GetParam().nodes));
    ASSERT_TRUE(self.barrier());
  });
}

TEST_P(ChannelsOf, MessagesAndSlicesReachTheirChannelsReceiver) {
  run([](Communicator &self) {
    Recorder one, two;
    const auto first = self.open(one), second = self.open(two);
    ASSERT_TRUE(first && second);
    ASSERT_NE(*first, *second);
    ASSERT_TRUE(self.barrier()); // slices must not come before their receiver is there
    std::deque<std::string> texts;
    for (uint32_t peer = 0; peer < self.size(); ++peer) {
      if (peer == self.rank())
        continue;
      EXPECT_TRUE(self.send(*first, peer, 0xffff, bytesOf("to one")));
      EXPECT_TRUE(self.send(*second, peer, 7, bytesOf("to two")));
      texts.push_back(pattern(self.rank(), peer, 0, 200'001));
      const std::string_view text = texts.back();
      const std::vector<faro_iov> pieces = {{text.data(), 5}, {text.data() + 5, 0}, {text.data() + 5, text.size() - 5}};
      EXPECT_TRUE(self.deliver(*second, peer, (uint64_t(1) << 48) - 1, pieces, (uint64_t(1) << 48) - 2));
    }
    const size_t peers = self.size() - 1;
    EXPECT_TRUE(until(self, [&] {
      return one.messages.size() == peers && two.messages.size() == peers && two.here() == peers &&
             two.tokens.size() == peers;
    })) << self.check().message();
    for (const auto &message : one.messages)
      EXPECT_TRUE(message.tag == 0xffff && message.text == "to one") << message.text;
    for (const auto &message : two.messages)
      EXPECT_TRUE(message.tag == 7 && message.text == "to two") << message.text;
    for (const auto &slice : two.slices) {
      EXPECT_EQ(slice.tag, (uint64_t(1) << 48) - 1);
      EXPECT_TRUE(slice.bytes == pattern(slice.rank, self.rank(), 0, slice.bytes.size()));
    }
    for (const uint64_t token : two.tokens)
      EXPECT_EQ(token, (uint64_t(1) << 48) - 2);
    EXPECT_TRUE(one.slices.empty() && one.tokens.empty());
    ASSERT_TRUE(self.barrier());
    self.close(*first);
    self.close(*second);
  });
}

TEST_P(ChannelsOf, MessagesThatComeEarlyAreKeptInOrder) {
  constexpr uint32_t Count = 50;
  run([](Communicator &self) {
    Recorder receiver;
    if (self.rank() == 0) {
      // The others wait in the barrier, which takes messages but has no receiver for them.
      const auto channel = self.open(receiver);
      ASSERT_TRUE(channel);
      for (uint32_t n = 0; n < Count; ++n)
        for (uint32_t peer = 1; peer < self.size(); ++peer)
          EXPECT_TRUE(self.send(*channel, peer, n, bytesOf(std::to_string(n))));
      EXPECT_FALSE(until(self, [] { return false; }, 0.2));
      ASSERT_TRUE(self.barrier());
    } else {
      ASSERT_TRUE(self.barrier());
      ASSERT_TRUE(self.open(receiver));
      EXPECT_TRUE(receiver.messages.empty()) << "a handler was called from open";
      EXPECT_TRUE(until(self, [&] { return receiver.messages.size() == Count; })) << receiver.messages.size();
      for (uint32_t n = 0; n < receiver.messages.size(); ++n)
        EXPECT_EQ(receiver.messages[n].text, std::to_string(n));
    }
    ASSERT_TRUE(self.barrier());
  });
}

TEST_P(ChannelsOf, WhatComesAfterCloseIsDropped) {
  run([](Communicator &self) {
    auto gone = std::make_unique<Recorder>();
    Recorder stays;
    const auto first = self.open(*gone), second = self.open(stays);
    ASSERT_TRUE(first && second);
    ASSERT_TRUE(self.barrier());
    if (self.rank() == 1)
      self.close(*first), gone.reset();
    ASSERT_TRUE(self.barrier());
    if (self.rank() == 0) {
      EXPECT_TRUE(self.send(*first, 1, 1, bytesOf("nobody is there")));
      EXPECT_TRUE(self.send(*second, 1, 2, bytesOf("but here")));
    } else if (self.rank() == 1) {
      EXPECT_TRUE(until(self, [&] { return stays.messages.size() == 1; })) << self.check().message();
      expectStatus(self.send(*first, 0, 1, {}), FARO_INVALID_ARGUMENT, {"channel", "not open"});
    }
    ASSERT_TRUE(self.barrier());
    EXPECT_TRUE(self.check()) << self.check().message();
  });
}

TEST_P(ChannelsOf, CloseWaitsForWhatIsBeingSent) {
  run([](Communicator &self) {
    Recorder receiver;
    const auto channel = self.open(receiver);
    ASSERT_TRUE(channel);
    ASSERT_TRUE(self.barrier());
    if (self.rank() == 0) {
      auto text = std::make_unique<std::string>(pattern(0, 1, 0, 3'000'000));
      const faro_iov piece{text->data(), text->size()};
      EXPECT_TRUE(self.deliver(*channel, 1, 0, {&piece, 1}, 3));
      self.close(*channel);
      EXPECT_EQ(receiver.tokens, std::vector<uint64_t>{3});
      std::ranges::fill(*text, '!');
      text.reset();
    } else if (self.rank() == 1) {
      EXPECT_TRUE(until(self, [&] { return receiver.here() == 1; })) << self.check().message();
      EXPECT_TRUE(receiver.slices.at(0).bytes == pattern(0, 1, 0, 3'000'000));
    }
    ASSERT_TRUE(self.barrier());
  });
}

TEST_P(ChannelsOf, ASliceWithoutAPlaceIsAnErrorThatNamesItsSender) {
  run([](Communicator &self) {
    Recorder receiver;
    const auto channel = self.open(receiver);
    ASSERT_TRUE(channel);
    receiver.refuses = true;
    (void)self.barrier(); // the slice may come to a rank that is about to leave it
    const std::string text(1000, 'x');
    const faro_iov piece{text.data(), text.size()};
    if (self.rank() == 0)
      EXPECT_TRUE(self.deliver(*channel, 1, 99, {&piece, 1}, 0));
    if (self.rank() == 1) {
      const Status status = hear(self);
      expectStatus(status, FARO_INTERNAL, {"rank 0", "1000 bytes", "tag 99", "no place"});
    } else { // whoever finds it out tells the others
      expectStatus(hear(self), FARO_ABORTED, {"rank 1", "rank 0", "no place"});
    }
  });
}

/// An exception does not pass the transport, whose caller may be C.
TEST_P(ChannelsOf, AReceiverThatThrowsIsAnErrorOfAll) {
  run([](Communicator &self) {
    Recorder receiver;
    const auto channel = self.open(receiver);
    ASSERT_TRUE(channel);
    receiver.hasNoMemory = true;
    (void)self.barrier(); // the message may come to a rank that is about to leave it
    if (self.rank() == 0)
      EXPECT_TRUE(self.send(*channel, 1, 7, bytesOf("hello")));
    expectStatus(hear(self), self.rank() == 1 ? FARO_OUT_OF_MEMORY : FARO_ABORTED, {"out of memory"});
  });
}

TEST_P(ChannelsOf, TagsAndTokensThatAreTooLargeAreRefused) {
  run([](Communicator &self) {
    Recorder receiver;
    const auto channel = self.open(receiver);
    ASSERT_TRUE(channel);
    const uint32_t peer = (self.rank() + 1) % self.size();
    expectStatus(self.send(*channel, peer, 1 << 16, {}), FARO_INVALID_ARGUMENT, {"tag 65536"});
    expectStatus(self.deliver(*channel, peer, uint64_t(1) << 48, {}, 0), FARO_INVALID_ARGUMENT, {"tag"});
    expectStatus(self.deliver(*channel, peer, 0, {}, uint64_t(1) << 48), FARO_INVALID_ARGUMENT, {"token"});
    expectStatus(self.send(uint16_t(*channel + 1), peer, 0, {}), FARO_INVALID_ARGUMENT, {"not open"});
    expectStatus(self.send(*channel, self.rank(), 0, {}), FARO_INVALID_ARGUMENT, {"itself"});
    ASSERT_TRUE(self.barrier());
  });
}

TEST_P(ChannelsOf, CloseComesToAnEndWhenAPeerDies) {
  if (GetParam().kind == RankKind::Threads)
    GTEST_SKIP() << "a thread cannot be killed";
  run(
      [](Communicator &self) {
        Recorder receiver;
        const auto channel = self.open(receiver);
        ASSERT_TRUE(channel);
        ASSERT_TRUE(self.barrier());
        // Connections stand first: UCX 1.13 has assertions that a peer must not die while one is being made.
        for (uint32_t peer = 0; peer < self.size(); ++peer)
          if (peer != self.rank())
            EXPECT_TRUE(self.send(*channel, peer, 0, bytesOf("hello")));
        EXPECT_TRUE(until(self, [&] { return receiver.messages.size() == self.size() - 1; }));
        ASSERT_TRUE(self.barrier());
        const std::string text(5'000'000, 'x');
        const faro_iov piece{text.data(), text.size()};
        for (uint32_t peer = 0; peer < self.size(); ++peer)
          if (peer != self.rank())
            for (uint64_t n = 0; n < 4; ++n)
              if (const Status sent = self.deliver(*channel, peer, n, {&piece, 1}, n); !sent) // it may be gone already
                expectStatus(sent, FARO_PEER_FAILED, {"rank 1"});
        if (self.rank() == 1) {
          for (int i = 0; i < 20; ++i)
            self.progress();
          raise(SIGKILL);
        }
        expectStatus(hear(self), FARO_PEER_FAILED, {"rank 1"});
        const auto start = Clock::now();
        self.close(*channel);
        EXPECT_LT(Clock::now() - start, seconds(10));
      },
      {1});
}

std::vector<Setting> settings() {
  std::vector<Setting> all = {{"threads", RankKind::Threads, {0, 0, 0}},
                              {"threads_on_nodes", RankKind::Threads, {0, 0, 1}}};
  if (!ThreadsOnly) {
    all.push_back({"processes", RankKind::Processes, {0, 0, 0}});
    all.push_back({"processes_on_nodes", RankKind::Processes, {0, 1, 0, 2, 1}});
  }
  return all;
}
INSTANTIATE_TEST_SUITE_P(All, ChannelsOf, ::testing::ValuesIn(settings()),
                         [](const auto &info) { return std::string(info.param.label); });

} // namespace
} // namespace faro::test
