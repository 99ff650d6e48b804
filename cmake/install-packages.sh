#!/bin/sh
# sh cmake/install-packages.sh <set>...     sets: build torch data test valgrind clang
#
# Installs what is missing of Debian's packages for these sets, and says so before it does. With nothing
# missing it ends at once and in silence. It needs root or sudo; a user with neither is told the one
# command to have run, and it ends with status 2. MIRAICORE_PACKAGES=skip turns it off: for systems other
# than Debian, where the same libraries have been installed by other means.
set -eu

packages_of()
{
    case $1 in
    build) echo gcc libc6-dev cmake make libnng-dev libzstd-dev ;;
    torch) echo g++ libtorch-dev ;;
    data) echo dataset-fashion-mnist gzip ;;
    test) echo g++ libcmocka-dev libuv1-dev pkg-config pmccabe universal-ctags python3 abigail-tools \
        binutils spin ;;
    valgrind) echo valgrind libc6-dbg ;;
    clang) echo clang libclang-rt-14-dev ;;
    *)
        echo "install-packages.sh: no set '$1'; there are: build torch data test valgrind clang" >&2
        return 1
        ;;
    esac
}

say() { printf '%s\n' "$@"; }

# The names among "$@" that are not installed.
missing_of()
{
    installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null |
        awk '$2 == "installed" { print $1 }')
    for package in "$@"; do
        printf '%s\n' "$installed" | grep -qxF "$package" || printf '%s ' "$package"
    done
}

# Runs a command as root; "" as the way means that we are root.
as_root() { ${way:+$way} env DEBIAN_FRONTEND=noninteractive "$@"; }

# Installs "$@"; of what apt-get and dpkg say, shows sizes and errors only.
install()
{
    { as_root apt-get -q -o Dpkg::Use-Pty=0 install -y --no-install-recommends "$@" </dev/null &&
        echo "apt-get is done"; } |
        awk '/^apt-get is done$/ { done = 1 } /^(Need to get|After this|Fetched|E:)/; END { exit !done }'
}

# How to become root: sets $way, or ends the script with the command that someone else has to run.
find_way()
{
    way=
    [ "$(id -u)" -eq 0 ] && return
    if command -v sudo >/dev/null 2>&1; then
        # Without a terminal sudo cannot ask for a password; then it must need none.
        if sudo -n true 2>/dev/null || { [ -t 0 ] && sudo true; }; then
            way=sudo
            return
        fi
    fi
    say "Installing them needs root, and this user has neither root nor sudo. Have this run as root:" "" \
        "    apt-get update && apt-get install -y --no-install-recommends $missing" "" \
        "and then start this again."
    exit 2
}

[ "$#" -gt 0 ] || { echo "usage: install-packages.sh <set>..." >&2; exit 1; }
wanted=
for set_name in "$@"; do
    names=$(packages_of "$set_name") || exit 1
    wanted="$wanted $names"
done
[ "${MIRAICORE_PACKAGES:-}" = skip ] && exit 0

if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
    say "This is not a Debian system, so nothing can be installed automatically. Install by its own means" \
        "what these Debian packages hold:" \
        "   $wanted" \
        "and start this again with MIRAICORE_PACKAGES=skip in the environment."
    exit 2
fi

# shellcheck disable=SC2086  # lists of names, to be split
missing=$(missing_of $wanted | tr ' ' '\n' | sort -u | tr '\n' ' ' | sed 's/^ *//; s/ *$//')
[ -n "$missing" ] || exit 0

say "These Debian packages are missing: $missing"
case " $missing " in
*" libtorch-dev "*)
    say "(libtorch-dev is large: 124 MB to download, and up to 340 MB with what a bare system lacks for it.)"
    ;;
esac
find_way
say "Installing them with apt-get${way:+ through $way}, without recommended packages."
# Package lists are fetched only when there are none that know the packages, or when they are out of date.
# shellcheck disable=SC2086
if ! apt-get -qq -s install --no-install-recommends $missing >/dev/null 2>&1; then
    as_root apt-get -q update
fi
# shellcheck disable=SC2086
if ! install $missing; then
    say "That failed; trying once more with fresh package lists."
    as_root apt-get -q update
    # shellcheck disable=SC2086
    install $missing
fi
# shellcheck disable=SC2086
left=$(missing_of $missing)
[ -z "$left" ] || { echo "install-packages.sh: still missing: $left" >&2; exit 1; }
