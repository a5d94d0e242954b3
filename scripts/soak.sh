#!/usr/bin/env bash
# Lets clients come, stream and leave at random for a long time, and looks at what stays of them.
#
#   scripts/soak.sh              ten minutes
#   scripts/soak.sh 3600         so many seconds
#   scripts/soak.sh 600 12345    with the seed of another run
#
# It prints a table, and fails where the server still holds something of a client that has left, or
# where its memory has grown. It needs Linux's /proc. `cargo test -p touka-tests --test soak` is a
# minute of the same.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# What users run is optimised, and comes through more clients in the same time.
cargo build --quiet --release -p touka-tests --bin touka-soak --bin touka-soaked
"${CARGO_TARGET_DIR:-target}/release/touka-soak" "${1:-600}" "${@:2}" || {
    printf 'scripts/soak.sh: FAILED\n' >&2
    exit 1
}
