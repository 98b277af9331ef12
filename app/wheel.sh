#!/bin/sh
# Builds the project's wheel into FOLDER with its hot modules compiled by mypyc: app/wheel.sh PYTHON FOLDER
# PYTHON is of an environment with app/requirements-compiled.txt, whose interpreter the wheel is for.
set -eu
python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
mkdir -p "$2"
folder=$(cd "$2" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)

headers=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
compiler=${CC:-$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("CC").split()[0])')}
if ! command -v "$compiler" >/dev/null; then
    echo "no C compiler ($compiler): install one, such as Debian's gcc and libc6-dev, or name yours in CC" >&2
    exit 1
fi
if ! [ -f "$headers/Python.h" ]; then
    echo "no $headers/Python.h: install the headers of $("$python" -V), such as Debian's python3-dev" >&2
    exit 1
fi

# In a copy: objects beside the sources would be imported by the interpreted build, too.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cd "$root"
cp -R app cache pyproject.toml README.md LICENSE "$copy"
if [ -f .gitignore ]; then cp .gitignore "$copy"; fi
rm -rf "$copy/app/admin/frontend" "$copy/app/wheels"
cd "$copy"
# Packed relocations are 0.4 MiB less to read and to hold in memory, where the linker and this C library know them.
packed=-Wl,-z,pack-relative-relocs
echo 'int a; int *b = &a;' >probe.c
"$compiler" -shared -fPIC "$packed" -o probe.so probe.c 2>/dev/null &&
    "$python" -c 'import ctypes; ctypes.CDLL("./probe.so")' 2>/dev/null || packed=
rm -f probe.c probe.so

# -s strips: 2 MB instead of 10. Hidden names: calls within the object need no detour for names that another might replace,
# 1.7 % of the instructions of a request.
HATCH_BUILD_HOOK_ENABLE_MYPYC=1 CFLAGS="${CFLAGS:-} -fvisibility=hidden" LDFLAGS="${LDFLAGS:-} $packed -s" \
    "$python" -m hatchling build --target wheel --directory "$folder"
