// Memory that host and workers share by its descriptor, and a list of values of fixed size in it (ShareableList).
#ifndef CFLEETMAPPED_H
#define CFLEETMAPPED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "CFleetElement.h"

#pragma clang assume_nonnull begin

/// An empty file without a name, in memory (memfd_create(2)), close-on-exec; where the kernel has no such files, one in /dev/shm or, where that has next to no room, in /tmp (open(2), O_TMPFILE). `seals`: not 0 if
/// it will be sealed. -errno.
int lfs_unnamed_file(const char *name, int seals);

/// Whether it lies on a file system that can be full (statfs(2)): before a page of it is touched, it has to be reserved.
bool lfs_file_is_bounded(int fd);

/// Has the file system keep room for these bytes of it (posix_fallocate(3)), and makes it long enough. 0, or -errno: -ENOSPC, -EFBIG.
int lfs_reserve(int fd, uint64_t offset, uint64_t count);

/// Puts these seals on it for good (fcntl(2), F_ADD_SEALS), as far as it can have any.
int lfs_seal_file(int fd, int seals);

/// A file in memory of `count` zero bytes, which can never change its size (memfd_create(2), F_SEAL_SHRINK, F_SEAL_GROW in fcntl(2)); -errno. Close-on-exec. It has no
/// name anywhere: gone with its last descriptor and mapping.
int lfs_mapped_file(size_t count);

/// Maps it; NULL when memory is out.
void *_Nullable lfs_map_memory(int fd, size_t count);
void lfs_unmap(void *start, size_t count);

/// What a slot of a list holds.
enum { LFS_LIST_NIL = 0, LFS_LIST_FALSE = 1, LFS_LIST_TRUE = 2, LFS_LIST_INTEGER = 3, LFS_LIST_FLOAT = 4, LFS_LIST_STRING = 5 };

typedef struct {
    uint32_t type;
    uint32_t length;  // of a string
    uint64_t number;  // the bits of an integer or float
} lfs_list_value;

/// Bytes of a list whose slots have room for strings of these lengths.
size_t lfs_list_size(const uint32_t *capacities, size_t count);
/// Whether the caller is the one who makes the list in this memory: then lfs_list_format follows, and the values.
bool lfs_list_begin(void *list);
void lfs_list_format(void *list, const uint32_t *capacities, size_t count);
/// Slots; 0 while it is not made yet. `size`: bytes of the memory; no length in it is trusted.
size_t lfs_list_count(const void *list, size_t size);
/// The longest string that the slot holds, or -1.
ssize_t lfs_list_capacity(void *list, size_t size, size_t index);
/// Reads a slot, whole; `bytes` has room for its capacity. -ERANGE: there is none.
int lfs_list_read(void *list, size_t size, size_t index, lfs_list_value *value, char *bytes);
/// Writes a slot. -ERANGE: there is none; -EMSGSIZE: the string is too long for it.
int lfs_list_write(void *list, size_t size, size_t index, const lfs_list_value *value, const char *bytes);

#pragma clang assume_nonnull end
#endif
