"""Which program this is: its version, how it was built, and the interpreter that runs it."""

import platform
import sys

__all__ = ["COMPILED", "VERSION", "build", "interpreter", "is_optimized"]

VERSION = "0.1.0"
"""Equal to `pyproject.toml` (a test holds that)."""

COMPILED = not __file__.endswith(".py")
"""Whether the modules on a request's way are native code (`make compiled`)."""


def build() -> str:
    """How the modules on a request's way run: `compiled with mypyc 2.4.1`, or `interpreted`."""
    if not COMPILED:
        return "interpreted"
    from importlib.metadata import requires  # only `tidegate version` asks

    pins = [pin.partition(";")[0].strip() for pin in requires("tidegate") or ()]
    version = next(pin.removeprefix("mypy==") for pin in pins if pin.startswith("mypy=="))
    return f"compiled with mypyc {version}"


def interpreter() -> str:
    """The interpreter, and how its own build was optimized: `CPython 3.11.2 with PGO and LTO`."""
    name = f"{platform.python_implementation()} {platform.python_version()}"
    found = [word for word, present in (("PGO", is_optimized()), ("LTO", _is_link_optimized())) if present]
    return f"{name} with {' and '.join(found)}" if found else f"{name} without PGO and LTO"


def is_optimized() -> bool:
    """Whether the interpreter was built with profile-guided optimization, which saves a tenth of its time."""
    return "--enable-optimizations" in _configure_arguments() or _is_debians()


def _is_link_optimized() -> bool:
    arguments = _configure_arguments()
    return ("--with-lto" in arguments and "--with-lto=no" not in arguments) or _is_debians()


def _configure_arguments() -> str:
    import sysconfig  # 8 ms that a gateway's start does without

    return str(sysconfig.get_config_var("CONFIG_ARGS"))


def _is_debians() -> bool:
    """Debian and Ubuntu build with both and record neither; their own install scheme tells them."""
    import sysconfig

    return sys.platform == "linux" and "deb_system" in sysconfig.get_scheme_names()
