#include "runtime/engine/Engine.h"

#include <fmt/format.h>

namespace faro {

bool Run::ready(const faro_abi_stage &stage) const {
  for (uint32_t i = 0; i < stage.after_count; ++i)
    if (!(done >> stage.after[i] & 1))
      return false;
  return true;
}

/// False when the stage cannot be done yet; only an await ever is so.
Expected<bool> Run::fire(const faro_abi_stage &stage) {
  switch (stage.op) {
  case FARO_ABI_STAGE_NOTIFY:
    board.notify(stage.flag, bindings.tag(stage));
    return true;
  case FARO_ABI_STAGE_AWAIT:
    return board.test(stage.flag, bindings.tag(stage).activity);
  case FARO_ABI_STAGE_PAD:
    bindings.pad();
    return true;
  case FARO_ABI_STAGE_PUSH:
    bindings.push(stage);
    return true;
  case FARO_ABI_STAGE_PULL:
    bindings.pull(stage);
    return true;
  }
  return Status(FARO_INTERNAL, fmt::format("stage {} has unknown operation {}", stage.name, stage.op));
}

Expected<bool> Run::advance() {
  // Stages stand in an order that respects `after`, so one pass fires all that can fire; an await that has just become
  // true may free more, which the next call finds.
  for (uint32_t i = 0; i < schedule.stage_count; ++i) {
    const faro_abi_stage &stage = schedule.stages[i];
    if (done >> i & 1 || !ready(stage))
      continue;
    auto fired = fire(stage);
    if (!fired)
      return fired.status();
    if (*fired)
      done |= uint64_t(1) << i;
  }
  return std::popcount(done) == int(schedule.stage_count);
}

Status Run::wait() {
  SignalBoard::Waiter waiter(board);
  uint64_t before = ~done;
  while (true) {
    auto over = advance();
    if (!over)
      return over.status();
    if (*over)
      return Status::ok();
    if (done != before) { // something happened: the time-out counts from the last thing that did
      before = done;
      waiter = SignalBoard::Waiter(board);
      continue;
    }
    FARO_RETURN_IF_ERROR(waiter.pause(schedule.name));
  }
}

} // namespace faro
