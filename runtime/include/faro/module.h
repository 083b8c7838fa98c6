// A compiled module, checked before anything of it is used.
#pragma once

#include "faro/status.h"
#include "runtime/abi/faro_abi.h"

#include <memory>
#include <optional>
#include <string>

namespace faro {

/// How a compilation went.
struct CompileReport {
  bool fromCache = false;
  double milliseconds = 0;
  /// For a device: milliseconds of PTX and of machine code, in the longest of the threads that shared the work; 0 from
  /// the cache. Other work goes on meanwhile.
  double ptxMilliseconds = 0, codeMilliseconds = 0;
  std::string assembler; ///< that makes machine code for a device ("nvJitLink 13.0", size and time of its file); empty:
                         ///< it is left to the driver
};

/// What is between nodes.
enum class WireKind : uint8_t { Tcp, Rdma };

/// What a spec is compiled for: this machine's processor, or a CUDA device. For a device, what a Session needs whose
/// rows are there; nobody waits for what is left out.
struct CompileTargets {
  /// As the driver counts those that this process may use: kernels for its architecture. -1: none.
  int cudaDevice = -1;
  /// An architecture instead of a device, 90 for sm_90; no such device is needed. 0: none.
  uint32_t cudaArchitecture = 0;
  bool planning = false;       ///< with either: kernels that plan on the device, which a DeviceShuffle needs
  bool bulkCopies = false;     ///< the same: pushes that a Session takes that may not fill its device, from sm_90 on
  bool residentPushes = false; ///< the same: pushes that wait for slices, for Sessions with FARO_PUSHES=resident
  bool host = false;           ///< the same: this machine's processor, too, for Sessions with rows in host memory
  /// Slices are chosen for it, the same on all ranks. Nothing: for tcp. An error where the spec holds schedules.
  std::optional<WireKind> wire;
};

/// A module whose version, sizes, hash, tables and targets have been checked, with the kernel set for this machine
/// chosen. Immutable: any thread may use it.
class Module {
public:
  /// Loads a shared library that faroc made. Errors: NOT_FOUND (no such file), INVALID_ARGUMENT (no Faro module),
  /// VERSION_MISMATCH, DATA_LOSS (hash or tables), UNAVAILABLE (no kernels for this machine).
  static Expected<std::shared_ptr<const Module>> load(const std::string &path);

  /// Compiles a spec just in time: loads libfaro_compiler.so, which needs LLVM, as nothing else of Faro does. The
  /// Status of a wrong spec holds the compiler's diagnostics, a line each: file:line:column: error: what. The same,
  /// INVALID_ARGUMENT, for an architecture that nothing can be compiled for. UNAVAILABLE when there is no compiler, or
  /// not the device.
  static Expected<std::shared_ptr<const Module>> compile(const std::string &text, const std::string &name,
                                                         CompileReport *report = nullptr,
                                                         const CompileTargets &targets = {});

  /// Adopts a table in memory; `keep` holds whatever owns it.
  static Expected<std::shared_ptr<const Module>> adopt(const faro_abi_module *abi, std::shared_ptr<void> keep,
                                                       const std::string &name);

  const faro_abi_module &abi() const { return *abi_; }
  const std::string &name() const { return name_; }
  const faro_abi_kernel_set &kernels() const { return *kernels_; }

  /// The program of that name, or null.
  const faro_abi_program *find(const std::string &program) const;

  /// The only program with this operation. Errors: NOT_FOUND (none), INVALID_ARGUMENT (several: the message names
  /// them).
  Expected<const faro_abi_program *> only(faro_abi_op op) const;

private:
  Module() = default;
  std::shared_ptr<void> keep_;
  std::string name_;
  const faro_abi_module *abi_ = nullptr;
  const faro_abi_kernel_set *kernels_ = nullptr;
};

/// The program's schedule for a path (faro_abi_path), or null.
const faro_abi_schedule *scheduleOf(const faro_abi_program &program, uint32_t path);

/// The schedule's first stage with this operation (faro_abi_stage_op), or null.
const faro_abi_stage *stageOf(const faro_abi_schedule &schedule, uint32_t op);
/// Whether so many bytes of output, whose rows lie at multiples of 64 or not, are stored past the cache.
bool goesPastCache(const faro_abi_program &program, uint64_t bytes, bool aligned);
/// Which of a stage's two kernels is for such an output.
uint32_t kernelOf(const faro_abi_program &program, const faro_abi_stage &stage, uint64_t bytes, bool aligned);

/// "bf16", "f16", "f32".
const char *elementName(uint32_t element);
/// Bytes of one element; 0 for an unknown one.
uint64_t elementBytes(uint32_t element);

} // namespace faro
