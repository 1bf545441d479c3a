/*
 * Put into a process by LD_PRELOAD, this makes allocations of Quiver's own threads fail on demand. JS gives the orders by
 * setting an environment variable, which Node does by setenv():
 *
 *   QUIVER_FAIL_AT=<n>     the n-th allocation from now on fails, once
 *   QUIVER_FAIL_FROM=<n>   that one and all after it
 *   QUIVER_FAIL_AT=0       none; QUIVER_FAIL_SEEN then tells how many there were
 *
 * Memory that is mapped counts as well. V8 ends the process when it gets none, so its threads are left alone: ours have
 * names that begin with "quiver", and so have the OpenMP threads that they start.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern char **environ;

static atomic_int armed;
static atomic_int forever;
static atomic_long left;
static atomic_long seen;
static __thread int ours __attribute__((tls_model("initial-exec")));

static int fails(void) {
  if (!atomic_load_explicit(&armed, memory_order_relaxed)) return 0;
  if (!ours) {
    char name[16] = "";
    prctl(PR_GET_NAME, name, 0, 0, 0);
    if (strncmp(name, "quiver", 6) != 0) return 0;
    ours = 1;
  }
  atomic_fetch_add(&seen, 1);
  const long now = atomic_fetch_sub(&left, 1);
  if (now == 1 || (now < 1 && atomic_load(&forever))) {
    errno = ENOMEM;
    return 1;
  }
  return 0;
}

void *malloc(size_t size) { return fails() ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return fails() ? NULL : __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { return fails() ? NULL : __libc_realloc(old, size); }
void *memalign(size_t alignment, size_t size) { return fails() ? NULL : __libc_memalign(alignment, size); }
void *aligned_alloc(size_t alignment, size_t size) { return fails() ? NULL : __libc_memalign(alignment, size); }
int posix_memalign(void **out, size_t alignment, size_t size) {
  void *made = fails() ? NULL : __libc_memalign(alignment, size);
  if (made == NULL) return ENOMEM;
  *out = made;
  return 0;
}
void *mmap(void *where, size_t size, int access, int flags, int fd, off_t offset) {
  if (fails()) return MAP_FAILED;
  return (void *)syscall(SYS_mmap, where, size, access, flags, fd, offset);
}

static int order(const char *name, const char *value) {
  const int from = strcmp(name, "QUIVER_FAIL_FROM") == 0;
  if (!from && strcmp(name, "QUIVER_FAIL_AT") != 0) return 0;
  const long n = atol(value);
  atomic_store(&armed, 0);
  if (n == 0) {
    static char told[64];
    snprintf(told, sizeof(told), "QUIVER_FAIL_SEEN=%ld", atomic_load(&seen));
    putenv(told);
    return 1;
  }
  atomic_store(&seen, 0);
  atomic_store(&forever, from);
  atomic_store(&left, n);
  atomic_store(&armed, 1);
  return 1;
}

int setenv(const char *name, const char *value, int overwrite) {
  if (order(name, value)) return 0;
  char *entry;
  if (!overwrite && getenv(name) != NULL) return 0;
  if (asprintf(&entry, "%s=%s", name, value) < 0) return -1;
  return putenv(entry); /* kept for ever, as setenv() does */
}

/* A file that reports on closing what writing did not: the first descriptor of an unfinished file, when asked to. */
int close(int fd) {
  if (getenv("QUIVER_FAIL_CLOSE") != NULL) {
    char link[64], path[4096];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    const ssize_t length = readlink(link, path, sizeof(path) - 1);
    if (length > 4 && strncmp(path + length - 4, ".tmp", 4) == 0) {
      syscall(SYS_close, fd);
      errno = EIO;
      return -1;
    }
  }
  return (int)syscall(SYS_close, fd);
}
