#include "runtime/engine/bindings/DeviceBindings.h"

#include "runtime/device/cuda/SessionDevice.h"
#include "runtime/engine/bindings/ExpertRows.h"

namespace faro {

namespace {

cuda::api::Pointer onDevice(const void *address) { return reinterpret_cast<uintptr_t>(address); }

/// Work that is launched at once. The engine waits for it.
class DeviceBinding : public OnceBinding {
public:
  DeviceBinding(const RunContext &run) : run(run), device(*run.parts.device) {}

  Expected<bool> step() final {
    run.kernels->noteLaunch(); // some of it may be in the stream when the rest fails
    FARO_RETURN_IF_ERROR(device.device->makeCurrent());
    FARO_RETURN_IF_ERROR(launch());
    return true;
  }

protected:
  virtual Status launch() = 0;

  /// `rows`: of so many bytes, one for each of the plan's tokens.
  cuda::Grid gridOf(uint64_t bytes) const {
    return cuda::Grid::of(uint64_t(run.batch->tokens), bytes, device.multiprocessors, device.device->multiprocessors());
  }
  /// Where each item's row lies, by the bases of the ranks (on one node, the local index is the rank).
  Expected<cuda::api::Pointer> uploadRows(const std::vector<uint64_t> &bases) {
    const Plan &plan = *run.batch;
    addresses.resize(plan.places.size());
    for (size_t i = 0; i < addresses.size(); ++i)
      addresses[i] = bases[plan.places[i].rank] + plan.places[i].row * run.program->row.stride;
    addAddressesToFetch(addresses);
    return device.upload(cuda::SessionDevice::Addresses, addresses);
  }

  const RunContext &run;
  cuda::SessionDevice &device;
  // Until the stream has taken them.
  std::vector<uint64_t> addresses;
  std::vector<float> factors;
};

class DevicePad final : public DeviceBinding {
public:
  using DeviceBinding::DeviceBinding;

private:
  Status launch() override {
    const uint64_t stride = run.program->row.stride;
    for (const RowRun &padding : run.batch->padding)
      FARO_RETURN_IF_ERROR(device.stream->zero(onDevice(run.parts.windows->received.mine() + padding.first * stride),
                                               padding.count * stride));
    return Status::ok();
  }
};

class DevicePush final : public DeviceBinding {
public:
  DevicePush(const RunContext &run, const faro_abi_stage &stage, ConstRows x)
      : DeviceBinding(run), stage(stage), x(x) {}

private:
  Status launch() override {
    const Plan &plan = *run.batch;
    const uint64_t stride = run.program->row.stride;
    std::vector<uint64_t> bases;
    for (const uint32_t rank : run.nodeRanks())
      bases.push_back(onDevice(run.parts.windows->received.of(rank)));
    auto destinations = uploadRows(bases);
    if (!destinations)
      return destinations.status();
    auto offsets = device.upload(cuda::SessionDevice::Offsets, plan.offsets);
    if (!offsets)
      return offsets.status();
    return device.kernels->push(run.kernelIndex(stage, plan.places.size() * stride, stride % 64 == 0), *device.stream,
                                gridOf(run.program->row.bytes), onDevice(x.data), x.stride, *offsets, *destinations, 0,
                                plan.tokens);
  }

  const faro_abi_stage &stage;
  ConstRows x;
};

class DevicePull final : public DeviceBinding {
public:
  DevicePull(const RunContext &run, const faro_abi_stage &stage, const Combined &combined)
      : DeviceBinding(run), stage(stage), combined(combined) {}

private:
  Status launch() override {
    const Plan &plan = *run.batch;
    auto rows = uploadRows(expertRowBases(run, stage));
    if (!rows)
      return rows.status();
    factors.resize(plan.choices.size());
    for (size_t i = 0; i < factors.size(); ++i)
      factors[i] = combined.weights[plan.choices[i]];
    auto weights = device.upload(cuda::SessionDevice::Weights, factors);
    if (!weights)
      return weights.status();
    auto offsets = device.upload(cuda::SessionDevice::Offsets, plan.offsets);
    if (!offsets)
      return offsets.status();
    const Rows &out = combined.out;
    const bool aligned = onDevice(out.data) % 64 == 0 && out.stride % 64 == 0;
    return device.kernels->pull(run.kernelIndex(stage, uint64_t(out.rows) * run.program->row.stride, aligned),
                                *device.stream, gridOf(run.program->row.bytes), onDevice(out.data), out.stride,
                                *offsets, *rows, *weights, 0, plan.tokens);
  }

  const faro_abi_stage &stage;
  Combined combined;
};

} // namespace

std::unique_ptr<OnceBinding> bindDevicePad(const RunContext &run) { return std::make_unique<DevicePad>(run); }
std::unique_ptr<OnceBinding> bindDevicePush(const RunContext &run, const faro_abi_stage &stage, ConstRows x) {
  return std::make_unique<DevicePush>(run, stage, x);
}
std::unique_ptr<OnceBinding> bindDevicePull(const RunContext &run, const faro_abi_stage &stage,
                                            const Combined &combined) {
  return std::make_unique<DevicePull>(run, stage, combined);
}

} // namespace faro
