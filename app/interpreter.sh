#!/bin/sh
# Prints the Python that `make` takes: of those in PATH that are 3.11 or newer and make virtual environments, the first that
# was built with profile-guided optimization, else the first of all. With `headers`: of those that can compile, where any can.
set -eu
cd "$(dirname "$0")/.."

# PYTHON: exit code 0 optimized, 3 usable, else not.
rate() {
    "$1" -B - "${want:-}" 2>/dev/null <<'PROGRAM'
import os, sys, sysconfig

if sys.version_info < (3, 11):
    sys.exit(4)
import ensurepip, venv

sys.path.insert(0, "")
from app.foundation.version import is_optimized

if "headers" in sys.argv and not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")):
    sys.exit(4)
sys.exit(0 if is_optimized() else 3)
PROGRAM
}

# The first optimized one of PATH, else the first usable one.
choose() {
    first=
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        IFS=:
        for folder in $PATH; do
            unset IFS
            candidate=${folder:-.}/$name
            if ! [ -x "$candidate" ]; then continue; fi
            code=0
            rate "$candidate" || code=$?
            if [ "$code" -eq 0 ]; then
                echo "$candidate"
                return
            fi
            if [ "$code" -eq 3 ] && [ -z "$first" ]; then first=$candidate; fi
        done
        unset IFS
    done
    echo "$first"
}

want=${1:-}
chosen=$(choose)
if [ -z "$chosen" ] && [ -n "$want" ]; then
    want=
    chosen=$(choose)
fi
echo "${chosen:-python3}" # none: python3 itself tells what it lacks
