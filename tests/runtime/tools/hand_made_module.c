/*
 * A module written by hand, in plain C: what faroc would make of a spec with 4 x f32 rows, top-2 of 4 experts. FAULT
 * gives it one defect, to see whether faro-run notices.
 */
#include "runtime/abi/faro_abi.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define FAULT_NONE 0
#define FAULT_ROW 1     /* dispatch flips one bit of one row */
#define FAULT_SUM 2     /* combine forgets the last choice of token 1 */
#define FAULT_CRASH 3   /* dispatch stores to nowhere */
#define FAULT_HANG 4    /* dispatch never ends */
#define FAULT_VERSION 5 /* made for another release */
#define FAULT_HASH 6    /* the spec was changed afterwards */
#define FAULT_LOADING 7 /* loading it never ends */

#if FAULT == FAULT_LOADING
__attribute__((constructor)) static void hang(void) {
  for (;;)
    pause();
}
#endif

static void push(const void *src, int64_t stride, const uint32_t *offsets, const uint64_t *dst, int64_t begin,
                 int64_t end) {
  for (int64_t t = begin; t < end; ++t)
    for (uint32_t i = offsets[t]; i < offsets[t + 1]; ++i) {
      char *to = (char *)(uintptr_t)dst[i];
      memcpy(to, (const char *)src + t * stride, 16);
      if (FAULT == FAULT_ROW && t == 2 && i == offsets[t])
        to[9] ^= 1;
      if (FAULT == FAULT_CRASH)
        raise(SIGSEGV);
      while (FAULT == FAULT_HANG)
        pause();
    }
}

static void pull(void *out, int64_t stride, const uint32_t *offsets, const uint64_t *rows, const float *weights,
                 int64_t begin, int64_t end) {
  for (int64_t t = begin; t < end; ++t)
    for (int c = 0; c < 4; ++c) {
      float sum = 0;
      for (uint32_t i = offsets[t]; i < offsets[t + 1] - (FAULT == FAULT_SUM && t == 1); ++i) {
        /* volatile: rounded before it is added */
        const volatile float product = weights[i] * ((const float *)(uintptr_t)rows[i])[c];
        sum += product;
      }
      ((float *)((char *)out + t * stride))[c] = sum;
    }
}

static const uint32_t after[4][1] = {{0}, {1}, {2}, {3}};
#define NO_KERNELS FARO_ABI_NO_KERNEL, FARO_ABI_NO_KERNEL, FARO_ABI_NO_KERNEL
#define NO_RINGS FARO_ABI_NO_RING, FARO_ABI_NO_RING, 0, 0
#define STAGES(move, kernel)                                                                                           \
  {                                                                                                                    \
    {"open", FARO_ABI_STAGE_NOTIFY, FARO_ABI_ON_LINK, 0, NO_KERNELS, 0, NO_RINGS, 0, 0},                               \
        {"opened", FARO_ABI_STAGE_AWAIT, FARO_ABI_ON_LINK, 0, NO_KERNELS, 0, NO_RINGS, 1, after[0]},                   \
        {"move", move, FARO_ABI_ON_CORE, 0, kernel, FARO_ABI_NO_KERNEL, FARO_ABI_NO_KERNEL, 0, NO_RINGS, 1, after[1]}, \
        {"done", FARO_ABI_STAGE_NOTIFY, FARO_ABI_ON_LINK, 1, NO_KERNELS, 0, NO_RINGS, 1, after[2]}, {                  \
      "all done", FARO_ABI_STAGE_AWAIT, FARO_ABI_ON_LINK, 1, NO_KERNELS, 0, NO_RINGS, 1, after[3]                      \
    }                                                                                                                  \
  }
static const faro_abi_stage dispatchStages[5] = STAGES(FARO_ABI_STAGE_PUSH, 0);
static const faro_abi_stage combineStages[5] = STAGES(FARO_ABI_STAGE_PULL, 1);
static const faro_abi_schedule dispatchSchedule = {"dispatch", FARO_ABI_DIRECT, 0, 0, 5, 0, dispatchStages, 0};
static const faro_abi_schedule combineSchedule = {"combine", FARO_ABI_DIRECT, 0, 0, 5, 0, combineStages, 0};

#define SHAPE                                                                                                          \
  {FARO_ABI_F32, 0, 4, 16, 16},                                                                                        \
      {{FARO_ABI_KEY_EXPERT, FARO_ABI_KEY_SOURCE, FARO_ABI_KEY_TOKEN, FARO_ABI_KEY_CHOICE}, 1},                        \
      {2, 4, FARO_ABI_PLACEMENT_BLOCK, 0, 0}, (uint64_t)1 << 40
static const faro_abi_program programs[2] = {{"dispatch", FARO_ABI_DISPATCH, 1, SHAPE, &dispatchSchedule, 0},
                                             {"combine", FARO_ABI_COMBINE, 1, SHAPE, &combineSchedule, 0}};
static const faro_abi_kernel kernels[2] = {{"push", (void (*)(void))push}, {"pull", (void (*)(void))pull}};
static const faro_abi_kernel_set set = {"plain C", FARO_ABI_CPU_X86_64, 2, kernels};

__attribute__((visibility("default"))) const faro_abi_module faro_module = {
    FARO_ABI_MAGIC,
    FAULT == FAULT_VERSION ? FARO_ABI_VERSION + 1 : FARO_ABI_VERSION,
    sizeof(faro_abi_module),
    sizeof(faro_abi_program),
    sizeof(faro_abi_schedule),
    sizeof(faro_abi_ring),
    sizeof(faro_abi_stage),
    sizeof(faro_abi_kernel_set),
    "a person",
    FAULT == FAULT_HASH ? "Made by hand" : "made by hand",
    12,
    {0x77, 0x75, 0x98, 0x44, 0x68, 0xe3, 0x6a, 0xd1, 0x02, 0x5c, 0x80, 0x82, 0x26, 0xbc, 0x2d, 0x58,
     0x3d, 0xe3, 0x0e, 0x96, 0x48, 0x00, 0xff, 0x29, 0x34, 0xd1, 0xd1, 0xc8, 0xa1, 0x97, 0x3c, 0x63},
    {0, 0},
    2,
    1,
    programs,
    &set,
    0,
    0,
    0};
