#include "compiler/Codegen/Module/JitModule.h"
#include "compiler/Codegen/Module/CpuTarget.h"

#include "llvm/BinaryFormat/Magic.h"
#include "llvm/ExecutionEngine/JITLink/JITLinkMemoryManager.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h"
#include "llvm/Object/Archive.h"
#include "llvm/Target/TargetMachine.h"

namespace faro::compiler {
namespace {

namespace orc = llvm::orc;

llvm::Expected<std::unique_ptr<orc::LLJIT>> makeJit() {
  // The triple and data layout only: LLJIT would detect the processor once more, and compiles nothing here.
  llvm::Expected<std::unique_ptr<llvm::TargetMachine>> machine = makeTargetMachine();
  if (!machine)
    return machine.takeError();
  return orc::LLJITBuilder()
      .setJITTargetMachineBuilder(orc::JITTargetMachineBuilder((*machine)->getTargetTriple()))
      .setDataLayout((*machine)->createDataLayout())
      // Kernels call nothing and have no initialisers: no process symbols, no platform, no unwind tables to register.
      .setLinkProcessSymbolsByDefault(false)
      .setPlatformSetUp(orc::setUpInactivePlatform)
      .setObjectLinkingLayerCreator(
          [](orc::ExecutionSession &session) -> llvm::Expected<std::unique_ptr<orc::ObjectLayer>> {
            return std::make_unique<orc::ObjectLinkingLayer>(session);
          })
      .create();
}

llvm::Error add(orc::LLJIT &jit, llvm::StringRef object) {
  return jit.addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(object, "faro"));
}

/// All of an archive's members.
llvm::Error addAll(orc::LLJIT &jit, llvm::StringRef code) {
  llvm::Expected<std::unique_ptr<llvm::object::Archive>> archive =
      llvm::object::Archive::create(llvm::MemoryBufferRef(code, "faro"));
  if (!archive)
    return archive.takeError();
  llvm::Error error = llvm::Error::success();
  for (const llvm::object::Archive::Child &child : (*archive)->children(error)) {
    llvm::Expected<llvm::StringRef> object = child.getBuffer();
    if (!object)
      return llvm::joinErrors(std::move(error), object.takeError());
    if (llvm::Error fault = add(jit, *object))
      return llvm::joinErrors(std::move(error), std::move(fault));
  }
  return error;
}

} // namespace

JitModule::JitModule() = default;
JitModule::~JitModule() = default;

llvm::Expected<std::unique_ptr<JitModule>> JitModule::load(llvm::StringRef code) {
  llvm::Expected<std::unique_ptr<orc::LLJIT>> jit = makeJit();
  if (!jit)
    return jit.takeError();
  std::unique_ptr<JitModule> result(new JitModule);
  result->jit = std::move(*jit);
  // What goes wrong in the session is printed by it, unless somebody listens; what lookup returns does not say why.
  const auto said = std::make_shared<std::string>();
  result->jit->getExecutionSession().setErrorReporter(
      [said](llvm::Error error) { *said += (said->empty() ? "" : "; ") + llvm::toString(std::move(error)); });
  const bool isArchive = llvm::identify_magic(code) == llvm::file_magic::archive;
  if (llvm::Error error = isArchive ? addAll(*result->jit, code) : add(*result->jit, code))
    return error;
  llvm::Expected<orc::ExecutorAddr> address = result->jit->lookup(FARO_ABI_SYMBOL);
  if (!address) {
    const std::string symptom = llvm::toString(address.takeError());
    return llvm::createStringError(said->empty() ? symptom : *said);
  }
  result->table_ = address->toPtr<const faro_abi_module *>();
  return result;
}

} // namespace faro::compiler
