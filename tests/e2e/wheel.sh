#!/bin/sh
# Leaves in app/wheels the compiled wheel that an image takes whose base has no compiler: tests/e2e/wheel.sh 3.12
# Without a compiler, or without that Python, there is none, and the image is interpreted.
# WHEELS: a folder where it stays for the next call, so that a pipeline compiles it once.
set -eu
cd "$(dirname "$0")/../.."
version=${1:?a version of Python, such as 3.12}
rm -rf app/wheels

kept=${WHEELS:+$WHEELS/$version}
if [ -n "$kept" ] && [ -d "$kept" ]; then
    cp -R "$kept" app/wheels
    exit 0
fi

python=$(command -v "python$version") && "$python" -c "" 2>/dev/null || python=
if [ -z "$python" ] && command -v pyenv >/dev/null; then # its shims know only the versions that are switched on
    python=$(find "$(pyenv root)/versions" -path "*/$version.*/bin/python$version" | sort -V | tail -n 1)
fi
if [ -z "$python" ] || ! command -v cc >/dev/null; then
    echo "no Python $version or no C compiler here: the images will be interpreted" >&2
    exit 0
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" -m venv "$folder"
"$folder/bin/python" -m pip --disable-pip-version-check --quiet install --require-hashes -r app/requirements-compiled.txt
app/wheel.sh "$folder/bin/python" app/wheels
if [ -n "$kept" ]; then cp -R app/wheels "$kept"; fi
