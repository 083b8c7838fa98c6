/* The C API from C: one rank, a spec compiled just in time, dispatch and combine against the definition. */
#include "faro/faro.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKENS 5
#define TOPK 2
#define EXPERTS 3
#define HIDDEN 6

static const char *const spec =
    "!tokens = !faro.tokens<6xf32>\n"
    "!experts = !faro.tokens<6xf32, #faro.layout<order = [expert, source, token], align = 4>>\n"
    "!routes = !faro.routes<topk = 2, experts = 3>\n"
    "module attributes {faro.mesh = #faro.mesh<nodes = ?, ranks_per_node = ?>} {\n"
    "  func.func @dispatch(%x: !tokens, %r: !routes) -> !experts {\n"
    "    %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts\n"
    "    return %y : !experts\n"
    "  }\n"
    "  func.func @combine(%y: !experts, %r: !routes) -> !tokens {\n"
    "    %x = faro.combine %y, %r : (!experts, !routes) -> !tokens\n"
    "    return %x : !tokens\n"
    "  }\n"
    "}\n";

static int failures = 0;

/* Modules may be destroyed as late as this, by a handler that is older than the compiler's own. */
static faro_module *last = NULL;
static void bye(void) { faro_module_destroy(last); }

static void expect(int holds, const char *what) {
  if (!holds) {
    printf("FAILED: %s (last error: %s)\n", what, faro_last_error());
    ++failures;
  }
}

int main(void) {
  faro_comm *comm = NULL;
  faro_module *module = NULL;
  faro_session *session = NULL;
  faro_plan *plan = NULL;
  atexit(bye);

  expect(faro_module_compile("module {", 8, "torn.mlir", &module) == FARO_INVALID_ARGUMENT, "a torn spec is refused");
  expect(strstr(faro_last_error(), "torn.mlir:1:") != NULL, "its error has a line");
  expect(faro_module_compile(spec, (size_t)-1, "spec.mlir", &module) == FARO_INVALID_ARGUMENT, "no spec is as long");
  expect(faro_module_load("/nonexistent.so", &module) == FARO_NOT_FOUND, "a missing file is not found");
  expect(faro_prepare(NULL, NULL, NULL, 0, &plan) == FARO_INVALID_ARGUMENT, "null is refused");

  /* For an architecture, without a device. */
  faro_compile_targets targets;
  memset(&targets, 0, sizeof targets);
  expect(faro_module_compile_with(spec, strlen(spec), "spec.mlir", &targets, &module) == FARO_INVALID_ARGUMENT &&
             strstr(faro_last_error(), "struct_size") != NULL,
         "targets without their size are refused");
  targets.struct_size = sizeof targets;
  targets.cuda_device = -1;
  targets.planning = 1;
  expect(faro_module_compile_with(spec, strlen(spec), "spec.mlir", &targets, &module) == FARO_INVALID_ARGUMENT,
         "kernels that plan on no device are refused");
  targets.cuda_device = -2;
  expect(faro_module_compile_with(spec, strlen(spec), "spec.mlir", &targets, &module) == FARO_INVALID_ARGUMENT,
         "devices have no negative numbers");
  targets.cuda_device = -1;
  targets.cuda_architecture = 91;
  expect(faro_module_compile_with(spec, strlen(spec), "spec.mlir", &targets, &module) == FARO_INVALID_ARGUMENT &&
             strstr(faro_last_error(), "sm_91") != NULL,
         "an unknown architecture is refused");
  targets.cuda_architecture = 90;
  targets.planning = targets.bulk_copies = targets.resident_pushes = targets.host = 1;
  expect(faro_module_compile_with(spec, strlen(spec), "spec.mlir", &targets, &module) == FARO_OK,
         "a spec is compiled for an architecture");
  faro_module_destroy(module);

  if (faro_module_compile(spec, strlen(spec), "spec.mlir", &module) != FARO_OK || faro_comm_create(&comm) != FARO_OK ||
      faro_session_create(comm, module, &session) != FARO_OK) {
    printf("FAILED: %s\n", faro_last_error());
    return 1;
  }
  expect(faro_comm_rank(comm) == 0 && faro_comm_size(comm) == 1, "a world of one rank");
  expect(faro_comm_nodes(comm) == 1 && faro_comm_node(comm) == 0, "one node");
  expect(faro_comm_barrier(comm) == FARO_OK, "a barrier of one");
  expect(faro_comm_check(comm) == FARO_OK && faro_comm_check(NULL) == FARO_INVALID_ARGUMENT, "a job that is well");
  expect(strchr(faro_version(), '.') != NULL, "a version");

  faro_program program;
  expect(faro_program_of(module, NULL, FARO_DISPATCH, &program, sizeof program) == FARO_OK &&
             strcmp(program.name, "dispatch") == 0 && strcmp(program.element, "f32") == 0 &&
             program.row_bytes == HIDDEN * sizeof(float) && program.row_stride >= program.row_bytes &&
             program.experts == EXPERTS && program.align == 4 && program.topk == TOPK && program.op == FARO_DISPATCH,
         "what a program is");
  expect(faro_program_of(module, "combine", FARO_DISPATCH, &program, sizeof program) == FARO_INVALID_ARGUMENT &&
             faro_program_of(module, "nothing", FARO_COMBINE, &program, sizeof program) == FARO_NOT_FOUND &&
             faro_program_of(module, NULL, 7, &program, sizeof program) == FARO_INVALID_ARGUMENT,
         "what is no such program");

  /* Expert 0: tokens 0 2; expert 1: nothing; expert 2: tokens 0 1 3 4; one choice is dropped. */
  const int64_t idx[TOKENS][TOPK] = {{0, 2}, {2, -1}, {0, 0}, {2, 2}, {-1, 2}};
  float x[TOKENS][HIDDEN], weights[TOKENS][TOPK], out[TOKENS][HIDDEN];
  for (int t = 0; t < TOKENS; ++t)
    for (int c = 0; c < HIDDEN; ++c)
      x[t][c] = (float)(10 * t + c);
  for (int t = 0; t < TOKENS; ++t)
    for (int k = 0; k < TOPK; ++k)
      weights[t][k] = idx[t][k] < 0 ? NAN : 0.5f + (float)k;

  faro_received got;
  void *rows = NULL;
  int64_t stride = 0;
  if (faro_prepare(session, "dispatch", &idx[0][0], TOKENS, &plan) != FARO_OK ||
      faro_reserve(session, plan) != FARO_OK || faro_dispatch(session, plan, x, sizeof x[0], &got) != FARO_OK ||
      faro_expert_rows(session, plan, &rows, &stride) != FARO_OK) {
    printf("FAILED: %s\n", faro_last_error());
    return 1;
  }
  const int64_t *planned_offsets = NULL, *planned_counts = NULL;
  int64_t planned_experts = 0;
  expect(faro_plan_experts(plan, &planned_offsets, &planned_counts, &planned_experts) == FARO_OK &&
             planned_offsets == got.expert_offsets && planned_counts == got.expert_counts &&
             planned_experts == got.local_experts && faro_plan_experts(plan, NULL, NULL, NULL) == FARO_OK &&
             faro_plan_experts(NULL, NULL, NULL, NULL) == FARO_INVALID_ARGUMENT,
         "experts of a plan");
  expect(faro_plan_tokens(plan) == TOKENS && faro_plan_rows(plan) == 12 && got.rows == 12, "sizes");
  const int64_t offsets[] = {0, 4, 4, 12}, counts[] = {3, 0, 5};
  expect(got.local_experts == 3 && memcmp(got.expert_offsets, offsets, sizeof offsets) == 0, "expert_offsets");
  expect(memcmp(got.expert_counts, counts, sizeof counts) == 0, "expert_counts");
  const int tokenOfRow[12] = {0, 2, 2, -1, 0, 1, 3, 3, 4, -1, -1, -1};
  for (int r = 0; r < 12; ++r)
    for (int c = 0; c < HIDDEN; ++c) {
      const float *row = (const float *)((const char *)got.data + r * got.stride);
      float *result = (float *)((char *)rows + r * stride);
      expect(row[c] == (tokenOfRow[r] < 0 ? 0 : x[tokenOfRow[r]][c]), "received rows");
      result[c] = 2 * row[c];
    }
  expect(faro_combine(session, NULL, plan, rows, stride, &weights[0][0], out, sizeof out[0]) == FARO_OK, "combine");
  for (int t = 0; t < TOKENS; ++t)
    for (int c = 0; c < HIDDEN; ++c) {
      float sum = 0;
      for (int k = 0; k < TOPK; ++k)
        if (idx[t][k] >= 0)
          sum += weights[t][k] * (2 * x[t][c]);
      expect(out[t][c] == sum, "combined tokens");
    }

  /* The same in halves. */
  faro_received again;
  int over = 0;
  memset(out, 0, sizeof out);
  expect(faro_post_dispatch(session, plan, x, sizeof x[0]) == FARO_OK, "post a dispatch");
  while (!over && faro_test(session, &over) == FARO_OK)
    ;
  expect(over, "test it until it is over");
  expect(faro_received_of(session, plan, &again) == FARO_OK && again.data == got.data && again.rows == got.rows,
         "its rows");
  expect(faro_post_combine(session, NULL, plan, again.data, again.stride, &weights[0][0], out, sizeof out[0]) ==
             FARO_OK,
         "post a combine");
  expect(faro_wait(session) == FARO_OK, "wait for it");
  expect(out[1][3] == weights[1][0] * x[1][3], "its result");

  faro_statistics statistics;
  expect(faro_session_statistics(session, &statistics, sizeof statistics) == FARO_OK && statistics.prepares == 1 &&
             statistics.dispatches == 2 && statistics.combines == 2 && statistics.staged_bytes == 0 &&
             statistics.window_bytes > 0 && statistics.slices == 0,
         "statistics");
  statistics.dispatches = 99;
  expect(faro_session_statistics(session, &statistics, sizeof statistics.prepares) == FARO_OK &&
             statistics.dispatches == 99,
         "fewer fields of an older caller");

  /* What is found before anybody is told does not end the session. */
  faro_plan *none = NULL;
  expect(faro_prepare(session, "no such program", &idx[0][0], TOKENS, &none) == FARO_NOT_FOUND, "unknown program");
  expect(faro_prepare(session, "combine", &idx[0][0], TOKENS, &none) == FARO_INVALID_ARGUMENT, "no dispatch");
  expect(faro_dispatch(session, plan, NULL, sizeof x[0], &again) == FARO_INVALID_ARGUMENT &&
             strstr(faro_last_error(), "x is null") != NULL,
         "no tokens");
  expect(faro_combine(session, "dispatch", plan, rows, stride, &weights[0][0], out, sizeof out[0]) ==
             FARO_INVALID_ARGUMENT,
         "no combine");
  expect(faro_combine(session, NULL, plan, NULL, stride, &weights[0][0], out, sizeof out[0]) == FARO_INVALID_ARGUMENT &&
             faro_combine(session, NULL, plan, rows, stride, NULL, out, sizeof out[0]) == FARO_INVALID_ARGUMENT &&
             faro_combine(session, NULL, plan, rows, stride, &weights[0][0], NULL, sizeof out[0]) ==
                 FARO_INVALID_ARGUMENT,
         "no rows, no weights, no place for the result");
  expect(faro_dispatch(session, plan, x, sizeof x[0], &again) == FARO_OK, "the session goes on");

  /* Last: a session that cannot be made ends the job. */
  faro_session *onDevice = NULL;
  const faro_session_options small = {4, 0, 0, NULL}, device = {sizeof device, 0, 0, NULL};
  expect(faro_session_create_with(comm, module, &small, &onDevice) == FARO_INVALID_ARGUMENT && !onDevice, "no options");
  expect(strstr(faro_last_error(), "struct_size") != NULL, "and which of them is missing");
  setenv("FARO_CUDA_DRIVER", "/nonexistent/libcuda.so", 1);
  expect(faro_session_create_with(comm, module, &device, &onDevice) == FARO_UNAVAILABLE && !onDevice, "no driver");
  expect(strstr(faro_last_error(), "no CUDA driver: /nonexistent/libcuda.so") != NULL, "which is said");

  /* A module for the CPU has nothing that plans on a device. */
  faro_shuffle *shuffle = NULL;
  faro_shuffle_options options = {.struct_size = sizeof options, .most_tokens = TOKENS, .most_rows = TOKENS * TOPK};
  expect(faro_shuffle_create(comm, module, NULL, &shuffle) == FARO_INVALID_ARGUMENT && !shuffle, "null options");
  expect(faro_shuffle_create(comm, module, &options, &shuffle) == FARO_UNAVAILABLE && !shuffle, "no kernels");
  expect(strstr(faro_last_error(), "dispatch has no kernels that plan on a device") != NULL, "which is said");
  options.combine = "no such program";
  expect(faro_shuffle_create(comm, module, &options, &shuffle) == FARO_NOT_FOUND, "unknown combine");
  options.struct_size = 4;
  expect(faro_shuffle_create(comm, module, &options, &shuffle) == FARO_INVALID_ARGUMENT, "small options");
  expect(faro_shuffle_dispatch(NULL, NULL, NULL, NULL, 0, 0, NULL) == FARO_INVALID_ARGUMENT &&
             faro_shuffle_combine(NULL, NULL, NULL, NULL, 0, 0) == FARO_INVALID_ARGUMENT &&
             faro_shuffle_status(NULL, NULL) == FARO_INVALID_ARGUMENT &&
             faro_shuffle_memory_of(NULL, NULL) == FARO_INVALID_ARGUMENT,
         "no shuffle");
  faro_shuffle_destroy(NULL);

  faro_plan_destroy(plan);
  faro_session_destroy(session);
  last = module;
  faro_comm_destroy(comm);
  faro_comm_destroy(NULL);
  if (failures == 0)
    printf("all as it should be\n");
  return failures != 0;
}
