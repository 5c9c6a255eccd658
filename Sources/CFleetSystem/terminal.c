// Terminals: ioctl(2) takes any number of arguments, which Swift does not call.
#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "CFleetSystem.h"

int lfs_terminal_width(int fd) {
    struct winsize size;
    if (!isatty(fd)) return -ENOTTY;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}
