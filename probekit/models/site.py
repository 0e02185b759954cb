"""Site: what is read of a block."""

from __future__ import annotations

import re

import torch

from probekit.errors import InputError, ModelError
from probekit.models.families import Family, Site, Stack


def module_of_site(name: str, family: Family, stack: Stack, site: Site) -> str | None:
    """The name, within a block, of the module whose output is read; None for the residual stream.

    Raises InputError for a site that the family does not have.
    """
    if site == "residual":
        return None
    found = family.sites.get(f"{stack}.{site}", family.sites.get(site))
    if found is None:
        known = ["residual"]
        known += [one for one in family.sites if "." not in one]
        raise InputError(f"'{name}' ({family.title}) has no site '{site}', only {', '.join(known)}")
    return found


def modules_at(name: str, body: torch.nn.Module, site_module: str) -> list[torch.nn.Module]:
    """The module of that name in each block of a model.

    Raises ModelError where no block has one.
    """
    # Of a block, not of some part of it: the block's number precedes the name.
    pattern = re.compile(rf"(^|\.)\d+\.{re.escape(site_module)}$")
    found = [module for path, module in body.named_modules() if pattern.search(path)]
    if not found:
        raise ModelError(f"'{name}': no block has a '{site_module}', as its family should")
    return found
