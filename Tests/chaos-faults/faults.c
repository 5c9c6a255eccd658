// Preloaded into workers by the chaos program: ends them from within, after an exact byte of their stream or in the middle of an exact step.
//   CHAOS_CUT=SEED     each worker is killed after a number of bytes to or from its host, which the seed and its place in line give
//   CHAOS_KIND=KIND    exit, _exit, segv, kill, hang or error: what happens where a task says "chaos-STEP"
#include <dlfcn.h>
#include <errno.h>
#include <lua.h>
#include <lauxlib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SOCKET = 3 };

static const char *kind;
static const char *seed;
static unsigned *line;      // shared by all workers: how many there were
static pid_t server;        // the process that was executed; its children are workers
static pid_t counted;       // whose budget `left` is
static long left;           // bytes until the end, to the host if `writes`, else from it
static int writes;
static int idles;           // the next wait for a task is one too many

__attribute__((constructor)) static void begin(void) {
    kind = getenv("CHAOS_KIND");
    seed = getenv("CHAOS_CUT");
    server = getpid();
    line = mmap(NULL, sizeof *line, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static unsigned long long mix(unsigned long long x) {
    x += 0x9E3779B97F4A7C15ull;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return x ^ (x >> 31);
}

/// Whether this is a worker whose stream is cut; its budget is set.
static int is_cut(void) {
    pid_t self = getpid();
    if (seed == NULL || self == server) return 0;
    if (counted != self) {
        // A task's process goes on with the budget of its worker.
        if (counted == 0) {
            unsigned place = __atomic_fetch_add(line, 1, __ATOMIC_SEQ_CST);
            unsigned long long dice = mix(strtoull(seed, NULL, 10) + place);
            writes = dice & 1;
            // Past the first frame, which says that it is ready: who dies before is no worker yet.
            left = 20 + (long)(dice >> 8) % ((dice >> 1 & 3) == 0 ? 300000 : 3000);
            if (!writes) left -= 19;
        }
        counted = self;
    }
    return 1;
}

static void end(lua_State *L) {
    if (strcmp(kind, "exit") == 0) exit(3);
    if (strcmp(kind, "_exit") == 0) _exit(4);
    if (strcmp(kind, "segv") == 0) raise(SIGSEGV);
    if (strcmp(kind, "kill") == 0) raise(SIGKILL);
    if (strcmp(kind, "hang") == 0) for (;;) pause();
    if (L != NULL) luaL_error(L, "chaos");
    close(SOCKET);
}

static int is_marked(const void *bytes, size_t count, const char *step) {
    return kind != NULL && bytes != NULL && memmem(bytes, count, step, strlen(step)) != NULL;
}

static void look_at_reply(const struct iovec *pieces, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (is_marked(pieces[i].iov_base, pieces[i].iov_len, "chaos-idle")) idles = 1;
        if (is_marked(pieces[i].iov_base, pieces[i].iov_len, "chaos-reply")) end(NULL);
        if (is_marked(pieces[i].iov_base, pieces[i].iov_len, "chaos-call")) end(NULL);
    }
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

// The stream

ssize_t sendmsg(int socket, const struct msghdr *message, int flags) {
    if (socket != SOCKET) return REAL(sendmsg)(socket, message, flags);
    if (getpid() != server) look_at_reply(message->msg_iov, message->msg_iovlen);
    if (!is_cut() || !writes) return REAL(sendmsg)(socket, message, flags);
    if ((long)message->msg_iov[0].iov_len >= left) {
        struct iovec piece = {message->msg_iov[0].iov_base, (size_t)left};
        struct msghdr some = *message;
        some.msg_iov = &piece;
        some.msg_iovlen = 1;
        while (piece.iov_len > 0) {
            ssize_t sent = REAL(sendmsg)(socket, &some, flags);
            if (sent <= 0) break;
            piece.iov_base = (char *)piece.iov_base + sent;
            piece.iov_len -= (size_t)sent;
        }
        raise(SIGKILL);
    }
    ssize_t sent = REAL(sendmsg)(socket, message, flags);
    if (sent > 0) left -= sent;
    return sent;
}

ssize_t writev(int fd, const struct iovec *pieces, int count) {
    if (fd != SOCKET || getpid() == server) return REAL(writev)(fd, pieces, count);
    look_at_reply(pieces, (size_t)count);
    if (!is_cut() || !writes) return REAL(writev)(fd, pieces, count);
    // One piece at a time: a short write is nothing new to the caller.
    struct iovec first = pieces[0];
    if (first.iov_len == 0) return REAL(writev)(fd, pieces, count);
    if ((long)first.iov_len > left) first.iov_len = (size_t)left;
    ssize_t written = REAL(writev)(fd, &first, 1);
    if (written > 0) left -= written;
    if (left <= 0) raise(SIGKILL);
    return written;
}

ssize_t read(int fd, void *bytes, size_t count) {
    if (fd != SOCKET || getpid() == server) return REAL(read)(fd, bytes, count);
    if (idles) end(NULL);
    if (!is_cut() || writes) return REAL(read)(fd, bytes, count);
    ssize_t got = REAL(read)(fd, bytes, (long)count > left ? (size_t)left : count);
    if (got > 0) left -= got;
    if (left <= 0) raise(SIGKILL);
    return got;
}

// The steps of a task

const char *lua_pushlstring(lua_State *L, const char *bytes, size_t count) {
    if (is_marked(bytes, count < 32 ? count : 32, "chaos-decode")) end(L);
    return REAL(lua_pushlstring)(L, bytes, count);
}

int lua_load(lua_State *L, lua_Reader reader, void *data, const char *name, const char *mode) {
    if (kind != NULL && name != NULL && strstr(name, "chaos-compile") != NULL) end(L);
    return REAL(lua_load)(L, reader, data, name, mode);
}

const char *lua_tolstring(lua_State *L, int index, size_t *count) {
    size_t size = 0;
    const char *bytes = REAL(lua_tolstring)(L, index, &size);
    if (is_marked(bytes, size < 32 ? size : 32, "chaos-encode")) end(L);
    if (count != NULL) *count = size;
    return bytes;
}

/// For scripts: package.loadlib(path, "chaos_now")()
int chaos_now(lua_State *L) {
    end(L);
    return 0;
}
