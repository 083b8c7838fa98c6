#include "compiler/Codegen/Module/ObjectParts.h"

#include "compiler/Codegen/Module/CpuTarget.h"
#include "compiler/Codegen/Module/Object.h"

#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Utils/SplitModule.h"

#include <algorithm>
#include <thread>
#include <vector>

namespace faro::compiler {
namespace {

using llvm::MemoryBuffer;

/// What becomes of one part. LLVM's contexts are of one thread each, so a part comes as bitcode.
struct Part {
  llvm::SmallString<0> bitcode;
  std::unique_ptr<MemoryBuffer> object;
  std::string fault;
  std::jthread thread;
};

llvm::Expected<std::unique_ptr<MemoryBuffer>> compile(llvm::StringRef bitcode, llvm::LLVMContext &context) {
  auto machine = makeTargetMachine();
  if (!machine)
    return machine.takeError();
  auto module = llvm::parseBitcodeFile(llvm::MemoryBufferRef(bitcode, "faro"), context);
  if (!module)
    return module.takeError();
  optimise(**module, **machine);
  return generate(**module, **machine, Output::Object);
}

void compile(Part &part) {
  llvm::LLVMContext context;
  onErrors(context, [&part](std::string message) {
    if (part.fault.empty())
      part.fault = std::move(message);
  });
  auto object = compile(part.bitcode, context);
  if (object)
    part.object = std::move(*object);
  else if (std::string fault = llvm::toString(object.takeError()); part.fault.empty())
    part.fault = std::move(fault);
}

} // namespace

llvm::Expected<std::unique_ptr<MemoryBuffer>> generateInParts(std::unique_ptr<llvm::Module> module, size_t most) {
  // Tables point to kernels of other parts.
  size_t kernels = 0;
  for (llvm::Function &function : *module)
    if (!function.isDeclaration() && function.hasAddressTaken()) {
      function.setLinkage(llvm::GlobalValue::ExternalLinkage);
      function.setVisibility(llvm::GlobalValue::HiddenVisibility);
      ++kernels;
    }
  std::vector<Part> parts(std::clamp<size_t>(most, 1, std::max<size_t>(kernels, 1)));
  size_t made = 0;
  llvm::SplitModule(
      *module, unsigned(parts.size()),
      [&](std::unique_ptr<llvm::Module> each) {
        Part &part = parts[made++];
        llvm::raw_svector_ostream stream(part.bitcode);
        llvm::WriteBitcodeToFile(*each, stream);
        if (&part != &parts.front()) // which is this thread's
          part.thread = std::jthread([&part] { compile(part); });
      },
      /*PreserveLocals=*/true, /*RoundRobin=*/true);
  compile(parts.front());

  std::vector<llvm::NewArchiveMember> members;
  for (Part &part : parts) {
    if (part.thread.joinable())
      part.thread.join();
    if (!part.fault.empty())
      return llvm::createStringError(part.fault);
    members.emplace_back(part.object->getMemBufferRef());
  }
  return llvm::writeArchiveToBuffer(members, llvm::SymtabWritingMode::NoSymtab, llvm::object::Archive::K_GNU,
                                    /*Deterministic=*/true, /*Thin=*/false);
}

} // namespace faro::compiler
