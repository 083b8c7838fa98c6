// The ways of PyTorch: of what its functions do one after the other, and of what torch.compile makes of it in one.
#pragma once

#include "tests/bench/device/combine_on_device.h"
#include "tests/bench/device/dispatch_on_device.h"
#include "tests/bench/device/torch_peer.h"

namespace faro::bench {

/// The methods use `peer` and its memory: those of one operation at a time.
void addTorchDispatch(DeviceDispatch &bench, TorchPeer &peer, Methods &methods);
/// From topk_idx to the tokens of the experts' rows and where each expert's begin; of all ranks as one.
void addTorchPlanning(DeviceDispatch &bench, TorchPeer &peer, Methods &methods);
void addTorchCombine(DeviceCombine &bench, TorchPeer &peer, Methods &methods);

} // namespace faro::bench
