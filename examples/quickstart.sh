#!/bin/sh
# sh examples/quickstart.sh
#
# From a fresh checkout to a trained model: installs what is missing (Debian, root or sudo), builds the
# library in build/, runs the torch vignette, and trains a small network on real images. Each step shows
# its output and the time it took. Run again, it does only what is not done yet.
set -eu
cd "$(dirname "$0")/.."

now_ms() { date +%s%3N; }

# step <title> <command>...
step()
{
    printf '\n=== %s\n' "$1"
    shift
    from=$(now_ms)
    "$@" || {
        status=$?
        printf -- '--- failed with status %s: %s\n' "$status" "$*" >&2
        exit "$status"
    }
    took=$(($(now_ms) - from))
    printf -- '--- %d.%d s\n' $((took / 1000)) $((took % 1000 / 100))
}

build()
{
    cmake --build build --parallel "$(sh cmake/jobs.sh)"
}

start=$(now_ms)
step "1/5 packages" sh cmake/install-packages.sh build torch data
step "2/5 configure in build/" cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DMIRAICORE_TESTS=OFF
step "3/5 build" build
step "4/5 the torch vignette (examples/07_torch_vignette.c)" build/examples/07_torch_vignette
step "5/5 training on Fashion-MNIST (examples/08_train/)" \
    build/examples/08_train --quick --save build/fashion_mnist.model
printf '\nAll of it took %d s. Next: examples/README.md, in reading order.\n' \
    $((($(now_ms) - start) / 1000))
