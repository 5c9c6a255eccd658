# What the chaos program needs besides itself. Sourced by Scripts/test and Scripts/chaos.

# build_faults FOLDER: the library that kills workers from within, as FOLDER/chaos-faults.so.
build_faults() {
    clang -std=gnu17 -O1 -g -D_GNU_SOURCE -fPIC -shared -Wall -Wextra -Werror -Wno-unused-parameter \
        $(pkg-config --cflags lua5.4) Tests/chaos-faults/faults.c -o "$1/chaos-faults.so" -ldl ||
        fail "Tests/chaos-faults does not compile" 1
}

# require_sanitizer NAME: fails where there is no such sanitizer, or this toolchain has no runtime for it.
require_sanitizer() {
    local runtime
    case $1 in
    address) runtime=asan ;;
    thread) runtime=tsan ;;
    undefined) runtime=ubsan_standalone ;;
    *) fail "--sanitize wants address, thread or undefined" ;;
    esac
    compgen -G "$(dirname "$(dirname "$(readlink -f "$(command -v swift)")")")/lib/clang/*/lib/*/libclang_rt.$runtime*" >/dev/null ||
        fail "this toolchain has no $1 sanitizer (libclang_rt.$runtime is missing): install a Swift that has it"
}
