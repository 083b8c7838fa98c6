// What each stage of a dispatch or combine does for one batch. One a file.
//
//              dispatch                                      combine
//   pad        zeros between groups of rows
//   push       own node's items, to their final rows
//   hand       rows and places, to another rank's rail
//   gather     rows and places, to slots
//   ask                                                      places and weights of rows, to forwarders
//   reduce                                                   sums and where they belong, to slots
//   wire       slots, to a peer                              the same
//   settle                                                   slots: own tokens that they complete
//   fan_out    slots, to final rows                          slots, to their owners' partial rows
//   pull                                                     one node: own tokens from result rows; else those left
#pragma once

#include "runtime/engine/Binding.h"
#include "runtime/engine/RunContext.h"

namespace faro {

/// Arguments of a combine.
struct Combined {
  const float *weights;
  Rows out;
};

// The context and the stage must outlive what is returned.
std::unique_ptr<OnceBinding> bindPad(const RunContext &);
std::unique_ptr<OnceBinding> bindPush(const RunContext &, const faro_abi_stage &, ConstRows x);
std::unique_ptr<OnceBinding> bindHand(const RunContext &, const faro_abi_stage &, ConstRows x);
std::unique_ptr<OnceBinding> bindAsk(const RunContext &, const faro_abi_stage &, const float *weights);
std::unique_ptr<OnceBinding> bindPull(const RunContext &, const faro_abi_stage &, const Combined &);

std::unique_ptr<SliceBinding> bindGather(const RunContext &, const faro_abi_stage &, ConstRows x);
std::unique_ptr<SliceBinding> bindReduce(const RunContext &, const faro_abi_stage &);
std::unique_ptr<SliceBinding> bindWire(const RunContext &, const faro_abi_stage &);
std::unique_ptr<SliceBinding> bindFanOut(const RunContext &, const faro_abi_stage &);
std::unique_ptr<SliceBinding> bindSettle(const RunContext &, const faro_abi_stage &);

} // namespace faro
