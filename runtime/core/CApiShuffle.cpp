// The C face of shuffles that are planned on devices.
#include "runtime/core/CApiParts.h"

#include "faro/device_shuffle.h"

#include <fmt/format.h>

using namespace faro;
using namespace faro::capi;

struct faro_shuffle {
  std::unique_ptr<DeviceShuffle> shuffle;
};

faro_status faro_shuffle_create(faro_comm *comm, faro_module *module, const faro_shuffle_options *options,
                                faro_shuffle **out) {
  return guarded([&]() -> Status {
    if (!comm || !module || !options || !out)
      return missing("faro_shuffle_create", !comm ? "comm" : !module ? "module" : !options ? "options" : "out");
    if (auto all = knownOf("faro_shuffle_create", "faro_shuffle_options", *options, sizeof *options); !all)
      return all.status();
    DeviceShuffleOptions wanted;
    auto dispatch = programOf(*module->module, options->dispatch, FARO_ABI_DISPATCH);
    if (!dispatch)
      return dispatch.status();
    wanted.dispatch = *dispatch;
    auto combine = programOf(*module->module, options->combine, FARO_ABI_COMBINE);
    if (combine)
      wanted.combine = *combine;
    else if (options->combine || combine.status().code() != FARO_NOT_FOUND)
      return combine.status();
    wanted.cudaDevice = options->cuda_device;
    wanted.cudaMultiprocessors = options->cuda_multiprocessors;
    wanted.mostTokens = options->most_tokens;
    wanted.mostRows = options->most_rows;
    wanted.inPlace = options->in_place != 0;
    auto shuffle = DeviceShuffle::create(comm->communicator, module->module, wanted);
    if (!shuffle)
      return shuffle.status();
    *out = new faro_shuffle{std::move(*shuffle)};
    return Status::ok();
  });
}

faro_status faro_shuffle_memory_of(const faro_shuffle *shuffle, faro_shuffle_memory *out) {
  return guarded([&]() -> Status {
    if (!shuffle || !out)
      return missing("faro_shuffle_memory_of", shuffle ? "out" : "shuffle");
    const DeviceShuffle &of = *shuffle->shuffle;
    const Rows received = of.received();
    *out = {received.data,      of.expertRows().data, received.rows,    received.stride,
            of.expertOffsets(), of.expertCounts(),    of.localExperts()};
    return Status::ok();
  });
}

faro_status faro_shuffle_dispatch(faro_shuffle *shuffle, void *stream, const int64_t *topk_idx, const void *x,
                                  int64_t rows, int64_t x_stride, const int64_t *tokens) {
  return guarded([&]() -> Status {
    if (!shuffle)
      return missing("faro_shuffle_dispatch", "shuffle");
    return shuffle->shuffle->enqueueDispatch(stream, topk_idx, {x, rows, x_stride}, tokens);
  });
}

faro_status faro_shuffle_combine(faro_shuffle *shuffle, void *stream, const float *weights, void *out, int64_t rows,
                                 int64_t out_stride) {
  return guarded([&]() -> Status {
    if (!shuffle)
      return missing("faro_shuffle_combine", "shuffle");
    return shuffle->shuffle->enqueueCombine(stream, weights, {out, rows, out_stride});
  });
}

faro_status faro_shuffle_status(faro_shuffle *shuffle, void *stream) {
  return guarded(
      [&] { return shuffle ? shuffle->shuffle->status(stream) : missing("faro_shuffle_status", "shuffle"); });
}

void faro_shuffle_destroy(faro_shuffle *shuffle) { delete shuffle; }
