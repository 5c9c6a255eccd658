// Sockets and pipes between host, fork server and workers, and descriptors that travel over them.
#include <errno.h>
#include <sched.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "CFleetSystem.h"

int lfs_socket_pair(int ends[2]) {
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0 ? 0 : -errno;
}

int lfs_capture_pipe(int ends[2]) {
    if (pipe2(ends, O_CLOEXEC) != 0) return -errno;
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return 0;
}

ssize_t lfs_send(int socket, const void *bytes, size_t count, int fd) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec piece = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    if (fd >= 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.space;
        message.msg_controllen = sizeof control.space;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    for (;;) {
        ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL);
        if (sent >= 0) return sent;
        if (errno != EINTR) return -errno;
    }
}

ssize_t lfs_read_soon(int socket, void *bytes, size_t count, uint64_t sleeps_at) {
    struct iovec piece = {.iov_base = bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    while (sleeps_at > 0) {
        ssize_t received = recvmsg(socket, &message, MSG_DONTWAIT);  // which locked workers may call
        if (received >= 0 || (errno != EAGAIN && errno != EINTR)) return received;
        if (lfs_now() >= sleeps_at) break;
        sched_yield();
    }
    return read(socket, bytes, count);
}

ssize_t lfs_receive(int socket, void *bytes, size_t count, int *fds, size_t fds_capacity, size_t *fds_count) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(16 * sizeof(int))];
    } control;
    struct iovec piece = {.iov_base = bytes, .iov_len = count};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
    *fds_count = 0;
    ssize_t received;
    do received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    if (received < 0) return -errno;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t passed = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < passed; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
            if (*fds_count < fds_capacity) fds[(*fds_count)++] = fd;
            else close(fd);
        }
    }
    return received;
}

bool lfs_hope_looks(lfs_hope *hope) {
    return hope->failures == 0 || ++hope->skipped >= hope->failures;
}

void lfs_hope_ends(lfs_hope *hope, bool came) {
    hope->skipped = 0;
    hope->failures = came ? 0 : hope->failures < 32 ? hope->failures * 2 + 1 : 63;
}

bool lfs_comes_soon(int socket, lfs_hope *hope) {
    if (!lfs_hope_looks(hope)) return false;
    char byte;
    struct iovec piece = {.iov_base = &byte, .iov_len = 1};
    uint64_t end = lfs_now() + LFS_HOPE_LASTS;
    bool came;
    do {
        struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
        came = recvmsg(socket, &message, MSG_PEEK | MSG_DONTWAIT) >= 0 || (errno != EAGAIN && errno != EINTR);
    } while (!came && lfs_now() < end);
    lfs_hope_ends(hope, came);
    return came;
}
