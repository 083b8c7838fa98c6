/* LD_PRELOAD: System V segments take their time, so that a test can end a rank right after one was made; or there are
 * none, with $NO_SEGMENTS. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/shm.h>
#include <time.h>

__attribute__((visibility("default"))) int shmget(key_t key, size_t size, int flags) {
  if (getenv("NO_SEGMENTS")) {
    errno = ENOSYS;
    return -1;
  }
  int (*real)(key_t, size_t, int) = (int (*)(key_t, size_t, int))dlsym(RTLD_NEXT, "shmget");
  const int id = real(key, size, flags);
  const struct timespec end = {0, 200 * 1000 * 1000};
  nanosleep(&end, NULL);
  return id;
}
