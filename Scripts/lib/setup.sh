# What Scripts/luafleet and Scripts/test need before they can build: Swift, Lua's headers, a place to build in. Sourced, not run.

# fail MESSAGE [STATUS]: one line on standard error, and out.
fail() {
    printf 'luafleet: %s\n' "$1" >&2
    exit "${2:-255}"
}

# needed_packages: the Debian packages that are missing, one a line.
needed_packages() {
    # SwiftPM asks pkg-config where Debian keeps lua5.4.pc.
    command -v pkg-config >/dev/null || echo pkg-config
    if command -v pkg-config >/dev/null; then
        pkg-config --exists lua5.4 || echo liblua5.4-dev
    else
        compgen -G '/usr/lib/*/pkgconfig/lua5.4.pc' >/dev/null || echo liblua5.4-dev
    fi
}

# as_root COMMAND…: with sudo where we are not root; asks for a password only where somebody can type one.
as_root() {
    if ((EUID == 0)); then
        "$@"
    elif ! command -v sudo >/dev/null; then
        return 126
    elif sudo -n true 2>/dev/null; then
        sudo -n "$@"
    elif [[ -t 0 && -t 2 ]]; then
        sudo "$@"
    else
        return 126
    fi
}

# install_packages LOG: installs what needed_packages names, or says the one command that does.
install_packages() {
    local log=$1 packages
    mapfile -t packages < <(needed_packages)
    ((${#packages[@]})) || return 0
    local names="${packages[*]}"
    local advice="sudo apt-get update && sudo apt-get install -y $names"
    if ! command -v apt-get >/dev/null; then
        fail "missing: $names; there is no apt-get here: install Lua 5.4 with its headers and pkg-config, so that 'pkg-config --exists lua5.4' succeeds"
    fi
    printf 'luafleet: installing %s …\n' "$names" >&2
    local status=0
    {
        # A mirror that cannot be reached is no reason to stop yet: the lists may be good enough.
        as_root env DEBIAN_FRONTEND=noninteractive apt-get update ||
            echo 'apt-get update failed; trying with the lists there are'
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${packages[@]}"
    } >"$log" 2>&1 || status=$?
    if ((status == 126)); then
        fail "missing: $names; this user may not install packages. Run: $advice"
    elif ((status != 0)); then
        cat "$log" >&2
        fail "installing $names failed (above is what apt-get said). Run: $advice"
    fi
}

# require_swift: a Swift that can read Package.swift.
require_swift() {
    command -v swift >/dev/null ||
        fail 'Swift is missing: install Swift 6.2 or later from https://www.swift.org/install/linux/ and put its usr/bin on PATH'
}

# require_build_folder ROOT: .build there, and writable.
require_build_folder() {
    mkdir -p "$1/.build" 2>/dev/null || true
    [[ -d $1/.build && -w $1/.build ]] ||
        fail "$1/.build cannot be written by $(id -un), and there is something to build: build once as $(stat -c %U "$1"), or use a clone of your own"
}

# require_tools ROOT: all of the above; what apt-get prints goes to .build/install.log.
require_tools() {
    require_swift
    require_build_folder "$1"
    install_packages "$1/.build/install.log" </dev/null
}
