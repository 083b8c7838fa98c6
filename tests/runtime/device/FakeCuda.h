// A stand-in for NVIDIA's driver on machines without one: a library with its functions, over host memory. Kernels are
// run from their PTX (tests/ptx/Machine.h); machine code it refuses, as a device of another architecture does. Or they
// are functions of the test. What a test wants to go wrong goes wrong. A kernel that is given memory which a device
// could not reach fails.
//
//   FAKE_CUDA_LAG=N        work is done late: FakeStream.h
//   FAKE_CUDA_WRONG=NAME   the kernel of this name does nothing
//   FAKE_CUDA_STRICT=1     addresses of the device are none of the host's
//   FAKE_CUDA_BESIDE=1     work is done by threads of the streams: FakeStream.h
//   FAKE_CUDA_MULTIPROCESSORS=N   that the device has
//   FAKE_CUDA_WORK=1       says of each launch how many instructions it was
#pragma once

#include <cstddef>
#include <cstdint>

namespace faro::test {

struct FakeCuda {
  // What the machine has.
  int version = 12080, devices = 2, major = 9, minor = 0, multiprocessors = 132, cacheBytes = 1 << 20;
  int registers = 40;                                    ///< of a thread, of the 65,536 of a multiprocessor
  int remoteWritesFlushes = 1, remoteWritesOrdering = 0; ///< as of DriverApi.h: the host has to flush
  int initResult = 0;
  // What goes wrong.
  size_t memory = size_t(1) << 30; ///< bytes; more is CUDA_ERROR_OUT_OF_MEMORY
  const void *refused = nullptr;   ///< the image that loadResult is of; null: of any
  int loadResult = 0, launchResult = 0, waitResult = 0, registerResult = 0;
  const char *loadLog = "";
  const char *missingKernel = nullptr;
  // What it is told.
  void (*push)(const void *, int64_t, const uint32_t *, const uint64_t *, int64_t, int64_t) = nullptr;
  void (*pull)(void *, int64_t, const uint32_t *, const uint64_t *, const float *, int64_t, int64_t) = nullptr;
  // What it saw.
  size_t allocated = 0, registered = 0; ///< bytes that are not freed; and of the host's memory
  int contexts = 0, streams = 0, events = 0, modules = 0, flushes = 0;
  const void *image = nullptr;
  unsigned blocks = 0, threads = 0;
};

} // namespace faro::test

extern "C" faro::test::FakeCuda *fakeCuda(); ///< the library's one
