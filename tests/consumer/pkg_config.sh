#!/bin/sh
# sh pkg_config.sh <prefix> <libdir> <folder for programs> <C compiler> [<flag>...]
# Builds and runs the small programs with what pkg-config says about an install in <prefix>.
set -eu
here=$(dirname "$0")
prefix=$1 libdir=$1/$2 out=$3/pkg_config cc=$4
shift 4
export PKG_CONFIG_PATH="$libdir/pkgconfig"
mkdir -p "$out"

version=$(pkg-config --modversion miraicore)
echo "miraicore $version: $(pkg-config --cflags --libs miraicore)"

# shellcheck disable=SC2046  # flags, to be split
build()
{
    compiler=$1 std=$2 source=$3 name=$4
    shift 4
    "$compiler" "$std" -Wall -Wextra -pedantic -Werror "$@" "$here/$source" -o "$out/${name}_shared" \
        $(pkg-config --cflags --libs miraicore) "-Wl,-rpath,$libdir"
    # Of the two libraries of one name, the static one is asked for by its file name.
    "$compiler" "$std" -Wall -Wextra -pedantic -Werror "$@" "$here/$source" -o "$out/${name}_static" \
        $(pkg-config --cflags miraicore) \
        $(pkg-config --static --libs miraicore | sed 's/-lmiraicore/-l:libmiraicore.a/')
}

build "$cc" -std=c99 program.c c "$@"
build c++ -std=c++17 program.cpp cxx "$@"
for name in c_shared c_static cxx_shared cxx_static; do
    "$out/$name"
done
"$out/c_shared" miraicored
if ldd "$out/c_static" | grep -q libmiraicore; then
    echo "c_static is linked with the shared library" >&2
    exit 1
fi

# The first task of the README is a program that works as it is printed there.
awk '/^```/ { if (on) exit; on = $0 == "```c"; next } on' "$here/../../README.md" >"$out/readme.c" # the first one
# shellcheck disable=SC2046
"$cc" -Wall -Wextra -Werror "$@" "$out/readme.c" -o "$out/readme" \
    $(pkg-config --cflags --libs miraicore) "-Wl,-rpath,$libdir"
"$out/readme" | grep -q "Hello, world!"
echo "all of $prefix work"
