// How much of its stack a thread has left.
#include "CFleetStack.h"

#include <pthread.h>
#include <stdint.h>

static char *end_of_stack(void)
{
#ifdef __APPLE__
    return (char *)pthread_get_stackaddr_np(pthread_self()) - pthread_get_stacksize_np(pthread_self());
#else
    pthread_attr_t attributes;
    void *lowest = NULL;
    size_t size = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) return NULL;
    if (pthread_attr_getstack(&attributes, &lowest, &size) != 0) lowest = NULL;
    pthread_attr_destroy(&attributes);
    return lowest;
#endif
}

size_t lfs_stack_left(void)
{
    static _Thread_local char *end;
    if (!end) end = end_of_stack();
    if (!end) return SIZE_MAX;
    char *here = __builtin_frame_address(0);
    return here > end ? (size_t)(here - end) : 0;
}
