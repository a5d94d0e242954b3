#!/usr/bin/env bash
# Starts a cluster on this machine: a Redis, two nodes of the example `cluster`, and nginx in front of them.
#
#   examples/cluster/start.sh          the page is on http://127.0.0.1:3000
#   examples/cluster/start.sh 8080     another port
#   examples/cluster/start.sh 0        a free port
#
# It prints how to kill a node or Redis, and starts what was killed again after RESTART seconds, 5 by default. Ctrl-C ends
# everything, and removes the folder with the data. Needs redis-server (7.0 or newer) and nginx. PROGRAM names a built
# example; otherwise cargo builds it.
set -euo pipefail

# Debian installs nginx in /usr/sbin, which is not in every PATH.
PATH=$PATH:/usr/sbin:/usr/local/sbin
port=${1:-3000}
restart=${RESTART:-5}

fail() {
    printf 'start.sh: %s\n' "$*" >&2
    exit 1
}

for needed in redis-server nginx; do
    command -v "$needed" >/dev/null || fail "$needed is missing; on Debian: apt-get install $needed"
done
if [[ -z ${PROGRAM:-} ]]; then
    cd "$(dirname "${BASH_SOURCE[0]}")/../.."
    # cargo knows where its target folder is.
    PROGRAM=$(cargo build --example cluster --message-format json-render-diagnostics |
        grep '"name":"cluster"' | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p')
fi
[[ -x $PROGRAM ]] || fail "there is no program $PROGRAM"

# Each background process gets a process group of its own, so that Ctrl-C reaches this script alone.
set -m
folder=$(mktemp -d -t touka-cluster-XXXXXX)
redis='' nginx=''
declare -A node=() address=()

# Ends what this script has started, and nothing else: the nodes first, since they use the others.
finish() {
    trap '' HUP INT PIPE TERM
    local pids=("${node[@]}")
    ((${#pids[@]} == 0)) || kill -TERM "${pids[@]}" 2>/dev/null || true
    ((${#pids[@]} == 0)) || wait "${pids[@]}" 2>/dev/null || true
    pids=($nginx $redis)
    ((${#pids[@]} == 0)) || kill -TERM "${pids[@]}" 2>/dev/null || true
    ((${#pids[@]} == 0)) || wait "${pids[@]}" 2>/dev/null || true
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 0' HUP INT PIPE TERM

# Waits until a command succeeds while a process lives.
await() {
    local what=$1 pid=$2 tries=600
    shift 2
    until "$@" >/dev/null 2>&1; do
        kill -0 "$pid" 2>/dev/null && ((tries-- > 0)) || fail "$what does not start: $(tail -n 5 "$folder/$what.log")"
        sleep 0.1
    done
}

# The port that a node has printed.
printed() {
    sed -n 's,.*http://\([0-9.:]*\).*,\1,p' "$folder/node-$1.log" 2>/dev/null | head -n 1
}
has_printed() {
    [[ -n $(printed "$1") ]]
}

# A port outside the range from which the system takes ports for connections and for other programs: while a node is down,
# no other program may get its port.
own_port() {
    printf '%s' $((20000 + RANDOM % 10000))
}

# The first time on a free port, and then on the same one.
start_node() {
    local chosen=${address[$1]:-} tries=20
    while :; do
        REDIS_URL="redis+unix://$folder/redis.sock" "$PROGRAM" "${chosen:-127.0.0.1:$(own_port)}" "$1" \
            >"$folder/node-$1.log" 2>&1 </dev/null &
        node[$1]=$!
        # If another program has the port, another port is tried.
        if [[ -n $chosen ]] || ((tries-- == 0)) || has_started "$1"; then break; fi
    done
    await "node-$1" "${node[$1]}" has_printed "$1"
    address[$1]=$(printed "$1")
    printf 'node %s: http://%s   kill it: kill -KILL %s\n' "$1" "${address[$1]}" "${node[$1]}"
}

# Waits until a node has printed its port. Fails if it has ended.
has_started() {
    until has_printed "$1"; do
        kill -0 "${node[$1]}" 2>/dev/null || return 1
        sleep 0.1
    done
}

# Each acknowledged message is on the disk, so that no message is lost when Redis is killed.
start_redis() {
    rm -f "$folder/redis.sock"
    redis-server --port 0 --unixsocket "$folder/redis.sock" --dir "$folder" --save '' \
        --appendonly yes --appendfsync always >"$folder/redis.log" 2>&1 </dev/null &
    redis=$!
    await redis "$redis" test -S "$folder/redis.sock"
    printf 'Redis: %s   kill it: kill -KILL %s\n' "$folder/redis.sock" "$redis"
}

start_redis
start_node a
start_node b

# The settings are those of docs/deploying.md. There are no sticky sessions: any node serves any client.
configure() {
    cat >"$folder/nginx.conf" <<END
daemon off;
pid nginx.pid;
worker_processes 1;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    upstream touka {
        least_conn;
        server ${address[a]} max_fails=0;
        server ${address[b]} max_fails=0;
        keepalive 16;
    }
    server {
        listen 127.0.0.1:$1;
        location / {
            proxy_pass http://touka;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for;
            proxy_connect_timeout 2s;
        }
    }
}
END
}

# nginx writes the process id once it listens. If the port was to be a free one, another is tried.
start_nginx() {
    local chosen=$port tries=20
    while :; do
        ((port == 0)) && chosen=$(own_port)
        configure "$chosen"
        nginx -p "$folder" -c nginx.conf -e nginx.log >/dev/null 2>&1 </dev/null &
        nginx=$!
        while kill -0 "$nginx" 2>/dev/null; do
            [[ -s $folder/nginx.pid ]] && { port=$chosen; return; }
            sleep 0.1
        done
        ((port == 0 && tries-- > 0)) || fail "nginx does not start: $(tail -n 5 "$folder/nginx.log")"
    done
}
start_nginx

printf '\nthe page: http://127.0.0.1:%s\nlogs: %s   Ctrl-C ends everything\n\n' "$port" "$folder"

pause() {
    printf '%s has ended; it starts again in %s seconds\n' "$1" "$restart"
    # In short steps: a signal is handled between two of them.
    for ((step = 0; step < restart * 10; step++)); do sleep 0.1; done
}

while :; do
    # Returns when any process has ended.
    { wait -n "$redis" "$nginx" "${node[@]}" || true; } 2>/dev/null
    kill -0 "$nginx" 2>/dev/null || fail "nginx has ended: $(tail -n 5 "$folder/nginx.log")"
    if ! kill -0 "$redis" 2>/dev/null; then
        pause Redis
        start_redis
    fi
    for name in a b; do
        if ! kill -0 "${node[$name]}" 2>/dev/null; then
            pause "node $name"
            start_node "$name"
        fi
    done
done
