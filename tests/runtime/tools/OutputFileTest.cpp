#include "runtime/tools/faro-run/OutputFile.h"
#include "runtime/tools/faro-run/Output.h"
#include "tests/runtime/tools/TestFolder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace faro::run {
namespace {

TEST(OutputFile, NothingIsSeenBeforeTheCommit) {
  const TestFolder folder;
  {
    auto file = OutputFile::open(folder / "a");
    ASSERT_TRUE(file) << file.status().message();
    ASSERT_TRUE(writeAll(file->fd(), "half", 4, "a").isOk());
    EXPECT_FALSE(std::filesystem::exists(folder / "a"));
  }
  EXPECT_EQ(folder.entries(), 0u);
}

TEST(OutputFile, ReplacesWholly) {
  const TestFolder folder;
  writeFile(folder / "a", "old and longer");
  {
    auto file = OutputFile::open(folder / "a");
    ASSERT_TRUE(file);
    ASSERT_TRUE(writeAll(file->fd(), "new", 3, "a").isOk());
    EXPECT_EQ(readFile(folder / "a"), "old and longer");
    ASSERT_TRUE(file->commit().isOk());
    EXPECT_EQ(readFile(folder / "a"), "new");
  }
  EXPECT_EQ(readFile(folder / "a"), "new");
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(OutputFile, WhatWasReplacedIsBackWhenItIsRevoked) {
  const TestFolder folder;
  writeFile(folder / "a", "old");
  for (const char *name : {"a", "b"}) {
    auto file = OutputFile::open(folder / name);
    ASSERT_TRUE(file);
    ASSERT_TRUE(writeAll(file->fd(), "new", 3, name).isOk());
    ASSERT_TRUE(file->commit().isOk());
    file->revoke();
  }
  EXPECT_EQ(readFile(folder / "a"), "old");
  EXPECT_EQ(folder.entries(), 1u) << "b was not there before";
}

TEST(OutputFile, ALinkStaysALink) {
  const TestFolder folder;
  writeFile(folder / "target", "old");
  ASSERT_EQ(::symlink("target", (folder / "a").c_str()), 0);
  auto file = OutputFile::open(folder / "a");
  ASSERT_TRUE(file);
  ASSERT_TRUE(writeAll(file->fd(), "new", 3, "a").isOk());
  ASSERT_TRUE(file->commit().isOk());
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "a"));
  EXPECT_EQ(readFile(folder / "target"), "new");
}

TEST(OutputFile, WhatCannotBeWrittenIsSaidAtOnce) {
  const TestFolder folder;
  EXPECT_EQ(OutputFile::open(folder / "no/such/a").status().code(), FARO_NOT_FOUND);
  EXPECT_EQ(OutputFile::open(folder.path()).status().code(), FARO_INVALID_ARGUMENT);
  EXPECT_EQ(OutputFile::open("/dev/null").status().code(), FARO_INVALID_ARGUMENT);
  EXPECT_EQ(OutputFile::open("/proc/a").status().isOk(), false);
}

TEST(OutputFile, AllOrNone) {
  const TestFolder folder;
  auto files = openOutputs(folder / "out", "", 0, 3);
  ASSERT_TRUE(files) << files.status().message();
  // The last one cannot be put in place any more.
  std::filesystem::create_directory(folder / "out/rank2.safetensors");
  EXPECT_FALSE(commitOutputs(*files).isOk());
  EXPECT_FALSE(std::filesystem::exists(folder / "out/rank0.safetensors"));
  EXPECT_FALSE(std::filesystem::exists(folder / "out/rank1.safetensors"));
}

TEST(OutputFile, InputIsNeverReplaced) {
  const TestFolder folder;
  ASSERT_EQ(::symlink(folder.path().c_str(), (folder / "again").c_str()), 0);
  const auto files = openOutputs(folder / "again", folder.path(), 0, 1);
  ASSERT_FALSE(files);
  EXPECT_NE(files.status().message().find("--input"), std::string::npos);
}

TEST(TextFile, DevicesAreWrittenToAndStayDevices) {
  auto file = TextFile::open("/dev/null");
  ASSERT_TRUE(file) << file.status().message();
  EXPECT_TRUE(file->commit("{}").isOk());
  struct stat info{};
  ASSERT_EQ(::stat("/dev/null", &info), 0);
  EXPECT_TRUE(S_ISCHR(info.st_mode));
}

TEST(TextFile, APipeThatNobodyReadsDoesNotBlock) {
  const TestFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  auto file = TextFile::open(folder / "pipe");
  ASSERT_TRUE(file);
  EXPECT_FALSE(file->commit("{}").isOk());
}

} // namespace
} // namespace faro::run
