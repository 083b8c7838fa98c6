// What is chosen for a device without one: a module's image, and a launch's grid.
#include "runtime/device/cuda/ChooseImage.h"
#include "runtime/device/cuda/Device.h"
#include "tests/conformance/ExpectStatus.h"

#include <gtest/gtest.h>

using namespace faro;
using namespace faro::cuda;
using faro::test::expectStatus;

namespace {
const uint8_t Code[] = "machine code", Text[] = "// PTX";
}

TEST(ChooseImage, TakesTheNearestMachineCodeThenPtx) {
  const faro_abi_image sm80{"cuda:sm_80", FARO_ABI_CUBIN, 80, Code, 1}, sm86{"cuda:sm_86", FARO_ABI_CUBIN, 86, Code, 1},
      sm90{"cuda:sm_90", FARO_ABI_CUBIN, 90, Code, 1}, ptx80{"cuda:sm_80", FARO_ABI_PTX, 80, Text, 1},
      ptx90{"cuda:sm_90", FARO_ABI_PTX, 90, Text, 1};
  const auto chosen = [](std::vector<faro_abi_image> images, uint32_t architecture) {
    auto image = chooseImage(images, architecture);
    return image ? std::pair((*image)->architecture, (*image)->format == FARO_ABI_CUBIN) : std::pair(0u, false);
  };
  EXPECT_EQ(chosen({sm80, sm86, sm90, ptx80}, 80), std::pair(80u, true));
  EXPECT_EQ(chosen({sm80, sm86, sm90, ptx80}, 86), std::pair(86u, true));
  EXPECT_EQ(chosen({sm86, sm80, sm90, ptx80}, 89), std::pair(86u, true)); // of the same major version
  EXPECT_EQ(chosen({sm80, sm86, sm90, ptx80}, 90), std::pair(90u, true));
  EXPECT_EQ(chosen({sm80, sm90, ptx80}, 100), std::pair(80u, false)); // newer than all: the driver assembles
  EXPECT_EQ(chosen({ptx80, ptx90}, 90), std::pair(90u, false));
  EXPECT_EQ(chosen({ptx80, ptx90}, 86), std::pair(80u, false));
  EXPECT_EQ(chosen({sm80, sm90, ptx80}, 75), std::pair(0u, false));
  EXPECT_EQ(chosen({sm86}, 80), std::pair(0u, false));
}

TEST(ChooseImage, SaysWhatThereIsAndHowToCompile) {
  const faro_abi_image images[] = {{"cuda:sm_90", FARO_ABI_CUBIN, 90, Code, 1}};
  expectStatus(chooseImage(images, 80).status(), FARO_UNAVAILABLE,
               {"holds cuda:sm_90", "sm_80", "--target=cpu,cuda:sm_80"});
  expectStatus(chooseImage({}, 80).status(), FARO_UNAVAILABLE, {"kernels for the CPU only"});
}

TEST(Grid, HasAThreadForEachAccessAndABlockForEachTokenUpToWhatADeviceHolds) {
  const auto grid = [](uint64_t tokens, uint64_t bytes) {
    const Grid made = Grid::of(tokens, bytes, 132, 132);
    EXPECT_FALSE(made.few);
    return std::pair(made.blocks, made.threads);
  };
  EXPECT_EQ(grid(4096, 14336), std::pair(528u, 448u)); // two accesses of each thread
  EXPECT_EQ(grid(100, 14336), std::pair(100u, 448u));
  EXPECT_EQ(grid(1, 2), std::pair(1u, 32u));
  EXPECT_EQ(grid(0, 16), std::pair(1u, 32u));
  EXPECT_EQ(grid(1u << 30, 2880), std::pair(132u * 10, 192u));
  // A block for each of few multiprocessors: more would be spread over others.
  const Grid few = Grid::of(4096, 14336, 16, 132);
  EXPECT_EQ(std::pair(few.blocks, few.threads), std::pair(16u, 896u));
  EXPECT_TRUE(few.few);
  EXPECT_EQ(few.multiprocessors, 16u);
}
