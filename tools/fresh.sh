#!/bin/sh
# Fails where `make generate` changes a file: what it writes has to be committed with what it is written from.
set -eu
cd "$(dirname "$0")/.."

state() {
    git diff HEAD
    git ls-files --others --exclude-standard -z | xargs -0 -r sha256sum
}

before=$(state)
make --no-print-directory generate
after=$(state)
if [ "$before" != "$after" ]; then
    git status --short >&2
    echo "generated files were not fresh: commit what make generate wrote" >&2
    exit 1
fi
echo "generated files are fresh"
