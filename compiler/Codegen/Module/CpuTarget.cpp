#include "compiler/Codegen/Module/CpuTarget.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

#include <algorithm>
#include <mutex>

namespace faro::compiler {
namespace {

constexpr const char *TargetTriple = "x86_64-unknown-linux-gnu";

void initialiseX86() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser(); // of kernels written by hand; without one LLVM ends the process
  });
}

// What each vendor's memory gains by, as measured on Emerald Rapids, on Zen 2, 3 and 5.
//
// Intel's first cache has few lines under way at once, and stores past the cache take the same places. So a pull brings
// rows to the second cache a token ahead, and asks for its nearest kilobyte from there; and a push must not wait for
// pages of its destinations.
constexpr KeptPrefetches OnIntel{.near = true, .far = true, .page = false, .inOrder = true};
// On Zen 5 finding a page is what a store past the cache waits for, and lines for the second cache are in the way. On
// Zen 2 the one is as fast as the other.
constexpr KeptPrefetches OnAmd{.near = true, .far = false, .page = true, .inOrder = true};
// Zen 3 finds pages soon enough, and asks for what is read in order early enough. To ask for the first cost a pull 3 to
// 8 %, to ask for the second a push 15 to 20 % at top-1, 3 % at top-2; lines for the second cache 14 % of a pull.
constexpr KeptPrefetches OnZen3{.near = true, .far = false, .page = false, .inOrder = false};

/// AMD's families 17h, whose last is Zen 2, and 19h, Zen 3 and 4.
enum class Family { Amd17h, Amd19h, Other };

Family familyHere() {
  return __builtin_cpu_is("amdfam17h")   ? Family::Amd17h
         : __builtin_cpu_is("amdfam19h") ? Family::Amd19h
                                         : Family::Other;
}

/// `registers`: bytes of the widest.
EmitKernelsOptions kernelOptions(int64_t registers, Family family) {
  EmitKernelsOptions options;
  // LLVM splits vectors that are too wide, which takes as long as to compile them, and a pull's sums of two lines do
  // not stay in 16 registers: f16 rows are summed 4 % faster by lines.
  options.vector = registers;
  // Those of one row or two do, and whole lines are 5 % faster then.
  if (registers == 32)
    options.fewRowsVector = 64;
  // Whole rows, as far as the source stays in the first cache: a dispatch at top-8 is 8 to 12 % faster on Zen 2 than
  // with every destination's tiles in turn; 13 to 17 % slower on Zen 3, and slower on Emerald Rapids.
  if (family == Family::Amd17h)
    options.block = 16 << 10;
  return options;
}

} // namespace

std::vector<CpuTarget> aotTargets() {
  const auto target = [](const char *name, faro_abi_cpu_level level, const char *cpu, int64_t registers,
                         const KeptPrefetches &prefetches, Family family = Family::Other) {
    return CpuTarget{
        name, level, cpu, "", "", prefetches, /*hasF16c=*/registers > 16, kernelOptions(registers, family)};
  };
  return {target("x86-64", FARO_ABI_CPU_X86_64, "x86-64", 16, OnIntel),
          target("x86-64-v3", FARO_ABI_CPU_X86_64_V3, "x86-64-v3", 32, OnIntel),
          target("x86-64-v3-amd", FARO_ABI_CPU_X86_64_V3_AMD, "x86-64-v3", 32, OnZen3, Family::Amd19h),
          target("x86-64-v3-amd17h", FARO_ABI_CPU_X86_64_V3_AMD17H, "x86-64-v3", 32, OnAmd, Family::Amd17h),
          target("x86-64-v4", FARO_ABI_CPU_X86_64_V4, "x86-64-v4", 64, OnIntel),
          target("x86-64-v4-amd", FARO_ABI_CPU_X86_64_V4_AMD, "x86-64-v4", 64, OnAmd)};
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
  const Family family = familyHere();
  const bool hasAvx512 = has.lookup("avx512f");
  target.kernels = kernelOptions(hasAvx512 ? 64 : has.lookup("avx") ? 32 : 16, family);
  target.prefetches = !__builtin_cpu_is("amd") ? OnIntel : family == Family::Amd19h && !hasAvx512 ? OnZen3 : OnAmd;
  // A map has no order, and this text is part of the cache's key.
  std::sort(features.begin(), features.end());
  target.features = llvm::join(features, ",");
  return target;
}

llvm::Expected<std::unique_ptr<llvm::TargetMachine>> makeTargetMachine() {
  initialiseX86();
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
