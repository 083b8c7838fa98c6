// What launchers say, and what is said when they talk nonsense.
#include "runtime/core/Environment.h"

#include <gtest/gtest.h>
#include <map>

namespace faro {
namespace {

using Variables = std::map<std::string, std::string>;

Expected<CommunicatorOptions> read(const Variables &variables) {
  return readEnvironment([&](const char *name) -> const char * {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

void expectRefused(const Variables &variables, const std::vector<std::string> &words) {
  const auto options = read(variables);
  ASSERT_FALSE(options);
  EXPECT_EQ(options.status().code(), FARO_INVALID_ARGUMENT);
  for (const std::string &word : words)
    EXPECT_NE(options.status().message().find(word), std::string::npos)
        << word << " in: " << options.status().message();
}

TEST(Environment, NothingSetIsAWorldOfOne) {
  const auto options = read({});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->rank, 0u);
  EXPECT_EQ(options->worldSize, 1u);
  EXPECT_EQ(options->transport, "ucx");
  EXPECT_EQ(options->timeout, std::chrono::seconds(60));
}

TEST(Environment, TorchrunsVariables) {
  const auto options = read({{"RANK", "5"},
                             {"WORLD_SIZE", "8"},
                             {"LOCAL_RANK", "1"},
                             {"LOCAL_WORLD_SIZE", "4"},
                             {"MASTER_ADDR", "10.0.0.7"},
                             {"MASTER_PORT", "29500"}});
  ASSERT_TRUE(options) << options.status().message();
  EXPECT_EQ(options->rank, 5u);
  EXPECT_EQ(options->worldSize, 8u);
  EXPECT_EQ(options->localRank, 1u);
  EXPECT_EQ(options->ranksPerNode, 4u);
  EXPECT_EQ(options->masterAddress, "10.0.0.7");
  EXPECT_EQ(options->masterPort, 29500);
}

TEST(Environment, TorchrunsAgentKeepsMasterPortForItself) {
  Variables variables = {
      {"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_PORT", "29500"}, {"TORCHELASTIC_USE_AGENT_STORE", "True"}};
  EXPECT_EQ(read(variables)->masterPort, 29501);
  variables["MASTER_PORT"] = "65535";
  EXPECT_EQ(read(variables)->masterPort, 65534);
  variables["FARO_MASTER_PORT"] = "4711";
  EXPECT_EQ(read(variables)->masterPort, 4711);
}

TEST(Environment, OpenMpisVariables) {
  Variables variables = {{"OMPI_COMM_WORLD_RANK", "3"},
                         {"OMPI_COMM_WORLD_SIZE", "4"},
                         {"OMPI_COMM_WORLD_LOCAL_RANK", "3"},
                         {"OMPI_COMM_WORLD_LOCAL_SIZE", "4"},
                         {"PMIX_NAMESPACE", "1234567"}};
  const auto options = read(variables);
  ASSERT_TRUE(options) << options.status().message();
  EXPECT_EQ(options->rank, 3u);
  EXPECT_EQ(options->worldSize, 4u);
  EXPECT_EQ(options->localRank, 3u);
  EXPECT_EQ(options->masterAddress, "127.0.0.1");
  // The same for all ranks of a job, another one for another job, and never a system's own choice.
  variables["OMPI_COMM_WORLD_RANK"] = "1";
  EXPECT_EQ(read(variables)->masterPort, options->masterPort);
  EXPECT_GE(options->masterPort, 20000);
  EXPECT_LT(options->masterPort, 32768);
  variables["PMIX_NAMESPACE"] = "1234568";
  EXPECT_NE(read(variables)->masterPort, options->masterPort);
  variables["OMPI_COMM_WORLD_LOCAL_SIZE"] = "2";
  variables["OMPI_COMM_WORLD_LOCAL_RANK"] = "1";
  expectRefused(variables, {"MASTER_ADDR"});
}

TEST(Environment, SlurmsVariables) {
  Variables variables = {{"SLURM_PROCID", "2"},  {"SLURM_NTASKS", "4"},
                         {"SLURM_LOCALID", "0"}, {"SLURM_NTASKS_PER_NODE", "2"},
                         {"SLURM_JOB_ID", "77"}, {"SLURM_LAUNCH_NODE_IPADDR", "10.1.1.1"}};
  const auto options = read(variables);
  ASSERT_TRUE(options) << options.status().message();
  EXPECT_EQ(options->rank, 2u);
  EXPECT_EQ(options->worldSize, 4u);
  EXPECT_EQ(options->localRank, 0u);
  EXPECT_EQ(options->ranksPerNode, 2u);
  EXPECT_EQ(options->masterAddress, "10.1.1.1");
  variables["SLURM_NTASKS_PER_NODE"] = "4";
  EXPECT_EQ(read(variables)->masterAddress, "127.0.0.1") << "one node has no need of the network";
}

/// sbatch's --ntasks-per-node is a limit, and steps inherit it.
TEST(Environment, SlurmsTasksPerNodeAreAtMostTheWorld) {
  Variables variables = {{"SLURM_PROCID", "2"}, {"SLURM_NTASKS", "4"}, {"SLURM_NTASKS_PER_NODE", "8"}};
  const auto options = read(variables);
  ASSERT_TRUE(options) << options.status().message();
  EXPECT_EQ(options->ranksPerNode, 4u);
  EXPECT_EQ(options->masterAddress, "127.0.0.1");
  // Where each task says on which node it is, that is what counts.
  variables.insert({{"SLURM_NODEID", "1"}, {"SLURM_LOCALID", "0"}, {"SLURM_LAUNCH_NODE_IPADDR", "10.1.1.1"}});
  variables["SLURM_NTASKS_PER_NODE"] = "2";
  const auto placed = read(variables);
  ASSERT_TRUE(placed) << placed.status().message();
  EXPECT_EQ(placed->node, 1u);
  EXPECT_EQ(placed->localRank, 0u);
  EXPECT_EQ(placed->masterAddress, "10.1.1.1");
}

/// srun --mpi=pmi2: PMI's variables say nothing of nodes.
TEST(Environment, SlurmsVariablesWinOverPmisOfTheSameTask) {
  Variables variables = {{"PMI_RANK", "1"},     {"PMI_SIZE", "2"},     {"SLURM_PROCID", "1"},
                         {"SLURM_NTASKS", "2"}, {"SLURM_NODEID", "1"}, {"SLURM_LOCALID", "0"},
                         {"SLURM_NNODES", "2"}, {"SLURM_JOB_ID", "5"}, {"SLURM_LAUNCH_NODE_IPADDR", "10.9.9.9"}};
  const auto options = read(variables);
  ASSERT_TRUE(options) << options.status().message();
  EXPECT_EQ(options->node, 1u);
  EXPECT_EQ(options->localRank, 0u);
  EXPECT_EQ(options->masterAddress, "10.9.9.9");
  variables["SLURM_PROCID"] = "0"; // an mpirun of another MPI, inside of one task
  variables["SLURM_NTASKS"] = "1";
  const auto inside = read(variables);
  ASSERT_TRUE(inside) << inside.status().message();
  EXPECT_EQ(inside->rank, 1u);
  EXPECT_EQ(inside->worldSize, 2u);
}

TEST(Environment, PmisVariables) {
  const auto options = read({{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}});
  ASSERT_TRUE(options) << options.status().message();
  EXPECT_EQ(options->rank, 1u);
  EXPECT_EQ(options->worldSize, 2u);
  EXPECT_EQ(options->localRank, 1u);
  EXPECT_NE(options->masterPort, 0);
}

TEST(Environment, TorchrunsVariablesWinOverLaunchers) {
  const auto options = read({{"OMPI_COMM_WORLD_RANK", "7"},
                             {"OMPI_COMM_WORLD_SIZE", "8"},
                             {"SLURM_PROCID", "5"},
                             {"SLURM_NTASKS", "6"},
                             {"RANK", "1"},
                             {"WORLD_SIZE", "2"},
                             {"MASTER_PORT", "1234"}});
  ASSERT_TRUE(options) << options.status().message();
  EXPECT_EQ(options->rank, 1u);
  EXPECT_EQ(options->worldSize, 2u);
}

TEST(Environment, FarosOwnVariables) {
  const auto options =
      read({{"FARO_TRANSPORT", "local"}, {"FARO_TIMEOUT", "2.5"}, {"FARO_JOB_SECRET", "s3cret"}, {"FARO_NICS", "0.5"}});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->transport, "local");
  EXPECT_EQ(options->timeout, std::chrono::milliseconds(2500));
  EXPECT_EQ(options->jobSecret, "s3cret");
  EXPECT_EQ(options->nics, 0.5);
}

TEST(Environment, MalformedValuesAreRefusedByName) {
  const Variables good = {{"RANK", "1"}, {"WORLD_SIZE", "4"}, {"MASTER_PORT", "29500"}};
  const auto with = [&](const std::string &name, const std::string &value) {
    Variables variables = good;
    variables[name] = value;
    return variables;
  };
  ASSERT_TRUE(read(good));
  expectRefused(with("RANK", "one"), {"RANK", "'one'"});
  expectRefused(with("RANK", "-1"), {"RANK", "'-1'"});
  expectRefused(with("RANK", "1 "), {"RANK", "'1 '"});
  expectRefused(with("RANK", "99999999999999999999"), {"RANK", "99999999999999999999"});
  expectRefused(with("RANK", "4"), {"RANK=4", "WORLD_SIZE=4"});
  expectRefused(with("WORLD_SIZE", "0"), {"WORLD_SIZE", "'0'"});
  expectRefused(with("WORLD_SIZE", "0x4"), {"WORLD_SIZE", "'0x4'"});
  expectRefused(with("MASTER_PORT", "65536"), {"MASTER_PORT", "'65536'"});
  expectRefused(with("MASTER_PORT", "http"), {"MASTER_PORT", "'http'"});
  expectRefused(with("LOCAL_RANK", "x"), {"LOCAL_RANK", "'x'"});
  expectRefused(with("LOCAL_RANK", "4"), {"LOCAL_RANK=4"});
  expectRefused(with("LOCAL_WORLD_SIZE", "5"), {"LOCAL_WORLD_SIZE=5", "WORLD_SIZE=4"});
  for (const char *variable : {"GROUP_RANK", "NODE_RANK", "FARO_NODE"})
    expectRefused(with(variable, "first"), {variable, "'first'"});
  expectRefused(with("FARO_MASTER_PORT", "0"), {"FARO_MASTER_PORT", "'0'"});
  for (const char *timeout : {"0", "-1", "soon", "1s", "nan", "inf", "1e30"})
    expectRefused(with("FARO_TIMEOUT", timeout), {"FARO_TIMEOUT", timeout});
  for (const char *nics : {"0", "-1", "two", "1x", "nan", "inf", "1e9", "1e-9"})
    expectRefused(with("FARO_NICS", nics), {"FARO_NICS", nics, "network cards"});
}

TEST(Environment, NodesByAllLaunchersVariables) {
  const auto nodeOf = [](Variables variables) {
    const auto options = read(variables);
    EXPECT_TRUE(options) << options.status().message();
    return options ? options->node : std::nullopt;
  };
  Variables torchrun = {{"RANK", "1"}, {"WORLD_SIZE", "5"}, {"MASTER_PORT", "1234"}, {"MASTER_ADDR", "10.0.0.1"}};
  EXPECT_EQ(nodeOf(torchrun), std::nullopt);
  torchrun["LOCAL_WORLD_SIZE"] = "3"; // nodes may differ in size
  torchrun["SLURM_NODEID"] = "9";     // of the allocation in which torchrun was started; not torchrun's own
  EXPECT_EQ(nodeOf(torchrun), std::nullopt);
  torchrun["NODE_RANK"] = "4";
  EXPECT_EQ(nodeOf(torchrun), 4u);
  torchrun["GROUP_RANK"] = "2";
  EXPECT_EQ(nodeOf(torchrun), 2u);
  torchrun["FARO_NODE"] = "0";
  EXPECT_EQ(nodeOf(torchrun), 0u);

  Variables slurm = {{"SLURM_PROCID", "2"}, {"SLURM_NTASKS", "3"}, {"SLURM_NODEID", "1"}, {"MASTER_ADDR", "10.0.0.1"}};
  EXPECT_EQ(nodeOf(slurm), 1u);
  slurm["FARO_NODE"] = "7";
  EXPECT_EQ(nodeOf(slurm), 7u);

  // The name is misleading: it is the rank's place on its node.
  Variables mpi = {{"OMPI_COMM_WORLD_RANK", "3"}, {"OMPI_COMM_WORLD_SIZE", "4"}, {"OMPI_COMM_WORLD_NODE_RANK", "3"}};
  EXPECT_EQ(nodeOf(mpi), std::nullopt);
  mpi["FARO_NODE"] = "1";
  mpi["MASTER_ADDR"] = "10.0.0.1";
  EXPECT_EQ(nodeOf(mpi), 1u);
  EXPECT_EQ(nodeOf({{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}}), std::nullopt);
}

TEST(Environment, SeveralNodesNeedAnAddressOfRankZerosNode) {
  const Variables slurm = {{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "3"}, {"SLURM_NODEID", "0"}};
  const auto with = [&](const std::string &name, const std::string &value) {
    Variables variables = slurm;
    variables[name] = value;
    return variables;
  };
  EXPECT_TRUE(read(slurm));
  expectRefused(with("SLURM_NNODES", "2"), {"MASTER_ADDR"});
  expectRefused(with("SLURM_NODEID", "1"), {"MASTER_ADDR"});
  Variables step = with("SLURM_NNODES", "2"); // of the allocation; this step is on one of them
  step["SLURM_STEP_NUM_NODES"] = "1";
  EXPECT_TRUE(read(step));
}

TEST(Environment, HalfOfTorchrunsVariablesIsAnError) {
  expectRefused({{"RANK", "0"}}, {"WORLD_SIZE is not set"});
  expectRefused({{"WORLD_SIZE", "2"}}, {"RANK is not set"});
  expectRefused({{"RANK", "0"}, {"WORLD_SIZE", "2"}}, {"MASTER_PORT"});
  EXPECT_TRUE(read({{"RANK", "0"}, {"WORLD_SIZE", "1"}})) << "one rank needs no port";
  EXPECT_TRUE(read({{"RANK", "0"}, {"WORLD_SIZE", "1"}, {"GROUP_RANK", "7"}})) << "nor an address of another node";
}

TEST(Environment, HalfOfOpenMpisVariablesIsAnErrorHalfOfSlurmsAnAllocation) {
  expectRefused({{"OMPI_COMM_WORLD_SIZE", "2"}}, {"OMPI_COMM_WORLD_RANK is not set"});
  expectRefused({{"OMPI_COMM_WORLD_RANK", "0"}}, {"OMPI_COMM_WORLD_SIZE is not set"});
  const auto allocation = read({{"SLURM_NTASKS", "4"}});
  ASSERT_TRUE(allocation);
  EXPECT_EQ(allocation->worldSize, 1u);
}

} // namespace
} // namespace faro
