// Opens pseudo-terminals for tests: Glibc's Swift module hides them.
#ifndef CTERMINAL_H
#define CTERMINAL_H

#include <stddef.h>

/// The host's end of a new pseudo-terminal (pty(7)), and the path of the program's end in `path`; -1: there is none to be had.
int ct_open(char *path, size_t size);

/// Sets its width; the kernel tells the program with SIGWINCH.
int ct_resize(int fd, int columns);

#endif
