// What the ucx transport makes of a user's UCX_TLS for the wire between nodes, without UCX.
#include "plugins/ucx/WireTransports.h"

#include <gtest/gtest.h>

namespace faro::ucx {
namespace {

TEST(WireTransports, AreAllThatIsNoSharedMemoryWhereNothingWasChosen) {
  const std::string all = "^posix,sysv,cma,knem,xpmem,cuda_ipc";
  for (const char *chosen : {static_cast<const char *>(nullptr), "", "all", "tcp,all"})
    EXPECT_EQ(wireTransports(chosen), all) << (chosen ? chosen : "nothing");
  // What the user does not want stays out, and is named once.
  EXPECT_EQ(wireTransports("^rc,cma"), "^rc,cma,posix,sysv,knem,xpmem,cuda_ipc");
}

TEST(WireTransports, OfAListAreTheUsersOwnLessSharedMemory) {
  EXPECT_EQ(wireTransports("posix,tcp,self"), "tcp,self");
  EXPECT_EQ(wireTransports("sm,rc"), "rc");
  EXPECT_EQ(wireTransports("tcp,cuda_copy,cuda_ipc"), "tcp,cuda_copy");
}

/// UCX's name for cuda_copy, gdr_copy and cuda_ipc, of which the last is memory in common.
TEST(WireTransports, OfCudaAreThoseThatReachTheOwnDevice) {
  EXPECT_EQ(wireTransports("cuda,tcp"), "tcp,cuda_copy,gdr_copy");
}

TEST(WireTransports, AreNothingWhereNoneCarriesBytes) {
  for (const char *chosen : {"posix,sysv", "sm", "cuda_ipc,shm", "cuda,posix", "cuda_copy"})
    EXPECT_EQ(wireTransports(chosen), std::nullopt) << chosen;
}

TEST(WireTransports, OfTcpAndADeviceAreATcpWire) {
  EXPECT_TRUE(isOnlyTcp("tcp,self", false));
  EXPECT_TRUE(isOnlyTcp("tcp,cuda_copy,gdr_copy", false));
  EXPECT_TRUE(isOnlyTcp("^posix", true)) << "loopback has nothing else";
}

} // namespace
} // namespace faro::ucx
