// The compiler's C face: the cache between processes.
#include "tests/compiler/CAPI/JitKit.h"

#include <fstream>
#include <functional>
#include <sys/stat.h>
#include <sys/wait.h>

using namespace faro::test;

namespace {

TEST_F(JitTest, SecondTimeComesFromTheCache) {
  Compiled first(Spec, folder);
  EXPECT_EQ(first.stats.from_cache, 0u);
  ASSERT_EQ(files().size(), 1u);
  Compiled second(Spec, folder);
  EXPECT_EQ(second.stats.from_cache, 1u);
  EXPECT_TRUE(first.works() && second.works());
  Compiled other(Spec + "// another spec\n", folder);
  EXPECT_EQ(other.stats.from_cache, 0u);
  EXPECT_EQ(files().size(), 2u);
}

TEST_F(JitTest, TornOrForeignFilesAreWrittenAnew) {
  {
    Compiled first(Spec, folder);
  }
  ASSERT_EQ(files().size(), 1u);
  const fs::path file = files()[0];
  const auto size = fs::file_size(file);
  const std::function<void()> faults[] = {
      [&] { fs::resize_file(file, size / 2); },
      [&] { fs::resize_file(file, 0); },
      [&] {
        std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
        stream.seekp(std::streamoff(size / 2));
        stream.put('\x5a').put('\xa5').put('\x5a');
      },
      [&] { std::ofstream(file, std::ios::app) << "more"; },
      [&] { std::ofstream(file) << "something else entirely"; },
      [&] {
        fs::remove(file);
        ASSERT_EQ(mkfifo(file.c_str(), 0600), 0);
      },
      [&] { fs::permissions(file, fs::perms::others_write, fs::perm_options::add); },
  };
  for (size_t i = 0; i < std::size(faults); ++i) {
    SCOPED_TRACE(i);
    faults[i]();
    Compiled broken(Spec, folder);
    EXPECT_EQ(broken.stats.from_cache, 0u);
    EXPECT_TRUE(broken.works());
    Compiled mended(Spec, folder);
    EXPECT_EQ(mended.stats.from_cache, 1u);
    EXPECT_TRUE(mended.works());
    EXPECT_EQ(files().size(), 1u) << "temporary files were left behind";
  }
}

TEST_F(JitTest, UnusableFolderCostsOnlyTime) {
  const fs::path file = folder / "file";
  std::ofstream(file) << "in the way";
  for (const fs::path &cache : {file, file / "below", fs::path("/proc/nowhere")}) {
    Compiled compiled(Spec, cache);
    EXPECT_EQ(compiled.status, 0);
    EXPECT_EQ(compiled.stats.from_cache, 0u);
    EXPECT_TRUE(compiled.works());
    EXPECT_TRUE(compiled.said.empty());
  }
}

TEST_F(JitTest, TheOldestFilesGoWhenThereAreThousands) {
  constexpr size_t Most = 4096;
  fs::create_directories(folder);
  const auto longAgo = fs::file_time_type::clock::now() - std::chrono::hours(1);
  for (size_t i = 0; i < Most; ++i) {
    const fs::path file = folder / ("old" + std::to_string(i) + ".jit");
    std::ofstream(file) << "old";
    fs::last_write_time(file, longAgo + std::chrono::milliseconds(i));
  }
  std::ofstream(folder / "notes.txt") << "somebody else's";
  EXPECT_TRUE(Compiled(Spec, folder).works());
  EXPECT_EQ(files().size(), Most * 3 / 4 + 1) << "three quarters, and somebody else's";
  EXPECT_FALSE(fs::exists(folder / "old0.jit"));
  EXPECT_TRUE(fs::exists(folder / ("old" + std::to_string(Most - 1) + ".jit")));
  EXPECT_TRUE(fs::exists(folder / "notes.txt"));
  EXPECT_EQ(Compiled(Spec, folder).stats.from_cache, 1u);
}

TEST_F(JitTest, WhatAKilledProcessLeftGoes) {
  fs::create_directories(folder);
  const auto now = fs::file_time_type::clock::now();
  const auto make = [&](const char *name, std::chrono::minutes age) {
    std::ofstream(folder / name) << "half";
    fs::last_write_time(folder / name, now - age);
  };
  make("a.jit-01234567.tmp", std::chrono::minutes(61));
  make("b.jit-01234567.tmp", std::chrono::minutes(59)); // may still be written to
  make("notes.tmp", std::chrono::minutes(1000));
  EXPECT_TRUE(Compiled(Spec, folder).works());
  EXPECT_FALSE(fs::exists(folder / "a.jit-01234567.tmp"));
  EXPECT_TRUE(fs::exists(folder / "b.jit-01234567.tmp"));
  EXPECT_TRUE(fs::exists(folder / "notes.tmp"));
}

TEST_F(JitTest, ManyProcessesMayWriteAtOnce) {
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::alarm(60);
      bool good = true;
      for (int round = 0; round < 4 && good; ++round) {
        const std::string text = Spec + std::string(size_t(round), '\n');
        good = Compiled(text, folder).works() && Compiled(text, folder).works();
      }
      ::_exit(good ? 0 : 1);
    }
    children.push_back(child);
  }
  for (pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  EXPECT_EQ(files().size(), 4u);
}

} // namespace
