"""Packages that a verb of this room needs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from probekit.errors import InputError


def require_scikit_learn() -> None:
    """Raise InputError where scikit-learn is not installed."""
    try:
        version("scikit-learn")
    except PackageNotFoundError as error:
        raise InputError("neurons needs scikit-learn: pip install 'probekit-nlp[usage]'") from error
