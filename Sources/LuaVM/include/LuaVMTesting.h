// Failure injection for the tests of LuaVM. A worker never calls it.
#ifndef LUAVM_TESTING_H
#define LUAVM_TESTING_H

#include "LuaVM.h"

#ifdef __clang__
#pragma clang assume_nonnull begin
#endif

/// Lets `count` allocations fail, beginning with the `first` from now on (1: the next). `count` 0: none; SIZE_MAX: all from there on. Returns how many
/// allocations the VM has made since the call before.
size_t lfvm_refuse_allocations(lfvm *vm, size_t first, size_t count);

#ifdef __clang__
#pragma clang assume_nonnull end
#endif
#endif
