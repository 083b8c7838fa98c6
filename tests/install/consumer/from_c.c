/* A module that faroc made, argv[1], on one rank: two tokens there and back. */
#include "faro/faro.h"

#include <stdio.h>
#include <stdlib.h>

static void must(faro_status status, const char *what) {
  if (status == FARO_OK)
    return;
  fprintf(stderr, "%s: %s: %s\n", what, faro_status_name(status), faro_last_error());
  exit(1);
}

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  faro_comm *comm = NULL;
  faro_module *module = NULL;
  faro_session *session = NULL;
  faro_plan *plan = NULL;
  must(faro_comm_create(&comm), "communicator");
  must(faro_module_load(argv[1], &module), "module");
  must(faro_session_create(comm, module, &session), "session");

  const int64_t topk_idx[2][2] = {{0, 3}, {2, -1}};
  const float weights[2][2] = {{0.5f, 0.25f}, {2.0f, 0.0f}}, x[2][4] = {{1, 2, 3, 4}, {5, 6, 7, 8}};
  float out[2][4];
  faro_received received;
  must(faro_prepare(session, NULL, &topk_idx[0][0], 2, &plan), "prepare");
  must(faro_dispatch(session, plan, x, sizeof x[0], &received), "dispatch");
  must(faro_combine(session, NULL, plan, received.data, received.stride, &weights[0][0], out, sizeof out[0]),
       "combine");
  for (int column = 0; column < 4; ++column)
    if (out[0][column] != 0.75f * x[0][column] || out[1][column] != 2 * x[1][column])
      return 1;

  faro_plan_destroy(plan);
  faro_session_destroy(session);
  faro_module_destroy(module);
  faro_comm_destroy(comm);
  puts("there and back");
  return 0;
}
