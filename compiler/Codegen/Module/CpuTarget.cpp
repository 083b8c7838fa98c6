#include "compiler/Codegen/Module/CpuTarget.h"

#include "compiler/Codegen/Module/CodeGenerators.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

#include <algorithm>

namespace faro::compiler {
namespace {

constexpr const char *TargetTriple = "x86_64-unknown-linux-gnu";

/// Whose memory kernels are written for, as measured on Emerald Rapids, Zen 5, Zen 3 and Zen 2 (family 17h).
enum class Memory { Intel, Zen5, Zen3, Zen2 };

/// Of this machine. Zen 4, and what comes after Zen 5, are taken for Zen 5: nobody has measured them.
Memory memoryHere(bool hasAvx512) {
  if (!__builtin_cpu_is("amd"))
    return Memory::Intel;
  if (__builtin_cpu_is("amdfam17h"))
    return Memory::Zen2;
  return __builtin_cpu_is("amdfam19h") && !hasAvx512 ? Memory::Zen3 : Memory::Zen5;
}

KeptPrefetches prefetchesFor(Memory memory) {
  switch (memory) {
  // The first cache has few lines under way at once, and stores past the cache take the same places. So a pull brings
  // rows to the second cache a token ahead, and asks for its nearest kilobyte from there; and a push must not wait for
  // pages of its destinations.
  case Memory::Intel:
    return {.near = true, .far = true, .page = false, .inOrder = true};
  // Finding a page is what a store past the cache waits for, and lines for the second cache are in the way; on Zen 2
  // the one is as fast as the other.
  case Memory::Zen5:
  case Memory::Zen2:
    return {.near = true, .far = false, .page = true, .inOrder = true};
  // Pages are found soon enough, and what is read in order is asked for early enough. To ask for the first cost a pull
  // 3 to 8 %, to ask for the second a push 15 to 20 % at top-1, 3 % at top-2; lines for the second cache 14 % of a
  // pull.
  case Memory::Zen3:
    return {.near = true, .far = false, .page = false, .inOrder = false};
  }
  return {};
}

/// `registers`: bytes of the widest.
EmitKernelsOptions kernelOptions(int64_t registers, Memory memory) {
  EmitKernelsOptions options;
  // LLVM splits vectors that are too wide, which takes as long as to compile them, and a pull's sums of two lines do
  // not stay in 16 registers: f16 rows are summed 4 % faster by lines.
  options.vector = registers;
  // Those of one row or two do, and whole lines are 5 % faster then.
  if (registers == 32)
    options.fewRowsVector = 64;
  // Whole rows, as far as the source stays in the first cache: a dispatch at top-8 is 8 to 12 % faster on Zen 2 than
  // with every destination's tiles in turn; 13 to 17 % slower on Zen 3, and slower on Emerald Rapids.
  if (memory == Memory::Zen2)
    options.block = 16 << 10;
  return options;
}

} // namespace

std::vector<CpuTarget> aotTargets() {
  const auto target = [](const char *name, faro_abi_cpu_level level, const char *cpu, int64_t registers,
                         Memory memory) {
    return CpuTarget{
        name, level, cpu, "", "", prefetchesFor(memory), /*hasF16c=*/registers > 16, kernelOptions(registers, memory)};
  };
  return {target("x86-64", FARO_ABI_CPU_X86_64, "x86-64", 16, Memory::Intel),
          target("x86-64-v3", FARO_ABI_CPU_X86_64_V3, "x86-64-v3", 32, Memory::Intel),
          target("x86-64-v3-amd", FARO_ABI_CPU_X86_64_V3_AMD, "x86-64-v3", 32, Memory::Zen3),
          target("x86-64-v3-amd17h", FARO_ABI_CPU_X86_64_V3_AMD17H, "x86-64-v3", 32, Memory::Zen2),
          target("x86-64-v4", FARO_ABI_CPU_X86_64_V4, "x86-64-v4", 64, Memory::Intel),
          target("x86-64-v4-amd", FARO_ABI_CPU_X86_64_V4_AMD, "x86-64-v4", 64, Memory::Zen5)};
}

llvm::Expected<CpuTarget> hostTarget() {
  if (llvm::Triple(llvm::sys::getProcessTriple()).getArch() != llvm::Triple::x86_64)
    return llvm::createStringError("kernels can be generated for x86-64 only, and this process is " +
                                   llvm::sys::getProcessTriple());
  CpuTarget target;
  target.level = FARO_ABI_CPU_HOST;
  target.cpu = llvm::sys::getHostCPUName().str();
  target.name = (llvm::Twine("host (") + target.cpu + ")").str();
  // As ahead of time. LLVM's model of Zen 5 moves the counter of a push's loop before its stores past the cache, and
  // nothing but that made a dispatch a tenth slower there: 0.91 of the write-once bound instead of 1.00.
  target.tune = "x86-64-v4";
  std::vector<std::string> features;
  const llvm::StringMap<bool> has = llvm::sys::getHostCPUFeatures();
  for (const auto &feature : has)
    features.push_back((llvm::Twine(feature.second ? "+" : "-") + feature.first()).str());
  target.hasF16c = has.lookup("f16c");
  const bool hasAvx512 = has.lookup("avx512f");
  const Memory memory = memoryHere(hasAvx512);
  target.kernels = kernelOptions(hasAvx512 ? 64 : has.lookup("avx") ? 32 : 16, memory);
  target.prefetches = prefetchesFor(memory);
  // A map has no order, and this text is part of the cache's key.
  std::sort(features.begin(), features.end());
  target.features = llvm::join(features, ",");
  return target;
}

llvm::Expected<std::unique_ptr<llvm::TargetMachine>> makeTargetMachine() {
  initialiseCodeGenerators();
  const llvm::Triple triple(TargetTriple);
  std::string error;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return llvm::createStringError("LLVM has no x86-64 code generator: " + error);
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, "x86-64", "", llvm::TargetOptions(), llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Default));
  if (!machine)
    return llvm::createStringError("LLVM cannot generate code for x86-64");
  return machine;
}

} // namespace faro::compiler
