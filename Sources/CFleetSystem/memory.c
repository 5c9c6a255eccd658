// Memory and time: files in memory, mappings shared with children, randomness, the monotonic clock.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "CFleetSystem.h"

int lfs_capture_file(const char *name) {
    int fd = lfs_unnamed_file(name, 0);
    if (fd < 0) return fd;
    // Appending, so that several writers (a shell and its children) never overwrite each other.
    if (fcntl(fd, F_SETFL, O_APPEND) != 0) {
        int failure = errno;
        close(fd);
        return -failure;
    }
    return fd;
}

int lfs_release_front(int fd, uint64_t count) {
    return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)count) == 0 ? 0 : -errno;
}

int lfs_shared_file(const char *name) {
    int fd = lfs_unnamed_file(name, F_SEAL_SHRINK);
    if (fd < 0) return fd;
    int failure = lfs_seal_file(fd, F_SEAL_SHRINK);
    if (failure == 0) return fd;
    close(fd);
    return failure;
}

int lfs_need_descriptors(int count) {
    int found[16], opened = 0, failure = 0;
    if (count > 16) count = 16;
    while (opened < count && failure == 0) {
        int fd = eventfd(0, EFD_CLOEXEC);
        if (fd >= 0) found[opened++] = fd;
        else failure = -errno;
    }
    while (opened > 0) close(found[--opened]);
    return failure;
}

void *lfs_map_file(int fd, uint64_t offset, size_t count) {
    struct stat status;
    if (fstat(fd, &status) != 0) return NULL;
    if ((uint64_t)status.st_size < offset || (uint64_t)status.st_size - offset < count) return NULL;  // touching it would end the process
    void *start = mmap(NULL, count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
    return start == MAP_FAILED ? NULL : start;
}

int lfs_keep_from_children(void *start, size_t count) {
    return madvise(start, count, MADV_DONTFORK) == 0 ? 0 : -errno;
}

void lfs_random(void *bytes, size_t count) {
    size_t done = 0;
    while (done < count) {
        ssize_t got = getrandom((char *)bytes + done, count - done, 0);
        if (got > 0) done += (size_t)got;
        else if (errno != EINTR) break;  // ENOSYS: older than any kernel this runs on; the bytes stay as they were
    }
}

uint64_t lfs_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}
