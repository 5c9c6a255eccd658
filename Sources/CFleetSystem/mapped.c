// Memory that host and workers share by its descriptor, and a list of values of fixed size in it.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "CFleetMapped.h"

/// Bytes that a file there may have; all there are on a file system without a bound (tmpfs(5), size=0).
static uint64_t room_in(const char *folder) {
    struct statvfs status;
    if (statvfs(folder, &status) != 0) return 0;
    return status.f_blocks == 0 ? UINT64_MAX : (uint64_t)status.f_bavail * status.f_frsize;
}

int lfs_unnamed_file(const char *name, int seals) {
    int fd = memfd_create(name, MFD_CLOEXEC | (seals != 0 ? MFD_ALLOW_SEALING : 0));
    if (fd < 0 && (errno == ENOSYS || errno == EPERM)) {
        // An old kernel, or one that a filter makes look old. Memory rather than a disk, as long as there is some: a container's /dev/shm has 64 MiB.
        uint64_t memory = room_in("/dev/shm");
        bool is_tight = memory < 16 << 20 && memory < room_in("/tmp");
        fd = open(is_tight ? "/tmp" : "/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (fd < 0) fd = open(is_tight ? "/dev/shm" : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    }
    return fd >= 0 ? fd : -errno;
}

bool lfs_file_is_bounded(int fd) {
    struct statfs status;
    return fstatfs(fd, &status) == 0 && status.f_blocks != 0;
}

int lfs_reserve(int fd, uint64_t offset, uint64_t count) {
    return -posix_fallocate(fd, (off_t)offset, (off_t)count);
}

int lfs_seal_file(int fd, int seals) {
    // Another file than one of memfd_create(2) takes no seals (EINVAL, in /dev/shm EPERM): those who have the descriptor are trusted not to make it shorter.
    return fcntl(fd, F_ADD_SEALS, seals | F_SEAL_SEAL) == 0 || errno == EINVAL || errno == EPERM ? 0 : -errno;
}

int lfs_mapped_file(size_t count) {
    int fd = lfs_unnamed_file("luafleet-shared", F_SEAL_SHRINK);
    if (fd < 0) return fd;
    int failure = 0;
    if (ftruncate(fd, (off_t)count) != 0) failure = errno;
    // Whoever touches a page that a full file system has no room for is killed by SIGBUS (mmap(2)).
    else if (lfs_file_is_bounded(fd)) failure = -lfs_reserve(fd, 0, count);
    // Nobody who has the descriptor can make it shorter under those who have mapped it.
    if (failure == 0) failure = -lfs_seal_file(fd, F_SEAL_SHRINK | F_SEAL_GROW);
    if (failure == 0) return fd;
    close(fd);
    return -failure;
}

void *lfs_map_memory(int fd, size_t count) {
    void *start = mmap(NULL, count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return start == MAP_FAILED ? NULL : start;
}

void lfs_unmap(void *start, size_t count) {
    munmap(start, count);
}

// The list: its head, the head of each slot, and for each slot two places for a value. A writer fills the place that is not read, then says in
// the slot's word that it is the other one now: whoever reads sees a whole value, even if the writer dies in the middle.

enum { MAGIC_NONE = 0, MAGIC_BEGUN = 1, MAGIC_READY = 2 };

typedef struct {
    uint32_t state;   // MAGIC_…
    uint32_t writer;  // process that writes; 0: none
    uint64_t count;
} list_head;

typedef struct {
    uint64_t word;    // bit 0: which place is read; above: how often it was written
    uint64_t offset;  // of the first place
    uint32_t capacity;
    uint32_t reserved;
} list_slot;

typedef struct {
    uint32_t type;
    uint32_t length;
    uint64_t number;
} list_place;

static size_t place_size(uint32_t capacity) {
    return sizeof(list_place) + ((size_t)capacity + 7) / 8 * 8;
}

size_t lfs_list_size(const uint32_t *capacities, size_t count) {
    size_t total = sizeof(list_head) + count * sizeof(list_slot);
    for (size_t i = 0; i < count; i++) total += 2 * place_size(capacities[i]);
    return total;
}

static list_slot *slot_at(void *list, size_t index) {
    return (list_slot *)((char *)list + sizeof(list_head)) + index;
}

static list_place *place_at(void *list, const list_slot *slot, unsigned which) {
    return (list_place *)((char *)list + slot->offset + which * place_size(slot->capacity));
}

bool lfs_list_begin(void *list) {
    uint32_t none = MAGIC_NONE;
    return __atomic_compare_exchange_n(&((list_head *)list)->state, &none, MAGIC_BEGUN, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

void lfs_list_format(void *list, const uint32_t *capacities, size_t count) {
    list_head *head = list;
    size_t offset = sizeof(list_head) + count * sizeof(list_slot);
    for (size_t i = 0; i < count; i++) {
        *slot_at(list, i) = (list_slot){.offset = offset, .capacity = capacities[i]};
        offset += 2 * place_size(capacities[i]);
    }
    head->count = count;
    __atomic_store_n(&head->state, MAGIC_READY, __ATOMIC_SEQ_CST);
}

size_t lfs_list_count(const void *list, size_t size) {
    const list_head *head = list;
    if (size < sizeof(list_head) || __atomic_load_n(&head->state, __ATOMIC_SEQ_CST) != MAGIC_READY) return 0;
    size_t most = (size - sizeof(list_head)) / sizeof(list_slot);
    return head->count < most ? (size_t)head->count : 0;
}

/// A slot that lies inside of the memory: another process may have written anything there.
static list_slot *checked_slot(void *list, size_t size, size_t index, list_slot *copy) {
    if (index >= lfs_list_count(list, size)) return NULL;
    list_slot *slot = slot_at(list, index);
    *copy = *slot;
    if (copy->offset > size || copy->offset % 8 != 0 || 2 * place_size(copy->capacity) > size - copy->offset) return NULL;
    return slot;
}

ssize_t lfs_list_capacity(void *list, size_t size, size_t index) {
    list_slot copy;
    return checked_slot(list, size, index, &copy) == NULL ? -1 : (ssize_t)copy.capacity;
}

int lfs_list_read(void *list, size_t size, size_t index, lfs_list_value *value, char *bytes) {
    list_slot copy;
    list_slot *slot = checked_slot(list, size, index, &copy);
    if (slot == NULL) return -ERANGE;
    for (;;) {
        uint64_t word = __atomic_load_n(&slot->word, __ATOMIC_ACQUIRE);
        const list_place *place = place_at(list, &copy, (unsigned)(word & 1));
        *value = (lfs_list_value){.type = place->type, .length = place->length, .number = place->number};
        if (value->length > copy.capacity) value->length = copy.capacity;
        memcpy(bytes, place + 1, value->length);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (__atomic_load_n(&slot->word, __ATOMIC_RELAXED) == word) return 0;
    }
}

/// One writer at a time. One that died, or did not finish within a second, no longer counts.
static void lock_list(list_head *head) {
    uint32_t self = (uint32_t)getpid(), owner = 0;
    struct timespec since, now;
    clock_gettime(CLOCK_MONOTONIC, &since);
    while (!__atomic_compare_exchange_n(&head->writer, &owner, self, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        bool is_late = now.tv_sec - since.tv_sec > 1;
        bool is_dead = owner != self && kill((pid_t)owner, 0) != 0 && errno == ESRCH;
        if (is_late || is_dead) {
            if (__atomic_compare_exchange_n(&head->writer, &owner, self, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return;
            since = now;
        }
        owner = 0;
        sched_yield();
    }
}

int lfs_list_write(void *list, size_t size, size_t index, const lfs_list_value *value, const char *bytes) {
    list_slot copy;
    list_slot *slot = checked_slot(list, size, index, &copy);
    if (slot == NULL) return -ERANGE;
    if (value->length > copy.capacity) return -EMSGSIZE;
    list_head *head = list;
    lock_list(head);
    uint64_t word = __atomic_load_n(&slot->word, __ATOMIC_ACQUIRE);
    list_place *place = place_at(list, &copy, (unsigned)(~word & 1));
    place->type = value->type;
    place->length = value->length;
    place->number = value->number;
    memcpy(place + 1, bytes, value->length);
    __atomic_store_n(&slot->word, ((word >> 1) + 1) << 1 | (~word & 1), __ATOMIC_RELEASE);
    __atomic_store_n(&head->writer, 0, __ATOMIC_SEQ_CST);
    return 0;
}
