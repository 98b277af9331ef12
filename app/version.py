"""The version of the program; equal to `pyproject.toml` (a test holds that)."""

__all__ = ["VERSION"]

VERSION = "0.1.0"
