#include "runtime/tools/faro-run/Inputs.h"
#include "runtime/tools/faro-run/ExpertsFunction.h"
#include "runtime/tools/faro-run/Safetensors.h"
#include "tests/runtime/tools/TestFolder.h"

#include "runtime/tools/faro-run/OutputFile.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <map>
#include <numeric>
#include <set>

namespace faro::run {
namespace {

InputShape shapeOf(reference::Element element, uint64_t columns, uint32_t topk, uint32_t experts, uint32_t ranks,
                   uint32_t nodes = 1) {
  InputShape shape;
  shape.program.element = element;
  shape.program.columns = columns;
  shape.program.topk = topk;
  shape.program.placement = layout::Placement::block(experts);
  shape.topology = Topology::blocks(ranks, nodes);
  return shape;
}

//===---------------------------------------------------------- made-up input ---===//

TEST(GeneratedInputs, AreAFunctionOfSeedAndRank) {
  const InputShape shape = shapeOf(reference::Element::BF16, 7, 2, 8, 2);
  const auto inputs = generatedInputs(5, {}, 3, shape), again = generatedInputs(5, {}, 3, shape),
             other = generatedInputs(5, {}, 4, shape);
  const auto a = inputs->read(1, true), b = again->read(1, true), c = other->read(1, true), d = inputs->read(0, true);
  ASSERT_TRUE(a && b && c && d);
  const auto rows = [&](const RankInput &input) {
    return std::string(reinterpret_cast<const char *>(input.rows), 5 * shape.program.rowBytes());
  };
  EXPECT_EQ(rows(*a), rows(*b));
  EXPECT_EQ(a->routing.topkIdx, b->routing.topkIdx);
  EXPECT_EQ(a->weights, b->weights);
  EXPECT_NE(rows(*a), rows(*c));
  EXPECT_NE(rows(*a), rows(*d));
  // A row alone is the row of the whole.
  const auto bare = inputs->read(1, false);
  std::vector<std::byte> scratch(shape.program.rowBytes());
  for (uint64_t token = 0; token < 5; ++token)
    EXPECT_EQ(
        std::memcmp(inputs->row(1, *bare, token, scratch.data()), inputs->row(1, *a, token, nullptr), scratch.size()),
        0);
}

TEST(GeneratedInputs, TokensAreFiniteAndWeightsSumToOne) {
  for (auto element : {reference::Element::BF16, reference::Element::F16, reference::Element::F32}) {
    const InputShape shape = shapeOf(element, 129, 3, 8, 1);
    const auto input = generatedInputs(64, {}, 0, shape)->read(0, true);
    ASSERT_TRUE(input);
    double sum = 0, squares = 0;
    for (uint64_t i = 0; i < 64 * 129; ++i) {
      const float value = reference::toFloat(element, input->rows + i * reference::bytesOf(element));
      ASSERT_TRUE(std::abs(value) >= 0x1p-8f && std::abs(value) < 1) << value;
      sum += value;
      squares += double(value) * value;
    }
    EXPECT_LT(std::abs(sum) / (64 * 129), 0.02);
    EXPECT_GT(squares / (64 * 129), 0.05);
    for (uint64_t token = 0; token < 64; ++token) {
      double weights = 0;
      for (uint64_t k = 0; k < 3; ++k) {
        EXPECT_GT(input->weights[token * 3 + k], 0);
        weights += input->weights[token * 3 + k];
      }
      EXPECT_NEAR(weights, 1, 1e-6);
    }
  }
}

TEST(GeneratedInputs, ATokensExpertsDiffer) {
  for (const char *kind : {"uniform", "zipf:1.2", "zipf:50", "single-node", "bimodal"})
    for (const auto &[topk, experts] :
         {std::pair(1u, 1u), std::pair(8u, 8u), std::pair(64u, 64u), std::pair(6u, 160u)}) {
      const InputShape shape = shapeOf(reference::Element::F32, 1, topk, experts, 4);
      const std::vector<int64_t> idx = generateRouting(50, *RoutingKind::parse(kind), 1, 0, shape);
      ASSERT_EQ(idx.size(), 50u * topk);
      EXPECT_EQ(reference::checkRouting(shape.program, 0, {idx, 50}), "") << kind;
      for (uint64_t token = 0; token < 50; ++token) {
        const std::set<int64_t> different(idx.begin() + int64_t(token * topk),
                                          idx.begin() + int64_t((token + 1) * topk));
        EXPECT_EQ(different.size(), topk) << kind << ", token " << token;
        EXPECT_EQ(different.count(-1), 0u) << kind;
      }
    }
}

std::vector<uint64_t> loads(const char *kind, const InputShape &shape) {
  std::vector<uint64_t> load(shape.program.placement.experts());
  for (int64_t e : generateRouting(4000, *RoutingKind::parse(kind), 1, 0, shape))
    ++load[size_t(e)];
  return load;
}

TEST(GeneratedInputs, RoutingsAreWhatTheirNamesSay) {
  const InputShape shape = shapeOf(reference::Element::F32, 1, 2, 16, 4);
  const auto uniform = loads("uniform", shape);
  EXPECT_GT(*std::min_element(uniform.begin(), uniform.end()), 400u);
  EXPECT_LT(*std::max_element(uniform.begin(), uniform.end()), 600u);
  const auto zipf = loads("zipf:1.5", shape);
  EXPECT_GT(*std::max_element(zipf.begin(), zipf.end()), 5 * *std::min_element(zipf.begin(), zipf.end()));
  // Rank 0 holds four of the experts and gets four fifths of the tokens.
  const auto bimodal = loads("bimodal", shape);
  EXPECT_NEAR(double(std::accumulate(bimodal.begin(), bimodal.begin() + 4, uint64_t(0))) / 8000, 0.8, 0.05);
}

TEST(GeneratedInputs, RoutingsKnowTheJobsNodes) {
  // Both experts of a token on one node of two.
  const InputShape two = shapeOf(reference::Element::F32, 1, 2, 16, 4, 2);
  const std::vector<int64_t> idx = generateRouting(1000, *RoutingKind::parse("single-node"), 1, 0, two);
  std::map<bool, int> nodes;
  for (size_t i = 0; i < idx.size(); i += 2) {
    EXPECT_EQ(idx[i] < 8, idx[i + 1] < 8);
    ++nodes[idx[i] < 8];
  }
  EXPECT_EQ(nodes.size(), 2u);
  // The first node is the hot quarter, with the eight experts of its two ranks.
  const auto bimodal = loads("bimodal", two);
  EXPECT_NEAR(double(std::accumulate(bimodal.begin(), bimodal.begin() + 8, uint64_t(0))) / 8000, 0.8, 0.05);
  EXPECT_GT(*std::min_element(bimodal.begin(), bimodal.begin() + 8), 600u);
  // What nodes do not touch is the same on any number of them.
  EXPECT_EQ(loads("uniform", two), loads("uniform", shapeOf(reference::Element::F32, 1, 2, 16, 4)));
}

TEST(GeneratedInputs, MoreThanTheMachineHoldsIsRefused) {
  const InputShape shape = shapeOf(reference::Element::F32, 1 << 20, 8, 8, 8);
  const Status status = generatedInputs(1 << 30, {}, 0, shape)->check();
  EXPECT_EQ(status.code(), FARO_OUT_OF_MEMORY);
}

//===-------------------------------------------------------------- files ---===//

/// The folder's rank0.safetensors: two tokens of three bf16, top-2.
struct FileCase {
  std::vector<safetensors::TensorInfo> tensors{
      {"tokens", "BF16", {2, 3}}, {"topk_idx", "I64", {2, 2}}, {"topk_weights", "F32", {2, 2}}};
  std::vector<int64_t> topkIdx{0, 3, -1, 3};

  void write(const std::string &path) const {
    auto file = OutputFile::open(path);
    ASSERT_TRUE(file);
    safetensors::Writer writer(file->fd(), path);
    ASSERT_TRUE(writer.begin(tensors).isOk());
    for (const safetensors::TensorInfo &tensor : tensors) {
      std::vector<std::byte> bytes(*safetensors::tensorBytes(tensor));
      if (tensor.name == "topk_idx" && !bytes.empty())
        std::memcpy(bytes.data(), topkIdx.data(), std::min(bytes.size(), topkIdx.size() * 8));
      ASSERT_TRUE(writer.append(bytes.data(), bytes.size()).isOk());
    }
    ASSERT_TRUE(writer.finish().isOk());
    ASSERT_TRUE(file->commit().isOk());
  }
};

/// What is said of a folder with this file.
Status check(const FileCase &file, bool needsWeights = true) {
  const TestFolder folder;
  file.write(folder / "rank0.safetensors");
  InputShape shape = shapeOf(reference::Element::BF16, 3, 2, 4, 1);
  shape.needsWeights = needsWeights;
  return fileInputs(folder.path(), shape)->check();
}

void expectRefused(const FileCase &file, std::initializer_list<const char *> words) {
  const Status status = check(file);
  ASSERT_FALSE(status.isOk());
  for (const char *word : words)
    EXPECT_NE(status.message().find(word), std::string::npos) << "no '" << word << "' in: " << status.message();
  EXPECT_NE(status.message().find("rank0.safetensors"), std::string::npos) << status.message();
}

TEST(FileInputs, AGoodFileIsRead) {
  EXPECT_TRUE(check({}).isOk()) << check({}).message();
  const TestFolder folder;
  FileCase{}.write(folder / "rank0.safetensors");
  const auto input = fileInputs(folder.path(), shapeOf(reference::Element::BF16, 3, 2, 4, 1))->read(0, true);
  ASSERT_TRUE(input);
  EXPECT_EQ(input->routing.topkIdx, (std::vector<int64_t>{0, 3, -1, 3}));
  EXPECT_EQ(input->tokens(), 2u);
}

TEST(FileInputs, NoTokensAreTokens) {
  FileCase file;
  for (auto &tensor : file.tensors)
    tensor.shape[0] = 0;
  EXPECT_TRUE(check(file).isOk());
}

TEST(FileInputs, WeightsAreNeededByACombineOnly) {
  FileCase file;
  file.tensors.pop_back();
  EXPECT_TRUE(check(file, /*needsWeights=*/false).isOk());
  expectRefused(file, {"topk_weights", "missing", "[2, 2]", "F32", "found tokens, topk_idx"});
}

TEST(FileInputs, FaultsNameFileRankExpectedAndFound) {
  FileCase file;
  file.tensors[0].dtype = "F16";
  expectRefused(file, {"rank 0", "'tokens'", "F16", "BF16"});
  file = {};
  file.tensors[0].shape = {2, 4};
  expectRefused(file, {"rank 0", "'tokens'", "[2, 4]", "[any number of tokens, 3]"});
  file = {};
  file.tensors[0].shape = {6};
  expectRefused(file, {"rank 0", "'tokens'", "[6]"});
  file = {};
  file.tensors[1].shape = {2, 3};
  expectRefused(file, {"rank 0", "'topk_idx'", "[2, 3]", "[2, 2]"});
  file = {};
  file.tensors[1].shape = {1, 2};
  expectRefused(file, {"rank 0", "'topk_idx'", "[1, 2]", "[2, 2]"});
  file = {};
  file.tensors[1].dtype = "I32";
  expectRefused(file, {"rank 0", "'topk_idx'", "I32", "I64"});
  file = {};
  file.tensors[2].dtype = "BF16";
  expectRefused(file, {"rank 0", "'topk_weights'", "BF16", "F32"});
}

TEST(FileInputs, FaultsShowWhatWouldDriveATerminal) {
  FileCase file;
  file.tensors[0].name = "\x1b[2J";
  expectRefused(file, {"'tokens'", "missing", "\\x1b[2J"});
  EXPECT_EQ(check(file).message().find('\x1b'), std::string::npos);
}

TEST(FileInputs, ManyTensorsAreNotAllNamed) {
  FileCase file;
  file.tensors[0].name = "x";
  for (int n = 0; n < 100; ++n)
    file.tensors.push_back({"more" + std::to_string(n), "F32", {0}});
  expectRefused(file, {"'tokens'", "missing", "and 83 more"});
}

TEST(FileInputs, ExpertsOutOfRangeNameTokenAndChoice) {
  for (int64_t expert : {int64_t(4), int64_t(-2), INT64_MAX, INT64_MIN}) {
    FileCase file;
    file.topkIdx[3] = expert;
    expectRefused(file, {"rank 0", "token 1", "choice 1", std::to_string(expert).c_str(), "0 to 3"});
  }
}

TEST(FileInputs, MissingFilesAndFolders) {
  const TestFolder folder;
  FileCase{}.write(folder / "rank0.safetensors");
  const InputShape shape = shapeOf(reference::Element::BF16, 3, 2, 4, 2);
  EXPECT_NE(fileInputs(folder.path(), shape)->check().message().find("rank1.safetensors"), std::string::npos);
  EXPECT_NE(fileInputs(folder / "none", shape)->check().message().find("no such folder"), std::string::npos);
}

//===----------------------------------------------------- experts' function ---===//

TEST(ExpertsFunction, ScalesByExpertModEight) {
  const ExpertsFunction scale(ExpertsFn::Scale, reference::Element::F32, 2);
  const float in[2] = {8, -3};
  for (uint32_t expert : {0u, 2u, 7u, 8u, 255u}) {
    float out[2];
    scale.apply(expert, reinterpret_cast<const std::byte *>(in), reinterpret_cast<std::byte *>(out));
    EXPECT_EQ(out[0], float(expert % 8 + 1));
    EXPECT_EQ(out[1], -3.0f * float(expert % 8 + 1) / 8);
  }
}

TEST(ExpertsFunction, RoundsToNearestEvenAndMakesNansQuiet) {
  const ExpertsFunction scale(ExpertsFn::Scale, reference::Element::BF16, 5);
  // 1.0078125 (0x3f81) x 1/8, x 3/8: 0.3779296875 lies halfway between 0x3ec1 and 0x3ec2; signalling NaN; infinity.
  const uint16_t in[5] = {0x3f81, 0x3f81, 0x7f81, 0xff80, 0x0001};
  uint16_t out[5];
  scale.apply(0, reinterpret_cast<const std::byte *>(in), reinterpret_cast<std::byte *>(out));
  EXPECT_EQ(out[0], 0x3e01);
  EXPECT_EQ(out[2], 0x7fc0);
  EXPECT_EQ(out[3], 0xff80);
  EXPECT_EQ(out[4], 0x0000); // an eighth of the smallest denormal
  scale.apply(2, reinterpret_cast<const std::byte *>(in), reinterpret_cast<std::byte *>(out));
  EXPECT_EQ(out[1], 0x3ec2);
}

TEST(ExpertsFunction, IdentityKeepsBits) {
  const ExpertsFunction identity(ExpertsFn::Identity, reference::Element::BF16, 2);
  const uint16_t in[2] = {0x7f81, 0x8000};
  uint16_t out[2];
  identity.apply(3, reinterpret_cast<const std::byte *>(in), reinterpret_cast<std::byte *>(out));
  EXPECT_EQ(std::memcmp(in, out, sizeof in), 0);
}

} // namespace
} // namespace faro::run
