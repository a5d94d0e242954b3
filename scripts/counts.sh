#!/usr/bin/env bash
# Counts the instructions of publishing, delivering and emitting under callgrind, and compares them with
# benches/counts.txt.
#
#   scripts/counts.sh            fails if a count differs by more than 15 %, in either direction
#   scripts/counts.sh --renew    writes the current counts
#
# A count is the difference between two runs of different length, so that one-time costs do not count, divided
# by the difference of their repetitions. Unlike a time it does not depend on other load of the machine.
# Instructions of the kernel are not counted. Requires valgrind.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# In percent. More than the difference between versions of libc, or between processors' variants of memcpy.
readonly MARGIN=15
readonly STATED=benches/counts.txt
# The timeout of a run in seconds: only a run that hangs takes this long.
readonly PATIENCE=120
# The number of events in the two runs of each kind. The difference must outweigh variation within a run: the
# connections of the parked subscribers come in another order each time, and an id's number gets longer. With
# these the same code differs by one instruction.
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

# With the profile of users.
cargo build --quiet --release -p touka-benches --bin touka-count
program=${CARGO_TARGET_DIR:-target}/release/touka-count
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Prints the instructions of a run, and its number of repetitions.
run() {
    local times collected
    times=$(timeout "$PATIENCE" valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$1" "$2" 2>"$log") || {
        cat "$log" >&2
        fail "$1 did not finish"
    }
    collected=$(sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$log")
    [[ -n $collected ]] || fail "valgrind printed no count for $1"
    printf '%s %s\n' "$collected" "$times"
}

# The count that the file states for a kind of work.
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
        wrong+=("$work takes $count instructions, more than the $most allowed: make it cheaper, or state the new number with a reason")
    elif ((count < least)); then
        wrong+=("$work takes $count instructions, less than $least: state the new number, or the old one hides the next regression")
    fi
done
((${#wrong[@]} == 0)) || {
    printf 'scripts/counts.sh: %s\n' "${wrong[@]}" >&2
    fail "see $STATED for how to state new numbers"
}
