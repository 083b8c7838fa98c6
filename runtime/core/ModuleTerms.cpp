#include "runtime/core/ModuleTerms.h"

#include <string_view>
#include <vector>

namespace faro {
namespace {

class Terms {
public:
  void add(uint64_t value) { addBytes(&value, sizeof value); }
  void add(const char *name) {
    const std::string_view text(name);
    add(text.size());
    addBytes(text.data(), text.size());
  }
  template <typename First, typename Second, typename... More> void add(First first, Second second, More... more) {
    add(first);
    add(second, more...);
  }
  void addBytes(const void *data, size_t size) {
    const auto *begin = static_cast<const std::byte *>(data);
    bytes.insert(bytes.end(), begin, begin + size);
  }
  Digest digest() const { return sha256(bytes); }

private:
  std::vector<std::byte> bytes;
};

void addStage(Terms &terms, const faro_abi_stage &stage) {
  terms.add(stage.name, stage.op, stage.resource, stage.flag, stage.gather, stage.from, stage.into, stage.acquires,
            stage.releases, stage.after_count);
  for (uint32_t a = 0; a < stage.after_count; ++a)
    terms.add(stage.after[a]);
}

void addSchedule(Terms &terms, const faro_abi_schedule &schedule) {
  terms.add(schedule.name, schedule.path, schedule.partial, schedule.partial_stride, schedule.stage_count,
            schedule.ring_count);
  for (uint32_t s = 0; s < schedule.stage_count; ++s)
    addStage(terms, schedule.stages[s]);
  for (uint32_t r = 0; r < schedule.ring_count; ++r)
    terms.add(schedule.rings[r].name, schedule.rings[r].slot_bytes, schedule.rings[r].slots);
}

void addProgram(Terms &terms, const faro_abi_program &program) {
  const faro_abi_routes &routes = program.routes;
  terms.add(program.name, program.op, program.row.element, program.row.columns, program.row.bytes, program.row.stride);
  terms.addBytes(program.layout.order, sizeof program.layout.order);
  terms.add(program.layout.align, routes.topk, routes.experts, routes.placement, routes.table_size);
  for (uint32_t e = 0; e < routes.table_size; ++e)
    terms.add(routes.table[e]);
  terms.add(program.schedule_count);
  for (uint32_t s = 0; s < program.schedule_count; ++s)
    addSchedule(terms, program.schedules[s]);
}

} // namespace

Digest termsOf(const faro_abi_module &module) {
  Terms terms;
  terms.addBytes(module.spec_sha256, sizeof module.spec_sha256);
  terms.add(module.mesh.nodes, module.mesh.ranks_per_node, module.program_count);
  for (uint32_t p = 0; p < module.program_count; ++p)
    addProgram(terms, module.programs[p]);
  return terms.digest();
}

} // namespace faro
