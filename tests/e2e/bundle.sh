#!/bin/sh
# Writes what helps to understand a failure into a folder: events, descriptions, all logs, custom resources.
set -eu
folder=${1:?a folder}
mkdir -p "$folder"
kubectl get events --all-namespaces --sort-by=.lastTimestamp >"$folder/events.txt" || true
kubectl get rsp --all-namespaces --output yaml >"$folder/policies.yaml" || true
kubectl get all,pvc,networkpolicies --all-namespaces --output wide >"$folder/objects.txt" || true
selector=app.kubernetes.io/part-of=tidegate
kubectl describe pods --all-namespaces --selector "$selector" >"$folder/pods.txt" || true
kubectl get pods --all-namespaces --selector "$selector" --no-headers \
    --output custom-columns=:metadata.namespace,:metadata.name |
    while read -r namespace pod; do
        kubectl logs --namespace "$namespace" "$pod" --all-containers >"$folder/$namespace-$pod.log" || true
        kubectl logs --namespace "$namespace" "$pod" --all-containers --previous \
            >"$folder/$namespace-$pod.previous.log" 2>/dev/null || rm -f "$folder/$namespace-$pod.previous.log"
    done
