// PTX to machine code, by what the toolkit has for it: libnvJitLink in this process, or the program ptxas. A machine
// without them compiles PTX only, which the driver assembles where the kernels run.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace faro::compiler {

/// What the assembler says of one kernel. Spills: bytes that a thread's registers had no room for.
struct KernelUsage {
  std::string kernel;
  uint32_t registers = 0;
  uint32_t spillStores = 0, spillLoads = 0;
  uint32_t stack = 0;
};

struct Assembled {
  std::string cubin;
  std::vector<KernelUsage> usage;
};

/// Takes a text in parts: each becomes code of its own, and all of that one code in the end.
class PartAssembler {
public:
  virtual ~PartAssembler() = default;
  /// By any thread, whatever others do.
  virtual llvm::Expected<Assembled> assemblePart(const std::string &ptx, int architecture) = 0;
  /// Of what assemblePart gave; takes no time to speak of.
  virtual llvm::Expected<std::string> link(llvm::ArrayRef<std::string> parts, int architecture) = 0;
};

class Assembler {
public:
  virtual ~Assembler() = default;
  /// Which one it is. Another name may mean other code: what is cached is cached under it.
  virtual std::string name() const = 0;
  /// For an architecture (90: sm_90). The error holds what the assembler says.
  virtual llvm::Expected<Assembled> assemble(const std::string &ptx, int architecture) = 0;
  /// The same assembler for parts; null where it takes whole texts only.
  virtual PartAssembler *parts() = 0;
};

/// The program that FARO_PTXAS names (`none`: no assembler at all); else libnvJitLink, which needs no process of its
/// own; else a ptxas. Both are looked for where the system looks, in CUDA_HOME and in /usr/local/cuda. Null where there
/// is none.
std::unique_ptr<Assembler> findAssembler();

// Each null where it is not found.
std::unique_ptr<Assembler> findNvJitLink();
std::unique_ptr<Assembler> findPtxas();
std::unique_ptr<Assembler> ptxasAt(std::string path);

/// Folders of CUDA toolkits: $CUDA_HOME, /usr/local/cuda.
std::vector<std::string> toolkitFolders();

/// From the log of ptxas -v, which nvJitLink repeats.
std::vector<KernelUsage> readUsage(llvm::StringRef said);

} // namespace faro::compiler
