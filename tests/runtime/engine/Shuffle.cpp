#include "tests/runtime/engine/Shuffle.h"

#include "tests/conformance/FreePort.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <random>
#include <thread>

namespace faro::test {

Input makeInput(uint32_t rank, uint32_t tokens, uint32_t seed, const std::function<bool(uint32_t)> &allowed) {
  std::mt19937 random(seed * 7919 + rank);
  Input input;
  for (uint32_t t = 0; t < tokens; ++t) {
    for (uint32_t c = 0; c < Columns; ++c)
      input.tokens.push_back(float(int(random() % 201) - 100));
    for (uint32_t k = 0; k < Topk; ++k) {
      uint32_t expert = random() % Experts;
      while (allowed && !allowed(expert))
        expert = random() % Experts;
      input.topkIdx.push_back(random() % 8 == 0 ? -1 : int64_t(expert));
      input.weights.push_back(float(int(random() % 33) - 16) / 8);
    }
  }
  return input;
}

std::vector<std::shared_ptr<Communicator>> communicators(const std::vector<uint32_t> &nodeOfRank, Nanoseconds timeout,
                                                         const std::vector<double> &nics) {
  const uint32_t count = uint32_t(nodeOfRank.size());
  const uint32_t nodes = Topology(nodeOfRank).nodes();
  if (Topology(nodeOfRank, nics) == Topology::blocks(count, nodes)) {
    auto ranks = Communicator::createLocal(count, timeout, nodes);
    EXPECT_TRUE(ranks) << ranks.status().message();
    return ranks ? *ranks : std::vector<std::shared_ptr<Communicator>>(count);
  }
  // Anything else: as processes would meet.
  std::vector<std::shared_ptr<Communicator>> ranks(count);
  const uint16_t port = freePort();
  std::vector<std::thread> threads;
  for (uint32_t rank = 0; rank < count; ++rank)
    threads.emplace_back([&, rank] {
      CommunicatorOptions options;
      options.rank = options.localRank = rank;
      options.worldSize = count;
      options.node = nodeOfRank[rank];
      if (!nics.empty())
        options.nics = nics[rank];
      options.transport = "local";
      options.jobSecret = "of the engine's tests";
      options.masterPort = port;
      options.timeout = timeout;
      auto made = Communicator::create(options);
      EXPECT_TRUE(made) << made.status().message();
      if (made)
        ranks[rank] = *made;
    });
  for (std::thread &thread : threads)
    thread.join();
  return ranks;
}

void onRanks(std::vector<std::shared_ptr<Communicator>> ranks,
             const std::function<void(uint32_t, const std::shared_ptr<Communicator> &)> &work) {
  std::vector<std::thread> threads;
  for (uint32_t rank = 0; rank < ranks.size(); ++rank)
    threads.emplace_back([&, rank] {
      const auto mine = std::move(ranks[rank]); // ranks leave together, as processes do
      work(rank, mine);
    });
  for (std::thread &thread : threads)
    thread.join();
}

void onSessions(const std::vector<uint32_t> &nodeOfRank, const std::shared_ptr<const Module> &module,
                const std::function<void(uint32_t, Session &)> &work, Nanoseconds timeout) {
  onRanks(communicators(nodeOfRank, timeout), [&](uint32_t rank, const std::shared_ptr<Communicator> &communicator) {
    auto session = Session::create(communicator, module);
    ASSERT_TRUE(session) << session.status().message();
    work(rank, **session);
  });
}

namespace {

/// Rows of a rank's experts, in the layout's order: expert, source, token, choice.
struct Expected {
  std::vector<const float *> rows;
  std::vector<uint32_t> expertOfRow;
};

Expected expectedRows(uint32_t rank, const std::vector<Input> &inputs) {
  Expected expected;
  for (uint32_t expert = rank; expert < Experts; expert += uint32_t(inputs.size()))
    for (const Input &input : inputs)
      for (size_t i = 0; i < input.topkIdx.size(); ++i)
        if (input.topkIdx[i] == expert) {
          expected.rows.push_back(input.tokens.data() + i / Topk * Columns);
          expected.expertOfRow.push_back(expert);
        }
  return expected;
}

std::string dispatchOnce(Session &session, const std::shared_ptr<const Plan> &plan, const Input &mine,
                         const Expected &expected, Received &got) {
  auto received = session.dispatch(plan, mine.rows());
  if (!received)
    return received.status().message();
  got = *received;
  if (size_t(got.rows.rows) != expected.rows.size())
    return fmt::format("{} rows, expected {}", got.rows.rows, expected.rows.size());
  for (size_t row = 0; row < expected.rows.size(); ++row) {
    const auto *bytes = static_cast<const std::byte *>(got.rows.data) + row * size_t(got.rows.stride);
    if (std::memcmp(bytes, expected.rows[row], RowBytes) != 0)
      return fmt::format("received row {} differs", row);
  }
  return {};
}

std::string combineOnce(Session &session, const Module &module, const std::shared_ptr<const Plan> &plan,
                        const Input &mine, const Expected &expected, const Received &got) {
  auto rows = session.expertRows(plan);
  if (!rows)
    return rows.status().message();
  for (int64_t row = 0; row < rows->rows; ++row)
    for (uint32_t c = 0; c < Columns; ++c) {
      const auto *from =
          reinterpret_cast<const float *>(static_cast<const std::byte *>(got.rows.data) + row * got.rows.stride);
      reinterpret_cast<float *>(static_cast<std::byte *>(rows->data) + row * rows->stride)[c] =
          from[c] * float(expected.expertOfRow[size_t(row)] + 1);
    }
  std::vector<float> out(size_t(mine.count()) * Columns, -7777);
  const Status status = session.combine(**module.only(FARO_ABI_COMBINE), plan, {rows->data, rows->rows, rows->stride},
                                        mine.weights.data(), {out.data(), mine.count(), int64_t(RowBytes)});
  if (!status)
    return status.message();
  for (size_t t = 0; t < size_t(mine.count()); ++t)
    for (uint32_t c = 0; c < Columns; ++c) {
      float sum = 0;
      for (uint32_t k = 0; k < Topk; ++k)
        if (mine.topkIdx[t * Topk + k] >= 0)
          sum += mine.weights[t * Topk + k] * mine.tokens[t * Columns + c] * float(mine.topkIdx[t * Topk + k] + 1);
      if (out[t * Columns + c] != sum)
        return fmt::format("combined token {}, column {} is {}, expected {}", t, c, out[t * Columns + c], sum);
    }
  return {};
}

} // namespace

std::string shuffle(Session &session, const Module &module, uint32_t rank, const std::vector<Input> &inputs,
                    int calls) {
  const Input &mine = inputs[rank];
  const Expected expected = expectedRows(rank, inputs);
  auto plan = session.prepare(**module.only(FARO_ABI_DISPATCH), mine.routing());
  if (!plan)
    return plan.status().message();
  for (int call = 0; call < calls; ++call) {
    Received got;
    if (std::string wrong = dispatchOnce(session, *plan, mine, expected, got); !wrong.empty())
      return fmt::format("dispatch {}: {}", call, wrong);
    if (std::string wrong = combineOnce(session, module, *plan, mine, expected, got); !wrong.empty())
      return fmt::format("combine {}: {}", call, wrong);
  }
  return {};
}

std::vector<std::string> shuffleAll(const std::vector<uint32_t> &nodeOfRank,
                                    const std::shared_ptr<const Module> &module, const std::vector<Input> &inputs,
                                    int calls, Nanoseconds timeout) {
  std::vector<std::string> wrong(nodeOfRank.size());
  onRanks(communicators(nodeOfRank, timeout), [&](uint32_t rank, const std::shared_ptr<Communicator> &communicator) {
    auto session = Session::create(communicator, module);
    wrong[rank] = session ? shuffle(**session, *module, rank, inputs, calls) : session.status().message();
  });
  return wrong;
}

} // namespace faro::test
