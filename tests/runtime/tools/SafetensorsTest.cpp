#include "runtime/tools/faro-run/Safetensors.h"
#include "runtime/tools/faro-run/OutputFile.h"
#include "tests/runtime/tools/TestFolder.h"

#include <cstring>
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace faro::run::safetensors {
namespace {

std::string fileOf(const std::string &header, const std::string &data) {
  std::string bytes(8, '\0');
  for (int i = 0; i < 8; ++i)
    bytes[size_t(i)] = char(uint64_t(header.size()) >> (8 * i));
  return bytes + header + data;
}

Expected<std::vector<Tensor>> parseText(const std::string &file) {
  return parse("x.safetensors", std::as_bytes(std::span(file)));
}

/// The file is refused, naming itself, with a message that holds `words`.
void expectRefused(const std::string &file, const std::string &words) {
  const auto tensors = parseText(file);
  ASSERT_FALSE(tensors) << "accepted, expected: " << words;
  EXPECT_EQ(tensors.status().code(), FARO_DATA_LOSS);
  EXPECT_NE(tensors.status().message().find(words), std::string::npos) << tensors.status().message();
  EXPECT_EQ(tensors.status().message().rfind("x.safetensors: ", 0), 0u) << tensors.status().message();
}

void expectHeaderRefused(const std::string &header, size_t dataBytes, const std::string &words) {
  expectRefused(fileOf(header, std::string(dataBytes, 'x')), words);
}

TEST(Safetensors, TensorsAreFoundWhereTheHeaderSays) {
  const std::string file = fileOf(R"({"__metadata__":{"format":"pt"},
      "b":{"dtype":"I64","shape":[1,2],"data_offsets":[4,20]},
      "a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}  )",
                                  "abcdefghijklmnopqrst");
  const auto tensors = parseText(file);
  ASSERT_TRUE(tensors) << tensors.status().message();
  ASSERT_EQ(tensors->size(), 2u);
  EXPECT_EQ((*tensors)[0].name, "a");
  EXPECT_EQ((*tensors)[1].shape, (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ(std::memcmp((*tensors)[1].data.data(), "efghijklmnopqrst", 16), 0);
}

TEST(Safetensors, EmptyTensorsAndScalarsAreTensors) {
  const auto tensors = parseText(fileOf(R"({"e":{"dtype":"F32","shape":[0,18446744073709551615],"data_offsets":[0,0]},
      "s":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"t":{"dtype":"I64","shape":[0],"data_offsets":[4,4]}})",
                                        "abcd"));
  ASSERT_TRUE(tensors) << tensors.status().message();
  EXPECT_EQ(tensors->size(), 3u);
}

TEST(Safetensors, TensorsOfUnknownTypesDoNotHinderTheOthers) {
  EXPECT_TRUE(parseText(fileOf(R"({"e":{"dtype":"F4_E2M1","shape":[8],"data_offsets":[0,4]}})", "abcd")));
}

TEST(Safetensors, TooShort) {
  expectRefused("", "empty or torn");
  expectRefused("1234567", "empty or torn");
}

TEST(Safetensors, HeaderLongerThanTheFile) {
  std::string file = fileOf("{}", "");
  file[0] = 3;
  expectRefused(file, "torn or no safetensors file");
  expectRefused("\xff\xff\xff\xff\xff\xff\xff\xff{}", "torn or no safetensors file");
  expectRefused(std::string("\x7f"
                            "ELF\x02\x01\x01\0\0\0\0\0",
                            12),
                "torn or no safetensors file");
}

TEST(Safetensors, HeaderThatIsNoJson) {
  expectHeaderRefused("", 0, "no valid JSON");
  expectHeaderRefused("{\"a\":", 0, "no valid JSON");
  expectHeaderRefused("{}}", 0, "no valid JSON");
  expectHeaderRefused("{\"\xff\":1}", 0, "no valid JSON");
  expectHeaderRefused("[]", 0, "no JSON object");
  expectHeaderRefused(std::string(100000, '['), 0, "no valid JSON");
}

TEST(Safetensors, HeaderThatIsNoneToOthers) {
  expectHeaderRefused(std::string("{}\0 {garbage", 12), 0, "byte 2 of the header is 0");
  expectHeaderRefused(std::string("{}\0\0\0", 5), 0, "byte 2 of the header is 0");
  expectHeaderRefused("\xef\xbb\xbf{}", 0, "begins with the byte 0xef");
  expectHeaderRefused(" {}", 0, "begins with the byte 0x20, expected '{'");
  EXPECT_TRUE(parseText(fileOf("{}      ", "")));
}

TEST(Safetensors, MetadataIsText) {
  expectHeaderRefused(R"({"__metadata__":["pt"]})", 0, "__metadata__ is a JSON array, expected an object of strings");
  expectHeaderRefused(R"({"__metadata__":{"format":"pt","version":3}})", 0,
                      "'version' is a JSON number, expected a string");
  expectHeaderRefused(R"({"__metadata__":null})", 0, "__metadata__ is a JSON null");
}

TEST(Safetensors, ControlCharactersAreShown) {
  EXPECT_EQ(shown("a\x1b[2J\x7f\n"), "a\\x1b[2J\\x7f\\x0a");
  EXPECT_EQ(shown("\xc2\x9b"
                  "2J \xc3\xa4"),
            "\xc2\\x9b"
            "2J \xc3\xa4");
}

TEST(Safetensors, NameTwice) {
  expectHeaderRefused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
                          "a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                      8, "names 'a' twice");
  expectHeaderRefused(R"({"a":{"dtype":"F32","dtype":"I64","shape":[1],"data_offsets":[0,4]}})", 4,
                      "names 'dtype' twice");
}

TEST(Safetensors, EntriesThatAreNoTensor) {
  expectHeaderRefused(R"({"a":7})", 0, "no JSON object");
  expectHeaderRefused(R"({"a":{"shape":[1],"data_offsets":[0,4]}})", 4, "no dtype");
  expectHeaderRefused(R"({"a":{"dtype":4,"shape":[1],"data_offsets":[0,4]}})", 4, "no dtype");
  expectHeaderRefused(R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4, "shape");
  expectHeaderRefused(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "shape");
  expectHeaderRefused(R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", 4, "shape");
  expectHeaderRefused(R"({"a":{"dtype":"F32","shape":[1e30],"data_offsets":[0,4]}})", 4, "shape");
  expectHeaderRefused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", 4, "data_offsets");
  expectHeaderRefused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,"4"]}})", 4, "data_offsets");
}

TEST(Safetensors, OffsetsOutsideTheFile) {
  expectHeaderRefused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 3, "holds 3 bytes of data");
  expectHeaderRefused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4, "run backwards");
  expectHeaderRefused(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[18446744073709551614,18446744073709551615]}})",
                      4, "holds 4 bytes of data");
}

TEST(Safetensors, SizesThatDoNotFitTheShape) {
  expectHeaderRefused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4, "needs 8 bytes");
  // 2^33 x 2^31 elements wrap around to 0 in 64 bits.
  expectHeaderRefused(R"({"a":{"dtype":"F32","shape":[8589934592,2147483648],"data_offsets":[0,0]}})", 0,
                      "more than 2^63");
}

TEST(Safetensors, OverlapsAndHoles) {
  expectHeaderRefused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
                          "b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
                      12, "side by side");
  expectHeaderRefused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
                          "b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
                      12, "side by side");
  expectHeaderRefused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 5, "but the file holds 5");
}

TEST(Safetensors, WhatIsNoFileIsSaidSo) {
  const TestFolder folder;
  EXPECT_EQ(File::open(folder / "none").status().code(), FARO_NOT_FOUND);
  EXPECT_EQ(File::open(folder.path()).status().code(), FARO_INVALID_ARGUMENT);
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(File::open(folder / "pipe").status().code(), FARO_INVALID_ARGUMENT);
  writeFile(folder / "empty", "");
  EXPECT_EQ(File::open(folder / "empty").status().code(), FARO_DATA_LOSS);
}

TEST(Safetensors, WhatIsWrittenIsRead) {
  const TestFolder folder;
  const std::string path = folder / "a.safetensors";
  // Three columns of two bytes, eight bytes apart.
  const char rows[] = "abcdef..ghijkl..";
  const int64_t numbers[] = {1, -2};
  {
    auto file = OutputFile::open(path);
    ASSERT_TRUE(file) << file.status().message();
    Writer writer(file->fd(), path);
    ASSERT_TRUE(writer.begin({{"n", "I64", {2}}, {"r", "BF16", {2, 3}}, {"none", "F32", {0, 7}}}).isOk());
    ASSERT_TRUE(writer.append(numbers, sizeof numbers).isOk());
    ASSERT_TRUE(writer.appendRows(rows, 2, 6, 8).isOk());
    ASSERT_TRUE(writer.finish().isOk());
    EXPECT_EQ(folder.entries(), 0u) << "nothing may be visible before the commit";
    ASSERT_TRUE(file->commit().isOk());
  }
  const auto file = File::open(path);
  ASSERT_TRUE(file) << file.status().message();
  EXPECT_EQ((*file)->find("x"), nullptr);
  ASSERT_NE((*file)->find("none"), nullptr);
  const Tensor *n = (*file)->find("n"), *r = (*file)->find("r");
  ASSERT_TRUE(n && r);
  EXPECT_EQ(std::memcmp(n->data.data(), numbers, sizeof numbers), 0);
  EXPECT_EQ(r->data.size(), 12u);
  EXPECT_EQ(std::memcmp(r->data.data(), "abcdefghijkl", 12), 0);
  EXPECT_EQ(uintptr_t(n->data.data()) % 8, 0u);
}

TEST(Safetensors, LargeRowsPassTheBuffer) {
  const TestFolder folder;
  const std::string path = folder / "a.safetensors";
  std::string row(3'000'001, 'x');
  row.back() = 'y';
  auto file = OutputFile::open(path);
  ASSERT_TRUE(file);
  Writer writer(file->fd(), path);
  ASSERT_TRUE(writer.begin({{"s", "U8", {1}}, {"r", "U8", {row.size()}}}).isOk());
  ASSERT_TRUE(writer.append("a", 1).isOk());
  ASSERT_TRUE(writer.append(row.data(), row.size()).isOk());
  ASSERT_TRUE(writer.finish().isOk());
  ASSERT_TRUE(file->commit().isOk());
  const std::string bytes = readFile(path);
  EXPECT_EQ(bytes.substr(bytes.size() - row.size() - 1), "a" + row);
}

TEST(Safetensors, MissingBytesAreNoticed) {
  const TestFolder folder;
  auto file = OutputFile::open(folder / "a");
  ASSERT_TRUE(file);
  Writer writer(file->fd(), "a");
  ASSERT_TRUE(writer.begin({{"r", "U8", {2}}}).isOk());
  ASSERT_TRUE(writer.append("a", 1).isOk());
  EXPECT_EQ(writer.finish().code(), FARO_INTERNAL);
}

} // namespace
} // namespace faro::run::safetensors
