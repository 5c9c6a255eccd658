// Opens pseudo-terminals for tests.
#include "CTerminal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>

int ct_open(char *path, size_t size) {
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || grantpt(fd) != 0 || unlockpt(fd) != 0 || ptsname_r(fd, path, size) != 0) return -1;
    return fd;
}

int ct_resize(int fd, int columns) {
    struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
    return ioctl(fd, TIOCSWINSZ, &size);
}
