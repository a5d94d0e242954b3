#!/usr/bin/env bash
# Measures one event to thousands of clients: touka's topics beside their peers, in one run.
#
#   scripts/bench.sh             everything, into docs/benchmarks.md; takes about an hour
#   scripts/bench.sh --quick     200 clients, 2 seconds, once: does it all work?
#   scripts/bench.sh --help      how to measure parts of it
#
# It needs Linux, about 20,000 open descriptors (`ulimit -Hn`) for the largest cases, and a machine
# with nothing else to do. Nothing of it leaves the machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target/fanout}
# Not --locked: a dependency that touka gets comes into this Cargo.lock, too, by this call.
cargo build --quiet --release --manifest-path benches/fanout/Cargo.toml
exec "$CARGO_TARGET_DIR/release/report" "$@"
