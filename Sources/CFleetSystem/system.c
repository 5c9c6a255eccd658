#include "CFleetSystem.h"
int csys_placeholder(void) { return 0; }
