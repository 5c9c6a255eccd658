// How much of its stack a thread has left: what recursion that is not ours (Codable) is bounded by.
#ifndef CFLEETSTACK_H
#define CFLEETSTACK_H

#include <stddef.h>

/// Bytes of stack between the caller's frame and the end of the calling thread's stack. SIZE_MAX when the system does not say.
/// The first call of a thread asks the system (on the main thread it reads /proc/self/maps); later ones cost a few nanoseconds.
size_t lfs_stack_left(void);

#endif
