"""Parameters: names of Python parameters in messages become options of the command line."""

from __future__ import annotations

import re

FLAGS = {
    "allow_modified": "--allow-modified",
    "allow_pickle": "--allow-pickle",
    "behaviour": "--behaviour",
    "capacity": "--capacity",
    "codelength": "--codelength",
    "control": "--control",
    "final_norm": "--final-norm",
    "mix": "--mix",
    "overwrite": "--overwrite",
    "random_control": "--random-control",
    "regression": "--regression",
    "resume": "--resume",
    "trust_remote_code": "--trust-remote-code",
}
OPTIONS = {
    "adapter": "--adapter",
    "after": "--after",
    "against": "--against",
    "at": "--at",
    "base": "--base",
    "before": "--before",
    "baseline": "--baseline",
    "batch_tokens": "--batch-tokens",
    "beyond": "--beyond",
    "comparison": "--comparison",
    "corpus": "--corpus",
    "correction": "--correction",
    "data": "--data",
    "device": "--device",
    "device_map": "--device-map",
    "dtype": "--dtype",
    "engine": "--engine",
    "keep_states": "--keep-states",
    "last_layer": "--last-layer",
    "label": "--label",
    "labels": "--labels",
    "layer": "--layer",
    "layers": "--layers",
    "lm_head": "--lm-head",
    "margin": "--margin",
    "limit": "--limit",
    "methods": "--methods",
    "model": "--model",
    "subwords": "--subwords",
    "policy": "--policy",
    "probe": "--probe",
    "probes": "--probe",
    "rate": "--rate",
    "recipe": "--recipe",
    "recipes": "--recipes",
    "reference": "--reference",
    "save_probes": "--save-probes",
    "saved": "--probe-file",
    "remedies": "--remedies",
    "resample_train": "--resample-train",
    "seed": "--seed",
    "seeds": "--seeds",
    "site": "--site",
    "span": "--span",
    "stack": "--stack",
    "states": "--states",
    "store_dtype": "--store-dtype",
    "task": "--task",
    "tasks": "--tasks",
    "test_corpus": "--test-corpus",
    "text": "--text",
    "track": "--track",
    "tokenizer": "--tokenizer",
    "top": "--top",
    "unit": "--unit",
    "workers": "--workers",
}
_WORDS = {"adapter": {"True": "on", "False": "off"}, "keep_states": {"True": "yes", "False": "no"}}
_GIVEN = re.compile(rf"\b({'|'.join([*FLAGS, *OPTIONS])})=(?:'([^']*)'|(-?\w+))")
_NAMED = re.compile(rf"\bvalue of ({'|'.join(OPTIONS)})\b")
_ALONE = re.compile(rf"`({'|'.join([*FLAGS, *OPTIONS])})`")


def as_options(message: str) -> str:
    """`store_dtype='float32'` as `--store-dtype float32`, `allow_pickle=True` as `--allow-pickle`.

    `value of probes` becomes `value of --probe`, and a name between backquotes the option alone.

    >>> as_options("it needs allow_pickle=True"), as_options("`mix` needs two layers")
    ('it needs --allow-pickle', '--mix needs two layers')
    """
    named = _NAMED.sub(lambda found: f"value of {OPTIONS[found[1]]}", message)
    alone = _ALONE.sub(lambda found: {**FLAGS, **OPTIONS}[found[1]], named)
    return _GIVEN.sub(_option, alone)


def _option(given: re.Match[str]) -> str:
    name, quoted, bare = given.groups()
    if name in FLAGS:
        return FLAGS[name]
    value = quoted if quoted is not None else bare
    return f"{OPTIONS[name]} {_WORDS.get(name, {}).get(value, value)}"
