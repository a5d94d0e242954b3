#!/usr/bin/env bash
# Lets clients connect, stream and disconnect at random for a long time, and checks what is left of them.
#
#   scripts/soak.sh              ten minutes
#   scripts/soak.sh 3600         this number of seconds
#   scripts/soak.sh 600 12345    with the seed of another run
#
# Prints a table, and fails if the server still holds anything of a disconnected client, or if its memory has
# grown. Requires Linux's /proc. `cargo test -p touka-tests --test soak` does the same for a minute.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# A release build, as users run it, which serves more clients in the same time.
cargo build --quiet --release -p touka-tests --bin touka-soak --bin touka-soaked
"${CARGO_TARGET_DIR:-target}/release/touka-soak" "${1:-600}" "${@:2}" || {
    printf 'scripts/soak.sh: FAILED\n' >&2
    exit 1
}
