// Ranks that are threads, each with a shuffle that is planned on the device and the memory of its inputs and outputs.
#pragma once

#include "compiler/Interpreter/Reference.h"
#include "faro/device_shuffle.h"
#include "runtime/device/cuda/Device.h"

#include <functional>
#include <string>
#include <vector>

namespace faro::test {

/// One of the modules of planned/. Before anybody asks for the driver.
std::shared_ptr<const Module> load(const std::string &name);

/// What all ranks put into a run.
struct Batch {
  std::vector<reference::Routing> routing;
  std::vector<std::vector<std::byte>> x;
  std::vector<std::vector<float>> weights;
};

Batch makeBatch(const reference::Program &program, uint32_t ranks, int64_t mostTokens, uint32_t seed);

/// One rank: its shuffle, and the device memory of its inputs and outputs.
class Rank {
public:
  Rank(std::shared_ptr<Communicator> mine, const std::shared_ptr<const Module> &module, DeviceShuffleOptions options);

  template <typename T> static T *in(const cuda::Memory &memory) {
    return reinterpret_cast<T *>(uintptr_t(memory.address()));
  }
  template <typename T> void write(T *to, const std::vector<T> &values) {
    add(stream->toDevice(reinterpret_cast<uintptr_t>(to), values.data(), values.size() * sizeof(T)));
  }
  /// When the stream has come to it.
  template <typename T> std::vector<T> read(const T *from, size_t count) {
    std::vector<T> values(count);
    add(stream->toHost(values.data(), reinterpret_cast<uintptr_t>(from), count * sizeof(T)));
    add(stream->wait());
    return values;
  }
  std::vector<int64_t> offsets() { return read(shuffle->expertOffsets(), size_t(shuffle->localExperts()) + 1); }
  std::vector<std::byte> rowsOf(const Rows &rows, int64_t count) {
    return read(static_cast<const std::byte *>(rows.data), size_t(count * rows.stride));
  }
  void *handle() const { return stream->handle(); }
  int64_t rowBytes() const { return int64_t(program.rowBytes()); }

  /// The batch's inputs, and garbage behind them and where outputs go.
  void give(const Batch &batch);
  void add(const Status &status) {
    if (wrong.empty() && !status)
      wrong = status.message();
  }
  /// `rows`: of the launch; with fewer tokens among them, as the word says.
  void dispatch(int64_t rows, bool byWord);
  /// The same in two calls.
  void planAndPush(int64_t rows, bool byWord);
  void combine(int64_t rows);
  /// The experts: three times what was received.
  void compute();

  void checkReceived(const Batch &batch);
  void checkOut(const Batch &batch, int64_t rows);

  std::shared_ptr<Communicator> communicator;
  const faro_abi_program &abi;
  reference::Program program;
  const int64_t most;
  const bool inPlace;
  std::shared_ptr<cuda::Device> device;
  std::unique_ptr<cuda::Stream> stream;
  cuda::Memory idx, x, weights, out, word;
  std::unique_ptr<DeviceShuffle> shuffle;
  std::string wrong; ///< the first thing
};

/// `body` as each rank, when all are made; none leaves before all are over.
void asRanks(uint32_t ranks, const std::shared_ptr<const Module> &module, const DeviceShuffleOptions &options,
             Nanoseconds timeout, const std::function<void(Rank &, uint32_t)> &body);

/// Enough for anything.
DeviceShuffleOptions sized(const faro_abi_program &program, uint32_t ranks, int64_t tokens, bool inPlace = false);

} // namespace faro::test
