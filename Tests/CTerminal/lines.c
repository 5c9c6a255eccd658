// Prints what the tests print line by line, also into a pipe or a file: whoever waits for a test that hangs sees which one it is.
#include <stdio.h>

__attribute__((constructor)) static void print_by_line(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
}
