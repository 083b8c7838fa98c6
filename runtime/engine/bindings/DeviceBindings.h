// push, pad and pull of a session on a CUDA device, on one node: a kernel or copies are put into the session's stream,
// and the stage is done when the device is. The same lists as on the CPU.
#pragma once

#include "runtime/engine/bindings/Bindings.h"

namespace faro {

// The context must have a device; it and the stage must outlive what is returned.
std::unique_ptr<OnceBinding> bindDevicePad(const RunContext &);
std::unique_ptr<OnceBinding> bindDevicePush(const RunContext &, const faro_abi_stage &, ConstRows x);
std::unique_ptr<OnceBinding> bindDevicePull(const RunContext &, const faro_abi_stage &, const Combined &);

} // namespace faro
