// The C face of modules.
#include "runtime/core/CApiParts.h"

#include <cstddef>

using namespace faro;
using namespace faro::capi;

/// No spec is as long; a size that is none is.
constexpr size_t MostText = size_t(1) << 30;

static Status adopt(const Expected<std::shared_ptr<const Module>> &module, faro_module **out) {
  if (!module)
    return module.status();
  *out = new faro_module{*module};
  return Status::ok();
}

faro_status faro_module_load(const char *path, faro_module **out) {
  return guarded([&] {
    return path && out ? adopt(Module::load(path), out) : missing("faro_module_load", path ? "out" : "path");
  });
}

faro_status faro_module_compile(const char *text, size_t size, const char *name, faro_module **out) {
  return faro_module_compile_for(text, size, name, -1, out);
}

faro_status faro_module_compile_for(const char *text, size_t size, const char *name, int cuda_device,
                                    faro_module **out) {
  faro_compile_targets targets{};
  targets.struct_size = sizeof targets;
  targets.cuda_device = cuda_device;
  return faro_module_compile_with(text, size, name, &targets, out);
}

faro_status faro_module_compile_with(const char *text, size_t size, const char *name,
                                     const faro_compile_targets *targets, faro_module **out) {
  return guarded([&]() -> Status {
    if (!text || !targets || !out)
      return missing("faro_module_compile_with", !text ? "text" : !targets ? "targets" : "out");
    if (size > MostText)
      return {FARO_INVALID_ARGUMENT,
              fmt::format("faro_module_compile_with: a spec of {} bytes; expected at most {}", size, MostText)};
    const auto known = knownOf("faro_module_compile_with", "faro_compile_targets", *targets,
                               offsetof(faro_compile_targets, cuda_device) + sizeof targets->cuda_device);
    if (!known)
      return known.status();
    CompileTargets wanted{.cudaDevice = known->cuda_device,
                          .cudaArchitecture = known->cuda_architecture,
                          .planning = known->planning != 0,
                          .bulkCopies = known->bulk_copies != 0,
                          .residentPushes = known->resident_pushes != 0,
                          .host = known->host != 0,
                          .wire = std::nullopt};
    if (known->wire > FARO_WIRE_RDMA)
      return {FARO_INVALID_ARGUMENT,
              fmt::format("faro_module_compile_with: wire is {}; expected a faro_wire", known->wire)};
    if (known->wire != FARO_WIRE_UNSAID)
      wanted.wire = known->wire == FARO_WIRE_RDMA ? WireKind::Rdma : WireKind::Tcp;
    return adopt(Module::compile(std::string(text, size), name ? name : "spec", nullptr, wanted), out);
  });
}

void faro_module_destroy(faro_module *module) { delete module; }

faro_status faro_program_of(const faro_module *module, const char *name, uint32_t op, faro_program *out, size_t size) {
  return guarded([&]() -> Status {
    if (!module || !out)
      return missing("faro_program_of", module ? "out" : "module");
    if (op != FARO_DISPATCH && op != FARO_COMBINE)
      return {FARO_INVALID_ARGUMENT, fmt::format("faro_program_of: op is {}; expected a faro_op", op)};
    auto found = programOf(*module->module, name, op == FARO_DISPATCH ? FARO_ABI_DISPATCH : FARO_ABI_COMBINE);
    if (!found)
      return found.status();
    const faro_abi_program &program = **found;
    faro_program to{};
    to.name = program.name;
    to.element = elementName(program.row.element);
    to.row_bytes = program.row.bytes;
    to.row_stride = program.row.stride;
    to.experts = program.routes.experts;
    to.align = program.layout.align;
    to.topk = program.routes.topk;
    to.op = op;
    copyKnown(out, size, to);
    return Status::ok();
  });
}
