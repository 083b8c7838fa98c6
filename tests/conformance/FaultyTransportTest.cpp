// What the runtime makes of transports that others wrote: the faults of their tables, and of what they answer.
#include "runtime/core/TransportPlugin.h"
#include "tests/conformance/Communicators.h"
#include "tests/conformance/FreePort.h"

#include <cstdlib>
#include <filesystem>
#include <sys/stat.h>
#include <thread>

namespace faro::test {
namespace {

namespace fs = std::filesystem;

struct Deaf final : Receiver {
  void message(uint32_t, uint32_t, std::span<const std::byte>) override {}
  faro_place place(uint32_t, uint64_t, size_t, size_t) override { return {}; }
  void arrived(uint32_t, uint64_t, size_t) override {}
  void sent(uint64_t) override {}
};

class FaultyTransport : public ::testing::Test {
protected:
  FaultyTransport() : folder(fs::path(::testing::TempDir()) / ("faulty_transport_" + std::to_string(::getpid()))) {
    fs::create_directories(folder);
    setenv("FARO_PLUGIN_PATH", folder.c_str(), 1);
  }
  ~FaultyTransport() override {
    unsetenv("FARO_PLUGIN_PATH");
    fs::remove_all(folder);
  }
  fs::path fileOf(const std::string &name) const { return folder / ("libfaro_transport_" + name + ".so"); }
  const std::string &make(const std::string &name) const {
    fs::copy_file(FAULTY_TRANSPORT, fileOf(name));
    return name;
  }
  /// What two ranks get that meet over the transport.
  std::vector<Status> meet(const std::string &name, const std::function<Status(Communicator &)> &then = {}) const {
    std::vector<Status> got(2);
    std::vector<std::thread> ranks;
    const uint16_t port = freePort();
    for (uint32_t rank = 0; rank < 2; ++rank)
      ranks.emplace_back([&, rank] {
        CommunicatorOptions options = optionsOf(rank, 2, port);
        options.transport = name;
        auto made = Communicator::create(options);
        got[rank] = made ? then ? then(**made) : Status::ok() : made.status();
      });
    for (std::thread &rank : ranks)
      rank.join();
    return got;
  }

  const fs::path folder;
};

} // namespace

TEST_F(FaultyTransport, WhatATableLacksIsNamed) {
  for (const std::string lacks : {"name", "open", "send"})
    expectStatus(loadTransport(make("no_" + lacks)).status(), FARO_INTERNAL,
                 {"libfaro_transport_no_" + lacks, "has no " + lacks});
}

TEST_F(FaultyTransport, WithoutMessagesNoneAreSent) {
  make("mute");
  for (const Status &status : meet("mute", [](Communicator &self) {
         Deaf deaf;
         const auto channel = self.open(deaf);
         return channel ? self.send(*channel, 1 - self.rank(), 0, {}) : channel.status();
       }))
    expectStatus(status, FARO_UNAVAILABLE, {"cannot send messages"});
}

TEST_F(FaultyTransport, ARankWithoutAnAddressSaysWhy) {
  for (const Status &status : meet(make("lost")))
    expectStatus(status, FARO_INTERNAL, {"has no address for the others", "the address was lost"});
  for (const Status &status : meet(make("silent")))
    expectStatus(status, FARO_INTERNAL, {"has no address for the others", "does not say why"});
}

TEST_F(FaultyTransport, AFileThatIsNoLibraryIsNotPassedOver) {
  ASSERT_EQ(mkfifo(fileOf("pipe").c_str(), 0600), 0);
  expectStatus(loadTransport("pipe").status(), FARO_UNAVAILABLE, {"libfaro_transport_pipe.so", "no regular file"});
  fs::create_symlink("nowhere", fileOf("local"));
  expectStatus(loadTransport("local").status(), FARO_UNAVAILABLE, {folder.string(), "libfaro_transport_local.so"});
}

} // namespace faro::test
