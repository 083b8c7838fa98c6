// The C face of the C++ API: handles are the C++ objects, errors a thread's last message.
#include "runtime/core/CApiParts.h"

#include "faro/session.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <fmt/format.h>

using namespace faro;
using namespace faro::capi;

struct faro_session {
  std::shared_ptr<const Module> module;
  std::unique_ptr<Session> session;
};
struct faro_plan {
  std::shared_ptr<const Plan> plan;
};

static thread_local std::string lastError;

faro_status capi::fail(const Status &status) {
  lastError = status.message();
  return status.code();
}

void capi::clear() { lastError.clear(); }

Status capi::missing(const char *call, const char *argument) {
  return {FARO_INVALID_ARGUMENT, fmt::format("{}: {} is null", call, argument)};
}

Expected<const faro_abi_program *> capi::programOf(const Module &module, const char *name, faro_abi_op op) {
  if (!name)
    return module.only(op);
  if (const faro_abi_program *program = module.find(name)) {
    if (program->op != uint32_t(op))
      return Status(FARO_INVALID_ARGUMENT, fmt::format("{}: its program {} is no {}", module.name(), name,
                                                       op == FARO_ABI_DISPATCH ? "dispatch" : "combine"));
    return program;
  }
  return Status(FARO_NOT_FOUND, fmt::format("{}: it holds no program {}", module.name(), name));
}

const char *faro_last_error(void) { return lastError.c_str(); }
const char *faro_status_name(uint32_t status) {
  return status > FARO_INTERNAL ? "UNKNOWN" : statusCodeName(faro_status(status));
}
const char *faro_version(void) { return FARO_VERSION_TEXT; }

faro_status faro_session_create(faro_comm *comm, faro_module *module, faro_session **out) {
  return faro_session_create_with(comm, module, nullptr, out);
}

faro_status faro_session_create_with(faro_comm *comm, faro_module *module, const faro_session_options *options,
                                     faro_session **out) {
  return guarded([&]() -> Status {
    if (!comm || !module || !out)
      return missing("faro_session_create_with", !comm ? "comm" : !module ? "module" : "out");
    SessionOptions wanted;
    if (options) {
      const auto known = knownOf("faro_session_create_with", "faro_session_options", *options,
                                 offsetof(faro_session_options, cuda_device) + sizeof options->cuda_device);
      if (!known)
        return known.status();
      wanted.cudaDevice = known->cuda_device;
      wanted.cudaMultiprocessors = known->cuda_multiprocessors;
      wanted.cudaStream = known->cuda_stream;
    }
    auto session = Session::create(comm->communicator, module->module, wanted);
    if (!session)
      return session.status();
    *out = new faro_session{module->module, std::move(*session)};
    return Status::ok();
  });
}

faro_status faro_session_after(faro_session *session, void *cuda_event) {
  return guarded([&]() -> Status {
    if (!session || !cuda_event)
      return missing("faro_session_after", !session ? "session" : "cuda_event");
    return session->session->after(cuda_event);
  });
}

void faro_session_destroy(faro_session *session) { delete session; }

faro_status faro_prepare(faro_session *session, const char *program, const int64_t *topk_idx, int64_t tokens,
                         faro_plan **out) {
  return guarded([&]() -> Status {
    if (!session || !out || (!topk_idx && tokens > 0))
      return missing("faro_prepare", !session ? "session" : !out ? "out" : "topk_idx");
    auto found = programOf(*session->module, program, FARO_ABI_DISPATCH);
    if (!found)
      return found.status();
    auto plan = session->session->prepare(**found, {topk_idx, tokens});
    if (!plan)
      return plan.status();
    *out = new faro_plan{*plan};
    return Status::ok();
  });
}

int64_t faro_plan_tokens(const faro_plan *plan) { return plan ? planTokens(*plan->plan) : 0; }
int64_t faro_plan_rows(const faro_plan *plan) { return plan ? planRows(*plan->plan) : 0; }
void faro_plan_destroy(faro_plan *plan) { delete plan; }

faro_status faro_plan_experts(const faro_plan *plan, const int64_t **expert_offsets, const int64_t **expert_counts,
                              int64_t *local_experts) {
  return guarded([&]() -> Status {
    if (!plan)
      return missing("faro_plan_experts", "plan");
    const auto offsets = planExpertOffsets(*plan->plan), counts = planExpertCounts(*plan->plan);
    if (expert_offsets)
      *expert_offsets = offsets.empty() ? nullptr : offsets.data();
    if (expert_counts)
      *expert_counts = counts.data();
    if (local_experts)
      *local_experts = int64_t(counts.size());
    return Status::ok();
  });
}

faro_status faro_reserve(faro_session *session, const faro_plan *plan) {
  return guarded([&]() -> Status {
    if (!session || !plan)
      return missing("faro_reserve", session ? "plan" : "session");
    return session->session->reserve(plan->plan);
  });
}

static Status describe(const Expected<Received> &received, faro_received *out) {
  if (!received)
    return received.status();
  *out = {received->rows.data,           received->rows.rows,
          received->rows.stride,         received->expertOffsets.empty() ? nullptr : received->expertOffsets.data(),
          received->expertCounts.data(), int64_t(received->expertCounts.size())};
  return Status::ok();
}

static Status postDispatch(const char *call, faro_session *session, const faro_plan *plan, const void *x,
                           int64_t x_stride) {
  if (!session || !plan || (!x && planTokens(*plan->plan) > 0))
    return missing(call, !session ? "session" : !plan ? "plan" : "x");
  return session->session->postDispatch(plan->plan, {x, planTokens(*plan->plan), x_stride});
}

faro_status faro_post_dispatch(faro_session *session, const faro_plan *plan, const void *x, int64_t x_stride) {
  return guarded([&] { return postDispatch("faro_post_dispatch", session, plan, x, x_stride); });
}

faro_status faro_test(faro_session *session, int *over) {
  return guarded([&]() -> Status {
    if (!session || !over)
      return missing("faro_test", session ? "over" : "session");
    auto tested = session->session->test();
    if (!tested)
      return tested.status();
    *over = *tested;
    return Status::ok();
  });
}

faro_status faro_wait(faro_session *session) {
  return guarded([&] { return session ? session->session->wait() : missing("faro_wait", "session"); });
}

faro_status faro_received_of(faro_session *session, const faro_plan *plan, faro_received *out) {
  return guarded([&]() -> Status {
    if (!session || !plan || !out)
      return missing("faro_received_of", !session ? "session" : !plan ? "plan" : "out");
    return describe(session->session->received(plan->plan), out);
  });
}

faro_status faro_dispatch(faro_session *session, const faro_plan *plan, const void *x, int64_t x_stride,
                          faro_received *out) {
  return guarded([&]() -> Status {
    if (!out)
      return missing("faro_dispatch", "out");
    FARO_RETURN_IF_ERROR(postDispatch("faro_dispatch", session, plan, x, x_stride));
    FARO_RETURN_IF_ERROR(session->session->wait());
    return describe(session->session->received(plan->plan), out);
  });
}

faro_status faro_expert_rows(faro_session *session, const faro_plan *plan, void **data, int64_t *stride) {
  return guarded([&]() -> Status {
    if (!session || !plan || !data || !stride)
      return missing("faro_expert_rows", !session ? "session" : !plan ? "plan" : !data ? "data" : "stride");
    auto rows = session->session->expertRows(plan->plan);
    if (!rows)
      return rows.status();
    *data = rows->data;
    *stride = rows->stride;
    return Status::ok();
  });
}

static Status postCombine(const char *call, faro_session *session, const char *program, const faro_plan *plan,
                          const void *y, int64_t y_stride, const float *weights, void *out, int64_t out_stride) {
  if (!session || !plan)
    return missing(call, session ? "plan" : "session");
  if (!y && planRows(*plan->plan) > 0)
    return missing(call, "y");
  if ((!weights || !out) && planTokens(*plan->plan) > 0)
    return missing(call, weights ? "out" : "weights");
  auto found = programOf(*session->module, program, FARO_ABI_COMBINE);
  if (!found)
    return found.status();
  return session->session->postCombine(**found, plan->plan, {y, planRows(*plan->plan), y_stride}, weights,
                                       {out, planTokens(*plan->plan), out_stride});
}

faro_status faro_post_combine(faro_session *session, const char *program, const faro_plan *plan, const void *y,
                              int64_t y_stride, const float *weights, void *out, int64_t out_stride) {
  return guarded(
      [&] { return postCombine("faro_post_combine", session, program, plan, y, y_stride, weights, out, out_stride); });
}

faro_status faro_combine(faro_session *session, const char *program, const faro_plan *plan, const void *y,
                         int64_t y_stride, const float *weights, void *out, int64_t out_stride) {
  return guarded([&]() -> Status {
    FARO_RETURN_IF_ERROR(postCombine("faro_combine", session, program, plan, y, y_stride, weights, out, out_stride));
    return session->session->wait();
  });
}

faro_status faro_session_statistics(const faro_session *session, faro_statistics *out, size_t size) {
  return guarded([&]() -> Status {
    if (!session || !out)
      return missing("faro_session_statistics", session ? "out" : "session");
    const SessionStatistics &from = session->session->statistics();
    faro_statistics to{};
    to.prepares = from.prepares;
    to.dispatches = from.dispatches;
    to.combines = from.combines;
    to.prepare_ns = from.prepareNs;
    to.dispatch_ns = from.dispatchNs;
    to.combine_ns = from.combineNs;
    to.window_growths = from.windowGrowths;
    to.window_bytes = from.windowBytes;
    to.staged_bytes = from.stagedBytes;
    to.slices = from.slices;
    to.slices_received = from.slicesReceived;
    to.wire_rows = from.wireRows;
    to.wire_rows_received = from.wireRowsReceived;
    to.wire_bytes = from.wireBytes;
    to.wire_bytes_received = from.wireBytesReceived;
    to.moved_rows = from.movedRows;
    to.credit_wait_ns = from.creditWaitNs;
    to.settled_tokens = from.settledTokens;
    to.wire_device_bytes = from.wireDeviceBytes;
    to.whole_slices = from.wholeSlices;
    to.resident_pushes = from.residentPushes;
    copyKnown(out, size, to);
    return Status::ok();
  });
}
