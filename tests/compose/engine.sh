#!/usr/bin/env bash
# Runs a command with a Docker engine of its own, where there is neither an engine nor an image registry to pull from:
#   tests/compose/engine.sh make e2e-compose
# Needs root and the packages docker.io, docker-compose and slirp4netns. Network, mounts and processes are a namespace's:
# the engine's bridges, rules and ports meet nothing else on this machine, and nothing of it outlives the command.
# Bases are stand-ins: Python as $CLUSTER makes it (default ../shared/cluster/cluster), Redis for Valkey, and Debian's
# Prometheus where it is installed.
set -euo pipefail
cd "$(dirname "$0")/../.."

cluster=${CLUSTER:-../shared/cluster/cluster}
store=${XDG_CACHE_HOME:-$HOME/.cache}/tidegate-cluster
cgroups=/tidegate-compose # outside of the caller's own groups

say() { printf 'engine: %s\n' "$*" >&2; }

wait_for() { # SECONDS WHAT COMMAND…
    local limit=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$limit" ] || { say "gave up waiting for $what"; exit 1; }
        sleep 0.1
    done
}

outside() {
    [ "$(id -u)" -eq 0 ] || { say "must be root"; exit 1; }
    for name in dockerd slirp4netns buildah; do
        command -v "$name" >/dev/null || { say "$name is not installed"; exit 1; }
    done
    "$cluster" images 3.12 >&2
    tests/e2e/wheel.sh 3.12 >&2
    folder=$(mktemp -d)
    mkfifo "$folder/go"
    trap 'leave "$folder"' EXIT
    unshare --net --mount --pid --fork --kill-child --mount-proc tests/compose/engine.sh --inside "$folder" "$@" &
    local outer=$! inner
    wait_for 5 "the namespace" pgrep -P "$outer"
    inner=$(pgrep -P "$outer")
    # a way out for builds, without a rule or an address on this machine
    slirp4netns --configure --mtu=65520 --disable-host-loopback "$inner" tap0 >"$folder/slirp.log" 2>&1 &
    slirp=$!
    echo go >"$folder/go"
    wait "$outer"
}

leave() {
    local group
    [ -z "${slirp:-}" ] || kill "$slirp" 2>/dev/null || true
    for group in /sys/fs/cgroup/*"$cgroups"; do
        [ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
    done
    rm -rf "$1" app/wheels
}

inside() {
    local folder=$1
    shift
    read -r <"$folder/go"
    ip link set lo up
    wait_for 10 "the network" sh -c 'ip route | grep -q default'
    echo "nameserver 10.0.2.3" >"$folder/resolv.conf"
    mount --bind "$folder/resolv.conf" /etc/resolv.conf
    mount -t tmpfs tmpfs /run
    export DOCKER_HOST=unix:///run/docker.sock DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0
    dockerd --data-root "$folder/root" --exec-root /run/docker --pidfile /run/docker.pid -H "$DOCKER_HOST" \
        --cgroup-parent "$cgroups" >"$folder/dockerd.log" 2>&1 &
    wait_for 30 "the engine" docker version || { cat "$folder/dockerd.log" >&2; exit 1; }
    stand_ins "$folder"
    "$@"
}

take() { # IMAGE: out of the cluster's store
    buildah --root "$store/buildah" --runroot "$store/buildah-run" --storage-driver overlay \
        push --quiet "docker.io/library/$1" "docker-archive:$2:$1"
    docker load --quiet --input "$2" >/dev/null
    rm "$2"
}

build() { # IMAGE FOLDER
    docker build --quiet --tag "$1" "$2" >/dev/null 2>&1 || { say "$1 could not be built"; exit 1; }
}

stand_ins() {
    local context=$1/context file
    take python:3.12-slim-bookworm "$1/image.tar"
    take redis:7-alpine "$1/image.tar"
    mkdir -p "$context/files/usr/bin" "$context/files/prometheus"
    # pip in a build trusts the authorities that this machine trusts; libstdc++, which Node needs, is in the real base
    printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' >"$context/pip.conf"
    cp -L "$(ldconfig -p | sed -n '/libstdc++\.so\.6 .*x86-64/s/.* => //p' | head -n 1)" "$context/libstdc++.so.6"
    printf 'FROM python:3.12-slim-bookworm\nCOPY pip.conf /etc/\nCOPY libstdc++.so.6 /usr/local/lib/\nRUN ldconfig\n' \
        >"$context/Dockerfile"
    build python:3.12-slim-bookworm "$context"
    docker tag python:3.12-slim-bookworm python:3.12-bookworm # no compiler in it: the wheel of tests/e2e/wheel.sh is taken
    cp tests/e2e/pod/valkey.Dockerfile "$context/Dockerfile"
    build valkey/valkey:8.1-alpine "$context"
    export COMPOSE_MONITORING=
    if command -v prometheus >/dev/null; then
        cp "$(command -v prometheus)" "$context/files/usr/bin/"
        { ldd "$(command -v prometheus)" 2>/dev/null || true; } | { grep -oE '/(lib|usr/lib)[^ :]+' || true; } |
            while read -r file; do install -D "$(readlink -f "$file")" "$context/files$file"; done
        printf '%s\n' 'FROM redis:7-alpine' 'USER 0' 'COPY files /' 'RUN chown 65534:65534 /prometheus' \
            'ENTRYPOINT ["prometheus"]' >"$context/Dockerfile"
        build "$(sed -n 's/^ *image: \(prom\/prometheus:[^ ]*\).*/\1/p' compose.yaml)" "$context"
        COMPOSE_MONITORING=prometheus
    fi
}

if [ "${1:-}" = --inside ]; then
    shift
    inside "$@"
else
    outside "$@"
fi
