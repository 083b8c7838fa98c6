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

typedef struct faro_compile_options {
  uint32_t struct_size;
  /* Where compiled code is kept between processes; null: $FARO_CACHE_DIR, else $XDG_CACHE_HOME/faro, else
   * ~/.cache/faro; "": nowhere. A folder that cannot be used costs time, never correctness. */
  const char *cache_dir;
  /* 90 for a CUDA device of compute capability 9.0: the module holds kernels for it, too. 0: for the CPU only. */
  uint32_t cuda_architecture;
} faro_compile_options;

typedef struct faro_compile_stats {
  uint32_t struct_size;
  uint32_t from_cache; /* 1 when no code was generated */
  double milliseconds; /* of this call */
} faro_compile_stats;

/* Gets each diagnostic as "file:line:column: error: message", without a newline. */
typedef void (*faro_diagnostic_fn)(void *user, const char *text);

/*
 * Compiles a spec just in time for the machine it runs on. `text` need not end with a zero byte; `name` appears in
 * diagnostics. Returns 0 and a result to be destroyed by faro_compiled_destroy, or non-zero after at least one
 * diagnostic.
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
