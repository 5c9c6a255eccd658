#include "LuaVM.h"
