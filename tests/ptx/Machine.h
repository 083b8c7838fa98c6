// Runs PTX on the CPU, so that what is handed to a GPU's driver is tried where there is no GPU: which thread does what,
// how wide it reads and writes, and when bulk copies are over. It is stricter than a GPU in what a kernel may rely on:
//
//   - blocks run one after another, last to first, and so do the warps of a block, a stretch each, and the threads of a
//     warp, an instruction each (tests/ptx/Warp.h): whoever relies on another order, or on company, is wrong or hangs.
//     Only a block that rests (nanosleep), for it may wait for long, lets others begin
//   - an access that is not aligned to its size, or out of every allocation, is a fault, as on a GPU
//   - two threads of a launch that touch the same byte, one of them to change it, are a fault, for nothing here waits
//     for another thread of its launch to have done so, unless a host has told both another word since; so is
//     ld.global.nc of what the launch changes
//   - bulk copies are as late as they may be, and a slot that is being filled holds rubbish until it is awaited
//   - a NaN that arithmetic makes is 0x7fffffff, as on NVIDIA's GPUs
#pragma once

#include "tests/ptx/Program.h"

#include <functional>

namespace faro::test::ptx {

/// Of CUresult.
enum FaultCode {
  NoFault = 0,
  IllegalAddress = 700,
  IllegalInstruction = 715,
  MisalignedAddress = 716,
  LaunchFailed = 719
};

struct Fault {
  int code = NoFault;
  std::string what; ///< names the kernel, the line, the block and the thread
};

/// Memory of the device that lies together: its addresses, and where the host has it.
struct Range {
  uint64_t begin = 0, end = 0;
  std::byte *host = nullptr;
};
/// The allocation that an address is in, none where begin == end.
using Reach = std::function<Range(uint64_t address)>;

struct Grid {
  uint32_t blocks = 1, threads = 1;
};

/// How much a launch was, in instructions: of all threads, and of the thread that had most.
struct Work {
  uint64_t all = 0, longest = 0;
};

/// `parameters`: one a parameter of the function, zero-extended. Waits as long as the kernel does.
Fault run(const Function &function, Grid grid, const std::vector<uint64_t> &parameters, const Reach &reach,
          Work *work = nullptr);

} // namespace faro::test::ptx
