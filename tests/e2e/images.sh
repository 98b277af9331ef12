#!/bin/sh
# Builds the images under the chart's own names and puts them where the cluster's pods find them.
# E2E_CLUSTER=shared: the single-node cluster whose program is $CLUSTER (default ../shared/cluster/cluster; there is
# no registry, so a Redis with the entry point of the official images stands in for Valkey; its Python bases have no
# compiler, so the gateway's wheel is compiled beside them). E2E_CLUSTER=kind: kind.
set -eu
cd "$(dirname "$0")/../.."
version=$(sed -n 's/^appVersion: "\(.*\)"$/\1/p' charts/tidegate/Chart.yaml)

case ${E2E_CLUSTER:?shared or kind} in
shared)
    cluster=${CLUSTER:-../shared/cluster/cluster}
    "$cluster" images 3.12
    trap 'rm -rf app/wheels' EXIT
    tests/e2e/wheel.sh 3.12
    "$cluster" build --build-arg COMPILER=python:3.12-slim-bookworm -t "tidegate:$version" -f app/Dockerfile .
    "$cluster" build -t "tidegate-cache:$version" -f cache/Dockerfile .
    "$cluster" build -t valkey/valkey:8.1-alpine -f tests/e2e/pod/valkey.Dockerfile tests/e2e/pod
    ;;
kind)
    docker build -t "tidegate:$version" -f app/Dockerfile .
    docker build -t "tidegate-cache:$version" -f cache/Dockerfile .
    for image in "tidegate:$version" "tidegate-cache:$version"; do
        bytes=$(docker save "$image" | gzip | wc -c)
        echo "$image: $((bytes / 1000000)) MB packed"
        test "$bytes" -le 100000000 || { echo "$image is packed larger than 100 MB" >&2; exit 1; }
    done
    kind load docker-image --name "${KIND_CLUSTER:-kind}" "tidegate:$version" "tidegate-cache:$version"
    ;;
*)
    echo "E2E_CLUSTER is $E2E_CLUSTER; it may be shared or kind" >&2
    exit 2
    ;;
esac
