// A shared library that is cut anywhere is refused before the loader maps it.
#include "runtime/core/ElfCheck.h"

#include "runtime/abi/faro_abi.h"
#include "runtime/core/Digest.h"

#include <algorithm>
#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <unistd.h>

using namespace faro;

namespace {

/// The library that holds checkElf itself: whole, as it has been loaded.
std::string ownLibrary() {
  Dl_info info{};
  dladdr(reinterpret_cast<void *>(&checkElf), &info);
  return info.dli_fname;
}

Status checkBytes(const std::string &bytes) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("faro-elf-check-" + std::to_string(getpid()))).string();
  std::ofstream(path, std::ios::binary) << bytes;
  const Status status = checkElf(path);
  std::filesystem::remove(path);
  return status;
}

} // namespace

TEST(ElfCheck, acceptsALibraryAndRefusesAnyPartOfIt) {
  std::ifstream file(ownLibrary(), std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  ASSERT_GT(whole.size(), 1000u);
  EXPECT_TRUE(checkBytes(whole)) << checkBytes(whole).message();
  for (size_t size : {size_t(4), size_t(63), size_t(64), size_t(500), size_t(4096), whole.size() / 2, whole.size() - 1})
    EXPECT_EQ(checkBytes(whole.substr(0, size)).code(), FARO_DATA_LOSS) << size << " of " << whole.size() << " bytes";
}

TEST(ElfCheck, refusesALibraryWhoseLastBlocksWereNeverWritten) {
  std::ifstream file(ownLibrary(), std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::fill(bytes.begin() + 8192, bytes.end(), '\0');
  const Status status = checkBytes(bytes);
  EXPECT_EQ(status.code(), FARO_DATA_LOSS);
  EXPECT_NE(status.message().find("section headers"), std::string::npos) << status.message();
}

TEST(ElfCheck, aSumMustBeThatOfTheBytesBeforeIt) {
  std::ifstream file(ownLibrary(), std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const Digest sum = sha256(std::as_bytes(std::span(bytes)));
  const std::string summed =
      bytes + FARO_ABI_SUM_MARK + std::string(reinterpret_cast<const char *>(sum.data()), sum.size());
  EXPECT_TRUE(checkBytes(summed)) << checkBytes(summed).message();
  for (const size_t at : {size_t(5000), bytes.size() / 2, bytes.size() - 1, summed.size() - 1}) {
    std::string damaged = summed;
    damaged[at] = char(damaged[at] ^ 4);
    EXPECT_EQ(checkBytes(damaged).code(), FARO_DATA_LOSS) << at;
  }
}

TEST(ElfCheck, whatIsBehindALibraryIsItsSum) {
  std::ifstream file(ownLibrary(), std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const Digest sum = sha256(std::as_bytes(std::span(bytes)));
  const std::string trailer = FARO_ABI_SUM_MARK + std::string(reinterpret_cast<const char *>(sum.data()), sum.size());
  for (size_t kept = 1; kept < trailer.size(); ++kept)
    EXPECT_EQ(checkBytes(bytes + trailer.substr(0, kept)).code(), FARO_DATA_LOSS) << kept;
  EXPECT_EQ(checkBytes(bytes + trailer + '\0').code(), FARO_DATA_LOSS);
  EXPECT_EQ(checkBytes(bytes + std::string(trailer.size(), '\0')).code(), FARO_DATA_LOSS);
  EXPECT_EQ(checkBytes(bytes + "garoSum1" + trailer.substr(8)).code(), FARO_DATA_LOSS);
}

TEST(ElfCheck, refusesWhatIsNoLibrary) {
  EXPECT_EQ(checkBytes("").code(), FARO_INVALID_ARGUMENT);
  EXPECT_EQ(checkBytes("module {}").code(), FARO_INVALID_ARGUMENT);
  EXPECT_EQ(checkElf("/").code(), FARO_INVALID_ARGUMENT);
  EXPECT_EQ(checkElf("/no/such/file").code(), FARO_INVALID_ARGUMENT);
}
