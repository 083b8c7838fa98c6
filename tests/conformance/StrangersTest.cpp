// Who does not belong to a job: wrong secrets, strangers, impostors; and the file that keeps a user's secret.
#include "tests/conformance/TcpMeeting.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace faro {
namespace {

using namespace test;
using std::chrono::seconds;

/// A socket that knows where the job meets, but not what to say.
FileDescriptor stranger(uint16_t port) {
  const auto address = resolve("127.0.0.1", port);
  for (int tries = 0; tries < 500; ++tries) {
    FileDescriptor fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connect(fd.get(), address->get(), address->size) == 0)
      return fd;
    usleep(5000);
  }
  return FileDescriptor();
}

TEST_F(TcpMeeting, AWrongSecretIsRefusedAndDisturbsNobody) {
  auto wrong = optionsOf(1, 2);
  wrong.jobSecret = "another secret";
  std::thread rank0([&] {
    auto self = TcpBootstrap::create(optionsOf(0, 2));
    ASSERT_TRUE(self) << self.status().message();
    (*self)->leave(seconds(10), nullptr);
  });
  expectStatus(come({wrong})[0], FARO_PERMISSION_DENIED, {"rank 1", "FARO_JOB_SECRET"});
  auto self = TcpBootstrap::create(optionsOf(1, 2));
  EXPECT_TRUE(self) << self.status().message();
  if (self)
    (*self)->leave(seconds(10), nullptr);
  rank0.join();
}

TEST_F(TcpMeeting, StrangersDisturbNobody) {
  std::vector<FileDescriptor> silent;
  std::thread rank0([&] {
    auto self = TcpBootstrap::create(optionsOf(0, 2));
    ASSERT_TRUE(self) << self.status().message();
    EXPECT_TRUE((*self)->allgather({}, "with strangers", seconds(20), nullptr));
    (*self)->leave(seconds(10), nullptr);
  });
  for (int i = 0; i < 300; ++i) // more than the hub keeps at a time
    silent.push_back(stranger(port));
  const FileDescriptor talker = stranger(port);
  const std::string garbage(100'000, 'G');
  (void)!send(talker.get(), garbage.data(), garbage.size(), MSG_NOSIGNAL);
  (void)stranger(port); // comes and goes
  const FileDescriptor almost = stranger(port);
  (void)!send(almost.get(), HelloMagic, 8, MSG_NOSIGNAL); // the right word, and then nothing
  const FileDescriptor liar = stranger(port);
  Hello hello{};
  std::memcpy(hello.magic, HelloMagic, 8);
  hello.rank = 1;
  hello.worldSize = 2;
  (void)!send(liar.get(), &hello, sizeof hello, MSG_NOSIGNAL); // whole, but not signed

  const auto start = Clock::now();
  auto self = TcpBootstrap::create(optionsOf(1, 2));
  ASSERT_TRUE(self) << self.status().message();
  EXPECT_LT(Clock::now() - start, seconds(5));
  EXPECT_TRUE((*self)->allgather({}, "with strangers", seconds(20), nullptr));
  (*self)->leave(seconds(10), nullptr);
  rank0.join();
}

TEST_F(TcpMeeting, ARankZeroOutOfDescriptorsSaysSoInsteadOfWaiting) {
  const auto address = resolve("127.0.0.1", port);
  Status status;
  std::thread rank0([&] { status = TcpBootstrap::create(optionsOf(0, 2)).status(); });
  {
    // It listens, and has dropped its only stranger: there is none left to push out.
    const FileDescriptor first = stranger(port);
    const std::string garbage(sizeof(Hello), 'G');
    (void)!send(first.get(), garbage.data(), garbage.size(), MSG_NOSIGNAL);
    for (char byte; recv(first.get(), &byte, 1, 0) > 0;)
      ;
  }
  const FileDescriptor next(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit before{};
  EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{rlim_t(next.get()) + 1, before.rlim_max};
  std::vector<FileDescriptor> all;
  while (all.empty() || (all.back() && all.back().get() < next.get()))
    all.emplace_back(dup(next.get()));
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto start = Clock::now();
  EXPECT_EQ(connect(next.get(), address->get(), address->size), 0);
  rank0.join();
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_LT(Clock::now() - start, seconds(10));
  expectStatus(status, FARO_UNAVAILABLE, {"rank 0 cannot let other ranks in", "Too many open files", "ulimit -n"});
}

TEST_F(TcpMeeting, SomethingElseInRankZerosPlaceIsNotBelieved) {
  for (const bool greets : {false, true}) {
    const auto address = resolve("127.0.0.1", freePort());
    auto listener = listenAt(*address);
    ASSERT_TRUE(listener) << listener.status().message();
    std::atomic<bool> stop{false};
    std::thread impostor([&] {
      while (!stop) {
        FileDescriptor fd(accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!fd) {
          usleep(1000);
          continue;
        }
        if (!greets) {
          (void)!send(fd.get(), "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3 and then some\r\n", 54, MSG_NOSIGNAL);
          usleep(1000);
          continue;
        }
        // Knows the protocol, does not know the secret, and says that all is well.
        Greeting greeting{};
        std::memcpy(greeting.magic, GreetingMagic, 8);
        (void)!send(fd.get(), &greeting, sizeof greeting, MSG_NOSIGNAL);
        Hello hello{};
        (void)!recv(fd.get(), &hello, sizeof hello, MSG_WAITALL);
        const Reply reply{FARO_OK, 0, {}};
        (void)!send(fd.get(), &reply, sizeof reply, MSG_NOSIGNAL);
        usleep(100'000);
      }
    });
    auto options = optionsOf(1, 2, seconds(1));
    options.masterPort = ntohs(reinterpret_cast<const sockaddr_in *>(&address->storage)->sin_port);
    const Status status = TcpBootstrap::create(options).status();
    if (greets)
      expectStatus(status, FARO_PERMISSION_DENIED, {"does not know the job's secret"});
    else
      expectStatus(status, FARO_DEADLINE_EXCEEDED, {"another program listens there"});
    stop = true;
    impostor.join();
  }
}

class UserSecret : public ::testing::Test {
protected:
  void SetUp() override {
    char name[] = "/tmp/faro-secret-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    root = name;
  }
  void TearDown() override { std::filesystem::remove_all(root); }
  std::string root;
};

TEST_F(UserSecret, IsMadeOnceWhoeverComesFirst) {
  const std::string folder = root + "/a/b";
  std::vector<std::string> secrets(16);
  std::vector<std::thread> threads;
  for (std::string &secret : secrets)
    threads.emplace_back([&] {
      const auto made = userSecret(folder);
      ASSERT_TRUE(made) << made.status().message();
      secret = *made;
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(secrets[0].size(), 64u);
  for (const std::string &secret : secrets)
    EXPECT_EQ(secret, secrets[0]);
  struct stat info{};
  ASSERT_EQ(stat((folder + "/secret").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  size_t files = 0;
  for ([[maybe_unused]] const auto &entry : std::filesystem::directory_iterator(folder))
    ++files;
  EXPECT_EQ(files, 1u) << "temporary files were left behind";
}

TEST_F(UserSecret, ThatOthersCanReadIsRefused) {
  ASSERT_TRUE(userSecret(root));
  ASSERT_EQ(chmod((root + "/secret").c_str(), 0644), 0);
  expectStatus(userSecret(root).status(), FARO_PERMISSION_DENIED, {"chmod 600", root});
}

TEST_F(UserSecret, ThatIsTornOrALinkIsRefused) {
  std::ofstream(root + "/secret") << "short";
  ASSERT_EQ(chmod((root + "/secret").c_str(), 0600), 0);
  expectStatus(userSecret(root).status(), FARO_DATA_LOSS, {root, "5 bytes"});
  std::filesystem::remove(root + "/secret");
  std::filesystem::create_symlink("/etc/hostname", root + "/secret");
  expectStatus(userSecret(root).status(), FARO_PERMISSION_DENIED, {root});
}

} // namespace
} // namespace faro
