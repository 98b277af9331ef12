#!/bin/sh
# Writes what a release publishes, with images where its registry has them: charts/publish.sh ghcr.io/OWNER FOLDER
# FOLDER gets chart/ (to be packaged), install.yaml and the custom resource definition. kubectl has to be in PATH.
set -eu
cd "$(dirname "$0")/.."
registry=${1:?registry and owner, such as ghcr.io/OWNER}
folder=${2:?a folder}

mkdir -p "$folder"
rm -rf "$folder/chart"
cp -R charts/tidegate "$folder/chart"
# our own images only: Valkey's stays where it is
sed "s#^\( *repository: \)\(tidegate\(-cache\)\{0,1\}\)\$#\1$registry/\2#" charts/tidegate/values.yaml >"$folder/chart/values.yaml"
sed "s#\(image: \"\{0,1\}\)\(tidegate\(-cache\)\{0,1\}:\)#\1$registry/\2#" charts/tidegate/Chart.yaml >"$folder/chart/Chart.yaml"
kubectl kustomize k8s/overlays/minimal |
    sed "s#\(image: \"\{0,1\}\)\(tidegate\(-cache\)\{0,1\}:\)#\1$registry/\2#" >"$folder/install.yaml"
cp k8s/crds/resiliencepolicies.yaml "$folder/"
