/*
 * The C API from C, by several processes: CApiJob RANKS NODES starts itself as many times, as torchrun would, and each
 * rank holds what it receives and combines against the definition. CApiJob RANKS NODES described: the environment is of
 * a larger job, of which these are some ranks that meet by themselves; at the end one gives up.
 *
 * Rank r has r mod 64 + 2 tokens; choice k of its token t goes to expert (3 r + 5 t + k) mod EXPERTS, and is dropped
 * where (r + t + k) mod 7 is 0. An element says where it comes from, and is a whole number, so sums are exact.
 */
#include "faro/faro.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOPK 3
#define EXPERTS 7
#define HIDDEN 5
#define MOST_TOKENS 66

static const char *const spec = "!tokens = !faro.tokens<5xf32>\n"
                                "!experts = !faro.tokens<5xf32, #faro.layout<order = [expert, source, token]>>\n"
                                "!routes = !faro.routes<topk = 3, experts = 7>\n"
                                "func.func @dispatch(%x: !tokens, %r: !routes) -> !experts {\n"
                                "  %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts\n"
                                "  return %y : !experts\n"
                                "}\n"
                                "func.func @combine(%y: !experts, %r: !routes) -> !tokens {\n"
                                "  %x = faro.combine %y, %r : (!experts, !routes) -> !tokens\n"
                                "  return %x : !tokens\n"
                                "}\n";

static int tokens_of(int rank) { return rank % 64 + 2; }
static int64_t expert_of(int rank, int token, int choice) {
  return (rank + token + choice) % 7 == 0 ? -1 : (3 * rank + 5 * token + choice) % EXPERTS;
}
static float element(int rank, int token, int column) { return (float)(1000 * rank + 10 * token + column); }
static float weight(int token, int choice) { return (float)(1 + (token + choice) % 4) / 4; }

static int rank_of_this = 0;
static void must(faro_status status, const char *what) {
  if (status == FARO_OK)
    return;
  fprintf(stderr, "rank %d: %s: %s: %s\n", rank_of_this, what, faro_status_name(status), faro_last_error());
  exit(1);
}
static void expect(int holds, const char *what) {
  if (holds)
    return;
  fprintf(stderr, "rank %d: %s are wrong\n", rank_of_this, what);
  exit(1);
}

/* Received rows are by expert, then source, then token, then choice; experts come back twice as large. */
static void check_received(const faro_received *got, int ranks, int rank, char *results, int64_t stride) {
  int64_t row = 0;
  const int first = rank * (EXPERTS / ranks) + (rank < EXPERTS % ranks ? rank : EXPERTS % ranks);
  const int count = EXPERTS / ranks + (rank < EXPERTS % ranks);
  expect(got->local_experts == count, "local experts");
  for (int e = 0; e < count; ++e) {
    expect(got->expert_offsets[e] == row, "expert offsets");
    for (int source = 0; source < ranks; ++source)
      for (int t = 0; t < tokens_of(source); ++t)
        for (int k = 0; k < TOPK; ++k) {
          if (expert_of(source, t, k) != first + e)
            continue;
          const float *from = (const float *)((const char *)got->data + row * got->stride);
          float *to = (float *)(results + row * stride);
          expect(row < got->rows, "numbers of rows");
          for (int c = 0; c < HIDDEN; ++c) {
            expect(from[c] == element(source, t, c), "received rows");
            to[c] = 2 * from[c];
          }
          ++row;
        }
    expect(got->expert_counts[e] == row - got->expert_offsets[e], "expert counts");
  }
  expect(row == got->rows, "numbers of rows");
}

static int number(const char *name) { return atoi(getenv(name)); }

/* A rank of a part of the job that the environment is of. */
static faro_comm *meet_described(int ranks, int nodes) {
  faro_comm *comm = NULL;
  faro_comm_options options = {.struct_size = sizeof options, .world_size = (uint32_t)ranks, .node = -2};
  options.rank = (uint32_t)number("RANK") - 100;
  options.timeout_ns = 30000000000u;
  expect(faro_comm_create_with(&options, &comm) == FARO_INVALID_ARGUMENT && !comm, "options of node -2");
  options.node = nodes > 1 ? (int32_t)options.rank / (ranks / nodes) : -1;
  expect(faro_comm_create_with(&options, &comm) == FARO_INVALID_ARGUMENT && !comm, "options without a port");
  options.master_port = (uint32_t)number("CAPI_JOB_PORT");
  options.nics = 2000;
  expect(faro_comm_create_with(&options, &comm) == FARO_INVALID_ARGUMENT && !comm, "options with 2000 cards");
  options.nics = 1;
  must(faro_comm_create_with(&options, &comm), "communicator of options");
  return comm;
}

/* The last rank gives up, and all others hear why. */
static void give_up(faro_comm *comm) {
  const uint32_t last = faro_comm_size(comm) - 1;
  expect(faro_comm_check(comm) == FARO_OK, "checks of a job that is well");
  must(faro_comm_barrier(comm), "barrier");
  if (faro_comm_rank(comm) == last) {
    expect(faro_comm_abort(comm, FARO_OK, "all is well") == FARO_INVALID_ARGUMENT, "aborts of a job that is well");
    must(faro_comm_abort(comm, FARO_INTERNAL, "the experts are tired"), "abort");
  } else {
    while (faro_comm_check(comm) == FARO_OK)
      usleep(1000);
  }
  expect(faro_comm_check(comm) == FARO_ABORTED && strstr(faro_last_error(), "the experts are tired"),
         "words of an abort");
  expect(faro_comm_barrier(comm) == FARO_ABORTED, "barriers after an abort");
}

static void run_rank(int ranks, int nodes, int described) {
  faro_comm *comm = NULL;
  faro_module *module = NULL;
  faro_session *session = NULL;
  if (described)
    comm = meet_described(ranks, nodes);
  else
    must(faro_comm_create_with(NULL, &comm), "communicator");
  const int rank = rank_of_this = (int)faro_comm_rank(comm), tokens = tokens_of(rank);
  expect(faro_comm_size(comm) == (uint32_t)ranks && faro_comm_nodes(comm) == (uint32_t)nodes, "ranks and nodes");
  must(faro_module_compile(spec, strlen(spec), "job.mlir", &module), "module");
  must(faro_session_create(comm, module, &session), "session");

  int64_t idx[MOST_TOKENS][TOPK];
  float x[MOST_TOKENS][HIDDEN], weights[MOST_TOKENS][TOPK], out[MOST_TOKENS][HIDDEN];
  for (int t = 0; t < tokens; ++t) {
    for (int k = 0; k < TOPK; ++k) {
      idx[t][k] = expert_of(rank, t, k);
      weights[t][k] = weight(t, k);
    }
    for (int c = 0; c < HIDDEN; ++c)
      x[t][c] = element(rank, t, c);
  }
  for (int call = 0; call < 3; ++call) {
    faro_plan *plan = NULL;
    faro_received got;
    void *results = NULL;
    int64_t stride = 0;
    must(faro_prepare(session, NULL, &idx[0][0], tokens, &plan), "prepare");
    must(faro_dispatch(session, plan, x, sizeof x[0], &got), "dispatch");
    must(faro_expert_rows(session, plan, &results, &stride), "expert rows");
    check_received(&got, ranks, rank, results, stride);
    must(faro_combine(session, NULL, plan, results, stride, &weights[0][0], out, sizeof out[0]), "combine");
    for (int t = 0; t < tokens; ++t)
      for (int c = 0; c < HIDDEN; ++c) {
        float sum = 0;
        for (int k = 0; k < TOPK; ++k)
          if (idx[t][k] >= 0)
            sum += weights[t][k] * 2 * x[t][c];
        expect(out[t][c] == sum, "combined tokens");
      }
    faro_plan_destroy(plan);
  }
  faro_session_destroy(session);
  if (described)
    give_up(comm);
  faro_module_destroy(module);
  faro_comm_destroy(comm);
}

/* A port that nobody has now. */
static int free_port(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  const int server = socket(AF_INET, SOCK_STREAM, 0);
  const int found = server >= 0 && bind(server, (struct sockaddr *)&address, size) == 0 &&
                    getsockname(server, (struct sockaddr *)&address, &size) == 0;
  close(server);
  return found ? ntohs(address.sin_port) : 0;
}

static void set(const char *name, int value) {
  char text[16];
  snprintf(text, sizeof text, "%d", value);
  setenv(name, text, 1);
}

int main(int argc, char **argv) {
  const int described = argc == 4 && strcmp(argv[3], "described") == 0, given = argc == 3 || described;
  const int ranks = given ? atoi(argv[1]) : 0, nodes = given ? atoi(argv[2]) : 0;
  if (ranks < 1 || nodes < 1 || ranks % nodes != 0) {
    fprintf(stderr, "CApiJob RANKS NODES [described]\n");
    return 2;
  }
  if (getenv("CAPI_JOB_RANK")) {
    run_rank(ranks, nodes, described);
    return 0;
  }
  setenv("CAPI_JOB_RANK", "1", 1);
  const int before = described ? 100 : 0; /* ranks that are none of these */
  set("WORLD_SIZE", before + ranks);
  set("LOCAL_WORLD_SIZE", ranks / nodes);
  set("MASTER_PORT", free_port());
  set("CAPI_JOB_PORT", free_port());
  setenv("MASTER_ADDR", "127.0.0.1", 1);
  int failed = 0, status = 0;
  for (int rank = 0; rank < ranks; ++rank) {
    set("RANK", before + rank);
    set("LOCAL_RANK", rank % (ranks / nodes));
    set("GROUP_RANK", rank / (ranks / nodes));
    const pid_t child = fork();
    if (child == 0) {
      execv(argv[0], argv);
      _exit(127);
    }
    failed += child < 0;
  }
  while (wait(&status) > 0)
    failed += status != 0;
  if (failed == 0)
    printf("%d ranks on %d nodes: all rows and sums are right\n", ranks, nodes);
  return failed != 0;
}
