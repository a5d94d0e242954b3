#!/usr/bin/env bash
# Measures one event to thousands of clients: touka's topics beside their peers, in one run.
#
#   scripts/bench.sh             everything, into docs/benchmarks.md; takes about an hour
#   scripts/bench.sh --quick     200 clients, 2 seconds, once: a smoke test
#   scripts/bench.sh --help      how to measure parts of it
#
# Requires Linux, about 20,000 open descriptors (`ulimit -Hn`) for the largest cases, and an otherwise idle
# machine. Sends nothing to other machines.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target/fanout}
# Not --locked: this call adds a new dependency of touka to this Cargo.lock, too.
cargo build --quiet --release --manifest-path benches/fanout/Cargo.toml
exec "$CARGO_TARGET_DIR/release/report" "$@"
