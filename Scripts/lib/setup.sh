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

# find_sudo: sets `sudo` to what makes a command run as root; fails where nothing does. Asks for a password only where somebody
# can type one.
find_sudo() {
    sudo=()
    if ((EUID == 0)); then return; fi
    command -v sudo >/dev/null || return 1
    if sudo -n true 2>/dev/null; then
        sudo=(sudo -n)
    elif [[ -t 0 && -t 2 ]]; then
        sudo=(sudo)
    else
        return 1
    fi
}

# install_packages LOG: installs what needed_packages names, or says the one command that does.
install_packages() {
    local log=$1 packages sudo
    mapfile -t packages < <(needed_packages)
    ((${#packages[@]})) || return 0
    local names="${packages[*]}"
    local advice="sudo apt-get update && sudo apt-get install -y $names"
    command -v apt-get >/dev/null ||
        fail "missing: $names; there is no apt-get here: install Lua 5.4 with its headers, and pkg-config, so that 'pkg-config --exists lua5.4' succeeds"
    find_sudo || fail "missing: $names; this user may not install packages. Run: $advice"
    printf 'luafleet: installing %s …\n' "$names" >&2
    {
        # A mirror that cannot be reached is no reason to stop yet: the lists may be good enough.
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update ||
            echo 'apt-get update failed; trying with the lists there are'
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${packages[@]}"
    } </dev/null >"$log" 2>&1 || {
        cat "$log" >&2
        fail "installing $names failed (above is what apt-get said). Run: $advice"
    }
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
        fail "$1/.build cannot be written by ${USER:-user $EUID}, and there is something to build: build once as $(stat -c %U "$1"), or use a clone of your own"
}

# require_tools ROOT: all of the above; what apt-get prints goes to .build/install.log.
require_tools() {
    require_swift
    require_build_folder "$1"
    install_packages "$1/.build/install.log"
}

# offer_parallel LOG: GNU parallel, which some tests compare us with. Not to have it is no failure: they are left out and say so.
offer_parallel() {
    if parallel --version 2>/dev/null | grep -q '^GNU parallel'; then return 0; fi
    local sudo
    if command -v apt-get >/dev/null && find_sudo; then
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends parallel \
            </dev/null >>"$1" 2>&1 && return 0
    fi
    printf 'luafleet: GNU parallel is not here, and could not be installed: the tests beside it are left out\n' >&2
}
