#!/bin/sh
# The official conformance suite of the Gateway API against the chart, on the cluster of KUBECONFIG, whose images
# tests/e2e/images.sh has loaded. What is not passed makes it end with another status than 0.
# E2E_CLUSTER=shared: the suite is the program $CONFORMANCE (default ../shared/conformance/conformance).
# E2E_CLUSTER=kind: it is built from the sources in $CONFORMANCE, a checkout of kubernetes-sigs/gateway-api.
# REPORT: where the official report goes (default: a temporary file).
set -eu
cd "$(dirname "$0")/../.."
version=$(sed -n 's/^appVersion: "\(.*\)"$/\1/p' charts/tidegate/Chart.yaml)
namespace=tidegate-conformance
profiles=GATEWAY-HTTP,GATEWAY-GRPC
work=$(mktemp -d)
# of the addresses that a cluster gives to no Service by itself, the first 16 of 10.96.0.0 whatever its size (KEP-3070)
usable=10.96.0.14
report=$(realpath "${REPORT:-$work/report.yaml}")

clean_up() {
    status=$?
    if [ "$status" -ne 0 ]; then
        kubectl -n "$namespace" get pods -o wide || true
        kubectl -n "$namespace" logs -l app.kubernetes.io/component=operator --tail 60 || true
        kubectl get gateways,httproutes,grpcroutes -A || true
    fi
    helm uninstall tidegate --namespace "$namespace" --wait >/dev/null || true
    kubectl delete namespace "$namespace" --wait=false >/dev/null || true
    rm -rf "$work"
    exit "$status"
}
trap clean_up EXIT

install() { # an earlier release leaves the definition of the policies behind, which this one takes over
    helm install tidegate charts/tidegate --namespace "$namespace" --create-namespace --take-ownership --wait \
        --set gatewayAPI.enabled=true,gatewayAPI.serviceType=ClusterIP,gateway.replicas=2
}

named() { # what the report is about
    echo "--organization=tidegate --project=tidegate --url=https://tidegate.dev --contact=SECURITY.md --version=$version"
}

case ${E2E_CLUSTER:?shared or kind} in
shared)
    suite=${CONFORMANCE:-../shared/conformance/conformance}
    "$suite" crds standard
    "$suite" images
    install
    # shellcheck disable=SC2046 # several words
    "$suite" run --gateway-class tidegate --profile "$profiles" --report "$report" -- \
        --usable-address="$usable" --unusable-address=192.0.2.1 $(named)
    ;;
kind)
    sources=${CONFORMANCE:?a checkout of kubernetes-sigs/gateway-api}
    kubectl apply --server-side -f "$sources/config/crd/standard"
    kubectl wait --for condition=Established --timeout=60s crd/gateways.gateway.networking.k8s.io
    install
    node=$(kubectl get nodes -o jsonpath='{.items[0].status.addresses[?(@.type=="InternalIP")].address}')
    sudo ip route replace 10.96.0.0/16 via "$node" # Services' addresses, from this machine
    features=$(kubectl get gatewayclass tidegate -o jsonpath='{.status.supportedFeatures[*].name}' | tr ' ' ,)
    # shellcheck disable=SC2046 # several words
    (cd "$sources"/conformance && go test . -run '^TestConformance$' -v -timeout 60m -args \
        --gateway-class=tidegate --conformance-profiles="$profiles" --supported-features="$features" \
        --report-output="$report" --usable-address="$usable" --unusable-address=192.0.2.1 $(named))
    ;;
*)
    echo "E2E_CLUSTER is $E2E_CLUSTER; it may be shared or kind" >&2
    exit 2
    ;;
esac
