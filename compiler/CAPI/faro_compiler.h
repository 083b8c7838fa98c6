/*
 * The compiler as a library with a C face: libfaro_compiler.so. The runtime's tools load it with dlopen when a spec is
 * given, so that nothing else of Faro needs LLVM. Framework plugins use the same functions.
 *
 * Threads: any, one call at a time for one result.
 */
#ifndef FARO_COMPILER_H
#define FARO_COMPILER_H

#include "runtime/abi/faro_abi.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct faro_compiled faro_compiled;

/* Kernels beside those that a session needs whose rows are on a device: who wants none does not wait for them. */
typedef enum faro_compile_kernels {
  FARO_COMPILE_PLAN = 1,    /* that plan batches on the device */
  FARO_COMPILE_BULK = 2,    /* pushes by bulk copies, from compute capability 9.0 on */
  FARO_COMPILE_HOST = 4,    /* for this machine's processor, too */
  FARO_COMPILE_RESIDENT = 8 /* pushes that wait for what they are to do */
} faro_compile_kernels;

/* What is between nodes: slices are chosen for it. */
typedef enum faro_compile_wire {
  FARO_COMPILE_ANY_WIRE = 0, /* tcp, for specs that hold no schedules of their own */
  FARO_COMPILE_TCP = 1,
  FARO_COMPILE_RDMA = 2
} faro_compile_wire;

typedef struct faro_compile_options {
  uint32_t struct_size;
  /* Where compiled code is kept between processes; null: $FARO_CACHE_DIR, else $XDG_CACHE_HOME/faro, else
   * ~/.cache/faro; "": nowhere. A folder that cannot be used costs time, never correctness. */
  const char *cache_dir;
  /* 90 for a CUDA device of compute capability 9.0: the module holds kernels for it. No such device is needed. 0:
   * for this machine's processor. */
  uint32_t cuda_architecture;
  uint32_t cuda_kernels; /* for a device: faro_compile_kernels, or-ed */
  uint32_t wire;         /* faro_compile_wire */
} faro_compile_options;

typedef struct faro_compile_stats {
  uint32_t struct_size;
  uint32_t from_cache; /* 1 when no code was generated */
  double milliseconds; /* of this call */
  /* For a device, in the longest of the threads that shared the work; 0 from the cache. */
  double ptx_milliseconds, code_milliseconds;
  char assembler[64]; /* what makes machine code for devices ("nvJitLink 13.0 ..."); "": nothing, images are PTX */
} faro_compile_stats;

/* Gets each diagnostic as "file:line:column: error: message", without a newline. */
typedef void (*faro_diagnostic_fn)(void *user, const char *text);

/*
 * Compiles a spec just in time for the machine it runs on, or for a device. `text` need not end with a zero byte;
 * `name` appears in diagnostics. Returns 0 and a result to be destroyed by faro_compiled_destroy, or non-zero after at
 * least one diagnostic.
 */
int faro_compiler_jit(const char *text, size_t size, const char *name, const faro_compile_options *options,
                      faro_diagnostic_fn diagnostic, void *user, faro_compiled **out, faro_compile_stats *stats);

/* Valid until the result is destroyed. */
const faro_abi_module *faro_compiled_module(const faro_compiled *compiled);
void faro_compiled_destroy(faro_compiled *compiled);

#ifdef __cplusplus
}
#endif
#endif
