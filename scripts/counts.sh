#!/usr/bin/env bash
# Counts the instructions of publishing, delivering and emitting under callgrind, and holds them to
# what benches/counts.txt states.
#
#   scripts/counts.sh            fails where a count is more than 15 % off, in either direction
#   scripts/counts.sh --renew    states the counts of now
#
# A count is the difference between two runs of different length, so that what comes once does not
# count, divided by how often the longer did more. Unlike a time it does not depend on what else the
# machine does. What the kernel does is not in it. It needs valgrind.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# In per cent. Above what another libc, or another processor's memcpy, makes of the same code.
readonly MARGIN=15
readonly STATED=benches/counts.txt
# No run takes this many seconds but one that waits for something that never comes.
readonly PATIENCE=120
# How many events the two runs of each kind publish. The difference must outweigh what varies in a
# run: the connections of the parked subscribers come in another order each time, and an id's number
# gets longer. With these the same code differs by one instruction.
readonly WORKS=(publish:1000:6000 deliver-body:50:250 deliver-parked:100:600 emit:1000:11000)

fail() {
    printf 'scripts/counts.sh: %s\n' "$*" >&2
    exit 1
}

renew=no
case $* in
    '') ;;
    --renew) renew=yes ;;
    *) fail "the only argument is --renew" ;;
esac
# Another kind of processor has other instructions, and so other counts.
[[ $(uname -m) == x86_64 ]] || {
    printf 'scripts/counts.sh: %s holds for x86-64 only, so nothing was counted\n' "$STATED"
    exit 0
}
command -v valgrind >/dev/null || fail "valgrind is missing: apt-get install valgrind"

# As users run it.
cargo build --quiet --release -p touka-benches --bin touka-count
program=${CARGO_TARGET_DIR:-target}/release/touka-count
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Instructions of a run, and how often it did its work.
run() {
    local times collected
    times=$(timeout "$PATIENCE" valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$1" "$2" 2>"$log") || {
        cat "$log" >&2
        fail "$1 did not come to its end"
    }
    collected=$(sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$log")
    [[ -n $collected ]] || fail "valgrind has not said what it collected of $1"
    printf '%s %s\n' "$collected" "$times"
}

# What the file states for a kind of work.
stated() {
    sed -n "s/^$1 \([0-9]*\)\$/\1/p" "$STATED"
}

wrong=()
printf '%-16s %14s %10s %17s\n' work instructions stated allowed
for entry in "${WORKS[@]}"; do
    IFS=: read -r work few many <<<"$entry"
    short=$(run "$work" "$few")
    long=$(run "$work" "$many")
    read -r short short_times <<<"$short"
    read -r long long_times <<<"$long"
    count=$(((long - short) / (long_times - short_times)))
    if [[ $renew == yes ]]; then
        sed -i "s/^$work [0-9]*\$/$work $count/" "$STATED"
    fi
    said=$(stated "$work")
    [[ -n $said ]] || fail "$STATED states nothing for $work: add \"$work $count\""
    least=$((said * (100 - MARGIN) / 100))
    most=$((said * (100 + MARGIN) / 100))
    printf '%-16s %14d %10d %17s\n' "$work" "$count" "$said" "$least to $most"
    if ((count > most)); then
        wrong+=("$work takes $count instructions, more than the $most allowed: make it cheaper, or state the new number and say why")
    elif ((count < least)); then
        wrong+=("$work takes $count instructions, less than $least: state the new number, or the next regression hides below the old")
    fi
done
((${#wrong[@]} == 0)) || {
    printf 'scripts/counts.sh: %s\n' "${wrong[@]}" >&2
    fail "see $STATED for how to state new numbers"
}
