#include "compiler/Codegen/Module/ModuleTables.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/DerivedTypes.h"
#include "llvm/IR/GlobalVariable.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SHA256.h"

#include <cstddef>

namespace faro::compiler {
namespace {

using llvm::Constant;
using llvm::ConstantInt;
using llvm::ConstantStruct;

/// Builds constants of faro_abi.h's structures. A structure's fields are given in order, and LLVM lays them out by the
/// target's rules, which are those of the C compiler; the asserts below hold on to the shapes.
class TableEmitter {
public:
  explicit TableEmitter(llvm::Module &module) : module(module), context(module.getContext()) {}

  Constant *u8(uint8_t value) { return ConstantInt::get(llvm::Type::getInt8Ty(context), value); }
  Constant *u32(uint64_t value) { return ConstantInt::get(llvm::Type::getInt32Ty(context), value); }
  Constant *u64(uint64_t value) { return ConstantInt::get(llvm::Type::getInt64Ty(context), value); }
  Constant *null() { return llvm::ConstantPointerNull::get(llvm::PointerType::get(context, 0)); }

  Constant *structure(llvm::ArrayRef<Constant *> fields) { return ConstantStruct::getAnon(context, fields); }

  Constant *bytes(llvm::ArrayRef<uint8_t> values) { return llvm::ConstantDataArray::get(context, values); }

  /// A constant of its own, seen by no other module.
  Constant *place(Constant *value, const llvm::Twine &name) {
    auto *global = new llvm::GlobalVariable(module, value->getType(), /*isConstant=*/true,
                                            llvm::GlobalValue::PrivateLinkage, value, name);
    global->setAlignment(llvm::Align(8));
    return global;
  }

  Constant *array(llvm::ArrayRef<Constant *> values, const llvm::Twine &name) {
    if (values.empty())
      return null();
    return place(llvm::ConstantArray::get(llvm::ArrayType::get(values.front()->getType(), values.size()), values),
                 name);
  }

  Constant *numbers(llvm::ArrayRef<uint32_t> values, const llvm::Twine &name) {
    if (values.empty())
      return null();
    return place(llvm::ConstantDataArray::get(context, values), name);
  }

  /// Zero-terminated.
  Constant *text(llvm::StringRef value, const llvm::Twine &name) {
    return place(llvm::ConstantDataArray::getString(context, value, /*AddNull=*/true), name);
  }

  Constant *stage(const StageTable &stage) {
    static_assert(sizeof(faro_abi_stage) == 64 && offsetof(faro_abi_stage, after) == 56);
    return structure({text(stage.name, "stage.name"), u32(stage.op), u32(stage.resource), u32(stage.flag),
                      u32(stage.kernel), u32(stage.streamingKernel), u32(stage.shareKernel), u32(stage.gather),
                      u32(stage.from), u32(stage.into), u32(stage.acquires), u32(stage.releases),
                      u32(stage.after.size()), numbers(stage.after, "stage.after")});
  }

  Constant *schedule(const ScheduleTable &schedule) {
    static_assert(sizeof(faro_abi_ring) == 24 && sizeof(faro_abi_schedule) == 48);
    llvm::SmallVector<Constant *> stages, rings;
    for (const StageTable &each : schedule.stages)
      stages.push_back(stage(each));
    for (const RingTable &ring : schedule.rings)
      rings.push_back(structure({text(ring.name, "ring.name"), u64(ring.slotBytes), u32(ring.slots), u32(0)}));
    return structure({text(schedule.name, "schedule.name"), u32(schedule.path), u32(schedule.partial),
                      u64(schedule.partialStride), u32(stages.size()), u32(rings.size()),
                      array(stages, "schedule.stages"), array(rings, "schedule.rings")});
  }

  Constant *plan(const ProgramTable &program) {
    if (!program.plan)
      return null();
    const faro_abi_plan_kernels &plan = *program.plan;
    return numbers(
        {plan.chunk_tokens, plan.count, plan.scan, plan.meet, plan.offsets, plan.place, plan.pad, plan.weigh},
        "program.plan");
  }

  Constant *program(const ProgramTable &program) {
    static_assert(sizeof(faro_abi_row) == 32 && sizeof(faro_abi_layout) == 8 && sizeof(faro_abi_routes) == 24);
    static_assert(sizeof(faro_abi_program) == 104 && sizeof(faro_abi_plan_kernels) == 32);
    llvm::SmallVector<Constant *> schedules;
    for (const ScheduleTable &each : program.schedules)
      schedules.push_back(schedule(each));
    Constant *row = structure(
        {u32(program.row.element), u32(0), u64(program.row.columns), u64(program.row.bytes), u64(program.row.stride)});
    Constant *layout = structure({bytes(program.layout.order), u32(program.layout.align)});
    Constant *routes = structure({u32(program.topk), u32(program.experts), u32(program.placement),
                                  u32(program.table.size()), numbers(program.table, "routes.table")});
    return structure({text(program.name, "program.name"), u32(program.op), u32(program.schedules.size()), row, layout,
                      routes, u64(program.streamingThreshold), array(schedules, "program.schedules"), plan(program)});
  }

  Constant *kernelSet(const ModuleTables &tables, const CpuTarget &target) {
    static_assert(sizeof(faro_abi_kernel) == 16 && sizeof(faro_abi_kernel_set) == 24);
    llvm::SmallVector<Constant *> kernels;
    for (const std::string &name : tables.kernels)
      kernels.push_back(structure({text(name, "kernel.name"), module.getFunction(kernelSymbol(name, target))}));
    return set(target.name, target.level, kernels);
  }

  /// Of a module for devices: its kernels by name.
  Constant *emptySet(const ModuleTables &tables) {
    llvm::SmallVector<Constant *> kernels;
    for (const std::string &name : tables.kernels)
      kernels.push_back(structure({text(name, "kernel.name"), null()}));
    return set("devices only", FARO_ABI_CPU_NONE, kernels);
  }

  Constant *image(const ImageTable &image) {
    static_assert(sizeof(faro_abi_image) == 32);
    return structure({text(image.target, "image.target"), u32(image.format), u32(image.architecture),
                      text(image.data, "image.data"), u64(image.data.size())});
  }

private:
  Constant *set(llvm::StringRef target, uint32_t level, llvm::ArrayRef<Constant *> kernels) {
    return structure({text(target, "target.name"), u32(level), u32(kernels.size()), array(kernels, "set.kernels")});
  }

  llvm::Module &module;
  llvm::LLVMContext &context;
};

} // namespace

std::string kernelSymbol(llvm::StringRef kernel, const CpuTarget &target) {
  // A machine's name may hold anything.
  return (kernel + "." + llvm::StringRef(target.level == FARO_ABI_CPU_HOST ? "host" : target.name)).str();
}

void emitTables(llvm::Module &module, const ModuleTables &tables, llvm::ArrayRef<CpuTarget> targets,
                llvm::StringRef specText) {
  static_assert(sizeof(faro_abi_module) == 136 && offsetof(faro_abi_module, spec_sha256) == 56);
  TableEmitter emit(module);
  llvm::SmallVector<Constant *> programs, sets, images;
  for (const ProgramTable &program : tables.programs)
    programs.push_back(emit.program(program));
  for (const CpuTarget &target : targets)
    sets.push_back(emit.kernelSet(tables, target));
  if (targets.empty())
    sets.push_back(emit.emptySet(tables));
  for (const ImageTable &image : tables.images)
    images.push_back(emit.image(image));

  const std::array<uint8_t, 32> hash =
      llvm::SHA256::hash(llvm::ArrayRef(reinterpret_cast<const uint8_t *>(specText.data()), specText.size()));
  Constant *value = emit.structure({emit.u32(FARO_ABI_MAGIC),
                                    emit.u32(FARO_ABI_VERSION),
                                    emit.u32(sizeof(faro_abi_module)),
                                    emit.u32(sizeof(faro_abi_program)),
                                    emit.u32(sizeof(faro_abi_schedule)),
                                    emit.u32(sizeof(faro_abi_ring)),
                                    emit.u32(sizeof(faro_abi_stage)),
                                    emit.u32(sizeof(faro_abi_kernel_set)),
                                    emit.text(producer(), "producer"),
                                    emit.text(specText, "spec"),
                                    emit.u64(specText.size()),
                                    emit.bytes(hash),
                                    emit.structure({emit.u32(tables.mesh.nodes), emit.u32(tables.mesh.ranks_per_node)}),
                                    emit.u32(programs.size()),
                                    emit.u32(sets.size()),
                                    emit.array(programs, "programs"),
                                    emit.array(sets, "kernel_sets"),
                                    emit.u32(images.size()),
                                    emit.u32(0),
                                    emit.array(images, "images")});
  auto *global = new llvm::GlobalVariable(module, value->getType(), /*isConstant=*/true,
                                          llvm::GlobalValue::ExternalLinkage, value, FARO_ABI_SYMBOL);
  global->setAlignment(llvm::Align(8));
}

} // namespace faro::compiler
