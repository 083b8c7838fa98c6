// The part of NVIDIA's driver interface that is used, as its header cuda.h declares it, for machines without that
// header. Functions whose meaning has changed have a version in their symbol; FARO_CUDA_FUNCTIONS names the ones meant
// here.
#pragma once

#include <cstddef>

namespace faro::cuda::api {

using Result = int;                 // CUresult; 0: CUDA_SUCCESS
using Ordinal = int;                // CUdevice
using Pointer = unsigned long long; // CUdeviceptr
using Context = struct ContextTag *;
using Module = struct ModuleTag *;
using Function = struct FunctionTag *;
using Stream = struct StreamTag *;
using Event = struct EventTag *;
using Graph = struct GraphTag *;
using GraphExec = struct GraphExecTag *; // a graph that can be launched

/// CUipcMemHandle: of memory that another process of this machine may map.
struct IpcHandle {
  char bytes[64];
};

/// CUDA_MEMCPY2D.
struct Copy2D {
  size_t fromX, fromY;
  int fromKind;
  const void *fromHost;
  Pointer from;
  void *fromArray;
  size_t fromPitch;
  size_t toX, toY;
  int toKind;
  void *toHost;
  Pointer to;
  void *toArray;
  size_t toPitch;
  size_t widthBytes, height;
};

enum : int {
  Success = 0,
  InvalidImage = 200,
  NoBinaryForGpu = 209,
  UnsupportedPtx = 222, // of a newer version than the driver reads
  // Of CUdevice_attribute.
  MultiprocessorCount = 16,
  CacheBytes = 38, // L2
  MajorVersion = 75,
  MinorVersion = 76,
  RemoteWritesFlushes = 117,  // of GPUDirect RDMA
  RemoteWritesOrdering = 118, // likewise
  // Of CUjit_option.
  JitErrorLogBuffer = 5,
  JitErrorLogBufferBytes = 6,
  // Flags.
  StreamNonBlocking = 1,
  CaptureThreadLocal = 1, // CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: what other threads do is their matter
  EventWithoutTime = 2,   // CU_EVENT_DISABLE_TIMING
  IpcLazyEnablePeerAccess = 1,
  HostRegisterPortable = 1,  // for all contexts
  HostRegisterDeviceMap = 2, // kernels reach it
  DeviceMemory = 2,          // of CUmemorytype
  FlushedByHost = 1,         // of CUflushGPUDirectRDMAWritesOptions
  OrderedForOwner = 100,     // of CUGPUDirectRDMAWritesOrdering, and of the scope of a flush
};

} // namespace faro::cuda::api

/// X(member, symbol, parameters)
#define FARO_CUDA_FUNCTIONS(X)                                                                                         \
  X(init, cuInit, (unsigned flags))                                                                                    \
  X(driverGetVersion, cuDriverGetVersion, (int *version))                                                              \
  X(getErrorName, cuGetErrorName, (api::Result error, const char **name))                                              \
  X(getErrorString, cuGetErrorString, (api::Result error, const char **text))                                          \
  X(deviceGetCount, cuDeviceGetCount, (int *count))                                                                    \
  X(deviceGet, cuDeviceGet, (api::Ordinal * device, int number))                                                       \
  X(deviceGetName, cuDeviceGetName, (char *name, int size, api::Ordinal device))                                       \
  X(deviceGetAttribute, cuDeviceGetAttribute, (int *value, int attribute, api::Ordinal device))                        \
  X(primaryCtxRetain, cuDevicePrimaryCtxRetain, (api::Context * context, api::Ordinal device))                         \
  X(primaryCtxRelease, cuDevicePrimaryCtxRelease_v2, (api::Ordinal device))                                            \
  X(ctxSetCurrent, cuCtxSetCurrent, (api::Context context))                                                            \
  X(ctxGetCurrent, cuCtxGetCurrent, (api::Context * context))                                                          \
  X(moduleLoadDataEx, cuModuleLoadDataEx,                                                                              \
    (api::Module * module, const void *image, unsigned options, int *names, void **values))                            \
  X(moduleUnload, cuModuleUnload, (api::Module module))                                                                \
  X(moduleGetFunction, cuModuleGetFunction, (api::Function * function, api::Module module, const char *name))          \
  X(funcLoad, cuFuncLoad, (api::Function function))                                                                    \
  X(occupancy, cuOccupancyMaxActiveBlocksPerMultiprocessor,                                                            \
    (int *blocks, api::Function function, int threads, size_t sharedBytes))                                            \
  X(memAlloc, cuMemAlloc_v2, (api::Pointer * memory, size_t bytes))                                                    \
  X(memFree, cuMemFree_v2, (api::Pointer memory))                                                                      \
  X(memcpyHtoDAsync, cuMemcpyHtoDAsync_v2, (api::Pointer to, const void *from, size_t bytes, api::Stream stream))      \
  X(memcpyDtoHAsync, cuMemcpyDtoHAsync_v2, (void *to, api::Pointer from, size_t bytes, api::Stream stream))            \
  X(memcpyDtoDAsync, cuMemcpyDtoDAsync_v2, (api::Pointer to, api::Pointer from, size_t bytes, api::Stream stream))     \
  X(memsetD8Async, cuMemsetD8Async, (api::Pointer to, unsigned char value, size_t bytes, api::Stream stream))          \
  X(memcpy2DAsync, cuMemcpy2DAsync_v2, (const api::Copy2D *copy, api::Stream stream))                                  \
  X(memHostRegister, cuMemHostRegister_v2, (void *memory, size_t bytes, unsigned flags))                               \
  X(memHostUnregister, cuMemHostUnregister, (void *memory))                                                            \
  X(memHostGetDevicePointer, cuMemHostGetDevicePointer_v2, (api::Pointer * there, void *memory, unsigned flags))       \
  X(ipcGetMemHandle, cuIpcGetMemHandle, (api::IpcHandle * handle, api::Pointer memory))                                \
  X(ipcOpenMemHandle, cuIpcOpenMemHandle_v2, (api::Pointer * memory, api::IpcHandle handle, unsigned flags))           \
  X(ipcCloseMemHandle, cuIpcCloseMemHandle, (api::Pointer memory))                                                     \
  X(flushRemoteWrites, cuFlushGPUDirectRDMAWrites, (int target, int scope))                                            \
  X(threadExchangeCaptureMode, cuThreadExchangeStreamCaptureMode, (int *mode))                                         \
  X(streamCreate, cuStreamCreate, (api::Stream * stream, unsigned flags))                                              \
  X(streamDestroy, cuStreamDestroy_v2, (api::Stream stream))                                                           \
  X(streamSynchronize, cuStreamSynchronize, (api::Stream stream))                                                      \
  X(streamWaitEvent, cuStreamWaitEvent, (api::Stream stream, api::Event event, unsigned flags))                        \
  X(streamBeginCapture, cuStreamBeginCapture_v2, (api::Stream stream, int mode))                                       \
  X(streamEndCapture, cuStreamEndCapture, (api::Stream stream, api::Graph * graph))                                    \
  X(graphInstantiate, cuGraphInstantiateWithFlags,                                                                     \
    (api::GraphExec * made, api::Graph graph, unsigned long long flags))                                               \
  X(graphLaunch, cuGraphLaunch, (api::GraphExec graph, api::Stream stream))                                            \
  X(graphExecDestroy, cuGraphExecDestroy, (api::GraphExec graph))                                                      \
  X(graphDestroy, cuGraphDestroy, (api::Graph graph))                                                                  \
  X(eventCreate, cuEventCreate, (api::Event * event, unsigned flags))                                                  \
  X(eventDestroy, cuEventDestroy_v2, (api::Event event))                                                               \
  X(eventRecord, cuEventRecord, (api::Event event, api::Stream stream))                                                \
  X(eventQuery, cuEventQuery, (api::Event event))                                                                      \
  X(eventSynchronize, cuEventSynchronize, (api::Event event))                                                          \
  X(eventElapsedTime, cuEventElapsedTime, (float *milliseconds, api::Event begin, api::Event end))                     \
  X(launchKernel, cuLaunchKernel,                                                                                      \
    (api::Function function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY,         \
     unsigned blockZ, unsigned sharedBytes, api::Stream stream, void **parameters, void **extra))
