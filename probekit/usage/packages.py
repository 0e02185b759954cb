"""Packages that verbs of this room need, all in the extra `usage`."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from probekit.errors import InputError


def require_package(package: str, verb: str) -> None:
    """Raise InputError where the package that a verb needs is not installed."""
    try:
        version(package)
    except PackageNotFoundError as error:
        raise InputError(f"{verb} needs {package}: pip install 'probekit-nlp[usage]'") from error
