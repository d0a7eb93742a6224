# Installs packages of Debian and Ubuntu; sourced by install-services, install-engine and emulate, which set
# `what` (a description of the packages), `name` (of the script, in its lines), `if_possible`,
# `optional` (packages that some releases lack) and the function `missing` (the packages that are missing).

# The exit after an incomplete installation: $1 is the reason and the remedy.
give_up() {
    echo "$name: $1" >&2
    [ -n "$if_possible" ] || exit 1
    echo "$name: going on without; tests that need them are left out" >&2
    exit 0
}

has_program() { PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null; }

# Whether apt can install the package; in the language that the pattern needs.
has_candidate() { [[ $(LC_ALL=C apt-cache policy "$1") == *"Candidate: "[^\(]* ]]; }

# The newest installable server: the metapackage may be pinned to a client's version.
postgres_package() {
    local package
    for package in $(apt-cache search --names-only '^postgresql-[0-9]+$' | cut -d' ' -f1 | sort -t- -k2,2nr); do
        if has_candidate "$package"; then
            echo "$package"
            return
        fi
    done
    echo postgresql
}

install_missing() {
    local lacking as_root policy packages package
    lacking=$(missing | xargs)
    if [ -z "$lacking" ]; then
        echo "$name: $what are installed"
        return
    fi
    echo "$name: missing: $lacking"

    command -v apt-get >/dev/null ||
        give_up "this system has no apt-get; install the programs above with its own packages"
    as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null ||
            give_up "neither root nor sudo; as root run: apt-get install $lacking"
        as_root=(sudo)
        # With --if-possible nothing may ask for a password.
        if [ -n "$if_possible" ] && ! sudo -n true 2>/dev/null; then
            give_up "sudo does not work without a password; to install them run: make $name"
        fi
    fi

    # Stops the packages from starting their own instances, unless the file exists already.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
        "${as_root[@]}" chmod +x "$policy"
        # shellcheck disable=SC2064  # the current values
        trap "${as_root[*]} rm -f $policy" EXIT
    fi

    "${as_root[@]}" apt-get update -qq || give_up "the list of packages cannot be brought up to date"
    packages=()
    for package in $lacking; do
        [ "$package" = postgresql ] && package=$(postgres_package)
        if has_candidate "$package"; then packages+=("$package"); fi
    done
    echo "$name: installing ${packages[*]}"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null ||
        give_up "the packages cannot be installed"

    lacking=$(missing | xargs)
    for package in $lacking; do
        if [[ " $optional " != *" $package "* ]] || has_candidate "$package"; then
            give_up "still missing after the installation: $lacking"
        fi
    done
    if [ -n "$lacking" ]; then
        echo "$name: installed all but $lacking, which this release lacks"
        return
    fi
    echo "$name: $what are installed"
}
