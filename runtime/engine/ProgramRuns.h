// What the stages of a dispatch and of a combine mean for one batch.
#pragma once

#include "faro/module.h"
#include "faro/session.h"
#include "runtime/engine/Engine.h"
#include "runtime/plan/Plan.h"

namespace faro {

/// Which of a rank's windows holds the rows that others pull; said with the flag that opens a combine.
enum WindowName : uint8_t { ReceivedWindow = 1, OutputsWindow = 2 };

class DispatchBindings final : public Bindings {
public:
  DispatchBindings(const Plan &plan, const Module &module, const Window &received, std::vector<uint64_t> &addresses,
                   ConstRows x, uint16_t activity)
      : plan(plan), module(module), received(received), addresses(addresses), x(x), activity(activity) {}
  void pad() override;
  void push(const faro_abi_stage &stage) override;
  void pull(const faro_abi_stage &) override {}
  SignalTag tag(const faro_abi_stage &) const override { return {activity, 0}; }

private:
  const Plan &plan;
  const Module &module;
  const Window &received;
  std::vector<uint64_t> &addresses;
  ConstRows x;
  uint16_t activity;
};

class CombineBindings final : public Bindings {
public:
  CombineBindings(const faro_abi_program &program, const Plan &plan, const Module &module, const Window &received,
                  const Window &outputs, const SignalBoard &board, std::vector<uint64_t> &addresses,
                  std::vector<float> &itemWeights, const float *weights, Rows out, uint32_t ranks, SignalTag mine)
      : program(program), plan(plan), module(module), received(received), outputs(outputs), board(board),
        addresses(addresses), itemWeights(itemWeights), weights(weights), out(out), ranks(ranks), mine(mine) {}
  void pad() override {}
  void push(const faro_abi_stage &) override {}
  void pull(const faro_abi_stage &stage) override;
  SignalTag tag(const faro_abi_stage &) const override { return mine; }

private:
  const faro_abi_program &program;
  const Plan &plan;
  const Module &module;
  const Window &received, &outputs;
  const SignalBoard &board;
  std::vector<uint64_t> &addresses;
  std::vector<float> &itemWeights;
  const float *weights;
  Rows out;
  uint32_t ranks;
  SignalTag mine;
};

} // namespace faro
