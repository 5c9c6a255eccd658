#include "CFleetStack.h"
int csys_placeholder(void);
