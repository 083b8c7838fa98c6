// Dispatches and combines by sessions on threads of this process, compared with what the routing says.
#pragma once

#include "faro/session.h"
#include "tests/runtime/engine/HandMade.h"

#include <functional>
#include <string>
#include <vector>

namespace faro::test {

/// Small whole numbers as elements and eighths as weights: every sum is exact, in any order.
struct Input {
  std::vector<int64_t> topkIdx;
  std::vector<float> tokens, weights;
  int64_t count() const { return int64_t(weights.size()) / Topk; }
  TopkIdx routing() const { return {topkIdx.data(), count()}; }
  ConstRows rows() const { return {tokens.data(), count(), int64_t(RowBytes)}; }
};
/// `tokens` rows, some choices dropped; only experts for which `allowed` is true.
Input makeInput(uint32_t rank, uint32_t tokens, uint32_t seed,
                const std::function<bool(uint32_t expert)> &allowed = {});

/// Communicators with these nodes and shares of network cards, by rank, over the transport `local`.
std::vector<std::shared_ptr<Communicator>> communicators(const std::vector<uint32_t> &nodeOfRank, Nanoseconds timeout,
                                                         const std::vector<double> &nics = {});

/// Runs `work` on a thread a rank.
void onRanks(std::vector<std::shared_ptr<Communicator>> ranks,
             const std::function<void(uint32_t rank, const std::shared_ptr<Communicator> &)> &work);

/// The same on new communicators, with a session each. One that cannot be made is a failure.
void onSessions(const std::vector<uint32_t> &nodeOfRank, const std::shared_ptr<const Module> &module,
                const std::function<void(uint32_t rank, Session &session)> &work,
                Nanoseconds timeout = std::chrono::seconds(30));

/// Prepares, dispatches, and combines rows of expert e times (e + 1), `calls` times; the first difference, or error.
std::string shuffle(Session &session, const Module &module, uint32_t rank, const std::vector<Input> &inputs, int calls);

/// The same on all ranks of new communicators; "" when everything is right.
std::vector<std::string> shuffleAll(const std::vector<uint32_t> &nodeOfRank,
                                    const std::shared_ptr<const Module> &module, const std::vector<Input> &inputs,
                                    int calls, Nanoseconds timeout = std::chrono::seconds(30));

} // namespace faro::test
