"""Arguments of public functions: equivalent forms are accepted, and a message of one line says what
a parameter takes instead of anything else."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from datasets import Dataset, DatasetDict
from transformers import AutoModel, AutoTokenizer

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.errors import ProbekitError, ProbekitWarning
from probekit.forgetting.comparison import Comparison
from tests.results.made import gated, predicted, recipe_scores

QUICK = pk.FitSettings(words=5_000)
EMPTY = pd.DataFrame()
NO_SCORES = pk.Scores(EMPTY)
NO_COMPARISON = Comparison(*[EMPTY] * 5)
PREDICTED = predicted()
VERDICTS = gated(0.5)
RECIPE_SCORES = recipe_scores(0.5)


@pytest.fixture(scope="module")
def few(small: Corpus) -> Corpus:
    """Even fewer sentences."""
    return Corpus("few", {split: passages[:40] for split, passages in small.splits.items()})


@cache
def sample() -> Corpus:
    """The bundled corpus."""
    return pk.load_corpus("sample")


def a_policy(folder: Path) -> Path:
    """A policy with one criterion."""
    path = folder / "policy.toml"
    path.write_text('[[criterion]]\ntask = "pos"\nlose_at_most = "1 point"\n', encoding="utf-8")
    return path


def a_probe() -> pk.SavedProbe:
    """A probe that somebody brings."""
    return pk.SavedProbe.from_direction(np.ones(8), 0.5, "pos", 1, classes=("NOUN", "VERB"))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with scores."""
    folder = tmp_path_factory.mktemp("written") / "run"
    PREDICTED.write(folder)
    return folder


PLAIN: dict[str, Any] = {"ax": None, "greyscale": False}
CELLS: dict[str, Any] = {"cmap": None, "vmin": 0.0, "vmax": 1.0, "digits": 2}


OF_SAVED = ("corpus", "extract_settings", "allow_modified", "progress", "options")


def good(tmp_path: Path, written: Path) -> dict[str, dict[str, Any]]:
    """For every public function, arguments that are right; models are missing, so that nothing is
    computed."""
    shared = {
        "tasks": "pos",
        "corpus": "sample",
        "seeds": 1,
        "extract_settings": None,
        "fit_settings": None,
    }
    shared |= {"allow_modified": False, "progress": print, "options": None}
    return {
        "probe": {
            "model": "./none",
            "probes": "linear",
            "beyond": None,
            "capacity": False,
            **shared,
        },
        "compare": {
            "before": "./a",
            "after": "./b",
            "probe": "mlp",
            "correction": "holm",
            "floor": "lexical",
            **shared,
        },
        "compare_probes": {
            "before": "./a",
            "after": "./b",
            "saved": a_probe(),
            "tasks": None,
            "margin": "1 point",
            "correction": "holm",
            **{name: one for name, one in shared.items() if name in OF_SAVED},
        },
        "load_probes": {"folder": tmp_path},
        "save_probes": {"probes": a_probe(), "folder": tmp_path},
        "gate": {
            "before": "./a",
            "after": "./b",
            "policy": a_policy(tmp_path),
            **shared,
        },
        "junit": {"gated": VERDICTS, "path": tmp_path / "x.xml"},
        "trace": {
            "models": ["./a", "./b"],
            "base": "./c",
            "folder": tmp_path,
            "probe": "mlp",
            "threshold": 0.9,
            "keep_states": True,
            **shared,
        },
        "extract": {
            "model": "./none",
            "corpus": sample(),
            "context": "sentence",
            "settings": None,
            "progress": print,
            "options": None,
        },
        "read_states": {
            "source": "./none",
            "model": "./none",
            "corpus": sample(),
            "final_norm": False,
            "context": "sentence",
            "settings": None,
            "progress": print,
            "options": None,
        },
        "prompts": {
            "model": "./none",
            "corpus": sample(),
            "context": "sentence",
            "settings": None,
        },
        "annotate": {
            "texts": "./none.txt",
            "tagger": "spacy:none",
            "out": tmp_path / "x.conllu",
            "unit": "line",
            "progress": print,
        },
        "finetune": {
            "model": "./none",
            "data": "sample:pos",
            "recipe": "full",
            "out": tmp_path / "tuned",
            "settings": None,
            "recipe_settings": None,
            "progress": print,
        },
        "recipes": {
            "model": "./none",
            "data": "sample:pos",
            "recipes": "full",
            "tasks": "pos",
            "out": tmp_path / "grid",
            "progress": print,
        },
        "tradeoff": {"found": RECIPE_SCORES, "paths": tmp_path / "x.png", **PLAIN},
        "transfer": {
            "model": "./none",
            "data": "sample:pos",
            "labels": (10, "all"),
            "out": tmp_path / "transfer",
            "settings": None,
            "progress": print,
        },
        "erase": {
            "model": "./none",
            "task": "pos",
            **{parameter: value for parameter, value in shared.items() if parameter != "tasks"},
        },
        "compare_use": {
            "before": "./a",
            "after": "./b",
            "correction": "holm",
            **shared,
        },
        "neurons": {
            "model": "./none",
            "task": "pos",
            **{parameter: value for parameter, value in shared.items() if parameter != "tasks"},
        },
        "attribute": {
            "model": "./none",
            "task": "pos",
            **{name: one for name, one in shared.items() if name not in ("tasks", "seeds")},
        },
        "heatmap": {"subject": NO_SCORES, "paths": tmp_path / "x.png", **PLAIN, **CELLS},
        "lines": {"subject": NO_SCORES, "paths": tmp_path / "x.png", **PLAIN},
        "bars": {"comparison": NO_COMPARISON, "paths": tmp_path / "x.png", **PLAIN},
        "present_or_used": {
            "comparison": NO_COMPARISON,
            "paths": tmp_path / "x.png",
            **PLAIN,
        },
        "confusion": {
            "scores": PREDICTED,
            "paths": tmp_path / "x.png",
            **dict.fromkeys(("model", "task", "corpus", "probe", "layer", "seed")),
            "labels": 3,
            "cmap": None,
            **PLAIN,
        },
        "learning_curves": {"scores": PREDICTED, "paths": tmp_path / "x.png", **PLAIN},
        "capacity": {"scores": PREDICTED, "paths": tmp_path / "x.png", "layer": 1, **PLAIN},
        "latex": {"subject": NO_SCORES},
        "track": {"results": PREDICTED, "folder": tmp_path, "name": "run", "pictures": ()},
        "latex_files": {"folders": written, "out": tmp_path / "x", "style": "paper"},
        "markdown_file": {"folders": written, "out": tmp_path / "x.md"},
        "model_card": {"checkpoint": tmp_path, "folders": written},
        "style": {"name": "paper"},
        "load_corpus": {"name_or_path": "sample", "allow_modified": False, "progress": print},
        "load_task": {"name": "pos"},
        "ask": {"task": pk.load_task("pos"), "corpus": sample()},
        "read": {"folders": tmp_path},
        "report": {"folders": tmp_path, "out": tmp_path / "x.html", "title": "t"},
        "replicate": {
            "name": "tenney2019",
            "model": "./none",
            "before": None,
            "after": None,
            **{parameter: value for parameter, value in shared.items() if parameter != "tasks"},
        },
    }


MODEL_NAME: list[tuple[Any, str]] = [
    (3, "a path"),
    (["./a"], "a path"),
    ("./none-at-all", "no model folder"),
]
ANY_SEEDS = [
    (0, "at least one"),
    (10**22, "at most 1,000"),
    ([2**70], "a seed must be below"),
    ([], "empty"),
    ([0, 0], "0 twice"),
    ("two", "whole number"),
    (1.5, "whole number"),
]
ANY_SEEDS += [(True, "whole number"), ([-1], "whole number")]
FLAG: list[tuple[Any, str]] = [("yes", "True or False"), (1, "True or False")]
SHARED: dict[str, list[tuple[Any, str]]] = {
    "tasks": [([], "empty"), (3, "Task"), ({"pos": 1}, "Task"), ([None], "Task")],
    "corpus": [
        (3, "Corpus"),
        (Dataset.from_dict({"a": [1]}), "to_parquet"),
        ([DatasetDict()], "to_parquet"),
    ],
    "seeds": ANY_SEEDS,
    "extract_settings": [({"subwords": "first"}, "ExtractSettings"), (QUICK, "ExtractSettings")],
    "fit_settings": [({"epochs": 2}, "FitSettings"), (3, "FitSettings")],
    "allow_modified": FLAG,
    "progress": [("loud", "True, False or a function"), (1, "True, False or a function")],
    "options": [
        ({"layrs": [1]}, "did you mean 'layers'"),
        ({"layers": "0,4"}, "layers takes"),
        ({"subwords": "men"}, "did you mean 'mean'"),
        ({"seed": 1}, "did you mean 'seeds'"),
        ({"extract_setings": None}, "did you mean 'extract_settings'"),
    ],
}
MODELS: list[tuple[object, str]] = [
    (3, "States"),
    (None, "States"),
    (torch.nn.Linear(2, 2), r"probekit\.extract\(module"),
    ([], "empty"),
]
KIND = [("lnear", "did you mean 'linear'"), (["linear", 3], "a text"), (None, "a text")]
ONE_KIND = [("lnear", "did you mean 'linear'"), (["linear"], "a text")]
DRAWN: dict[str, list[tuple[Any, str]]] = {
    "paths": [(3, "a path"), (None, "a path")],
    "ax": [("here", "Axes"), ([], "Axes")],
    "greyscale": [("yes", "True or False"), (1, "True or False")],
}
FOLDERS: list[tuple[Any, str]] = [
    (3, "a path"),
    ([], "empty"),
    (NO_SCORES, "a path"),
    (Path(__file__).parent, "no results in"),
]
ENGINE = [("threds", "did you mean 'threads'"), (3, "a text"), ({"workers": 2}, "a text")]
NOT_OF_TASKS = ("extract_settings", "fit_settings", "allow_modified", "progress")
BAD: dict[str, dict[str, list[tuple[Any, str]]]] = {
    "probe": {
        "model": [*MODELS, (NO_SCORES, "States")],
        "probes": KIND,
        "control": FLAG,
        "codelength": FLAG,
        "mix": FLAG,
        "resample_train": [(1, "from 2 to 1,000"), (-1, "whole number"), ("two", "whole number")],
        "save_probes": [(3, "a path"), (True, "a path")],
        "beyond": [("0", "a whole number"), (True, "a whole number"), (1.5, "a whole number")],
        "capacity": FLAG,
        "test_corpus": [*SHARED["corpus"], ([], "empty")],
        "random_control": FLAG,
        "lm_head": MODEL_NAME,
        "reference": MODEL_NAME,
        "engine": ENGINE,
        **SHARED,
    },
    "compare": {
        "before": [*MODELS[:3], (["./a"], "States")],
        "after": MODELS,
        "probe": ONE_KIND,
        "resample_train": [(1, "from 2 to 1,000"), (-1, "whole number"), ("two", "whole number")],
        "correction": [("holmes", "did you mean 'holm'")],
        "floor": [("lexicl", "did you mean 'lexical'")],
        "lm_head": MODEL_NAME,
        "reference": MODEL_NAME,
        "engine": ENGINE,
        **SHARED,
    },
    "compare_probes": {
        "before": [*MODELS[:3], (["./a"], "States")],
        "after": MODELS,
        "saved": [
            (3, "a path"),
            ([], "empty"),
            ("./none", "no saved probes in none"),
            (NO_SCORES, "a path"),
        ],
        "tasks": [(3, "a text"), ([], "empty"), ("poss", "did you mean 'pos'")],
        "margin": [
            (0.01, "a text"),
            ("0 points", "points above 0"),
            ("1%", "points above 0"),
            ("0.1 bits", "points above 0"),
            ("one", "points above 0"),
        ],
        "correction": [("bh", "value of correction"), (None, "a text")],
        **{name: rows for name, rows in SHARED.items() if name in OF_SAVED},
        "corpus": [(3, "Corpus"), (["sample"], "Corpus"), (None, "no value of corpus")],
        "options": [*SHARED["options"][:3], SHARED["options"][4]],
    },
    "load_probes": {"folder": [(3, "a path"), (None, "a path"), ("./none", "no saved probes")]},
    "save_probes": {
        "probes": [(3, "SavedProbe"), ([], "empty"), ([a_probe(), "pos"], "SavedProbe")],
        "folder": [(3, "a path"), (None, "a path")],
    },
    "gate": {
        "before": [MODELS[0], (None, "no value of before"), MODELS[2], (["./a"], "States")],
        "after": [MODELS[0], (None, "no value of after"), MODELS[2], (["./b"], "States")],
        "policy": [(3, "a path"), (None, "a path"), ("./none.toml", "cannot read the policy file")],
        "comparison": [
            (3, "Comparison"),
            (NO_SCORES, "Comparison"),
            (NO_COMPARISON, "comparison was measured already"),
        ],
        "remedies": [
            (3, "Comparison or Trajectory"),
            ([], "empty"),
            (NO_SCORES, "Comparison or Trajectory"),
            ("./none", "remedies: expected a folder that 'probekit trace'"),
        ],
        "probe": [("lnear", "did you mean 'linear'"), (["linear"], "a text")],
        "resample_train": [(1, "from 2 to 1,000"), (-1, "whole number"), ("two", "whole number")],
        "lm_head": MODEL_NAME,
        "reference": MODEL_NAME,
        **SHARED,
    },
    "track": {
        "results": [(EMPTY, "Scores or Comparison or Trajectory"), (VERDICTS, "Trajectory")],
        "folder": [(3, "a path"), (None, "a path")],
        "name": [(3, "a text"), (None, "a text")],
        "pictures": [(3, "a path"), ("./none.png", "cannot be read as PNG")],
    },
    "junit": {
        "gated": [(EMPTY, "Gated"), (NO_SCORES, "Gated")],
        "path": [(3, "a path"), (None, "a path")],
    },
    "trace": {
        "models": [([], "empty"), (3, "a path"), (["./a", None], "a path")],
        "base": [(3, "a path"), (["./c"], "a path")],
        "folder": [(None, "a path")],
        "probe": ONE_KIND,
        "threshold": [(2, "from 0 to 1"), ("x", "from 0 to 1")],
        "keep_states": [("no", "True or False")],
        "lm_head": MODEL_NAME,
        "reference": MODEL_NAME,
        "engine": ENGINE,
        **SHARED,
    },
    "extract": {
        "model": [
            (3, "a torch module"),
            (None, "a torch module"),
            MODELS[2],
            (["./a"], "a torch module"),
        ],
        "corpus": [("sample", "Corpus"), (Dataset.from_dict({"a": [1]}), "to_parquet")],
        "context": [("documents", "did you mean 'document'")],
        "settings": [({"subwords": "first"}, "ExtractSettings")],
        "progress": [("loud", "True, False or a function"), (1, "True, False or a function")],
        "options": [
            ({"subwrds": "first"}, "did you mean 'subwords'"),
            ({"subwords": "men"}, "did you mean 'mean'"),
        ],
    },
    "read_states": {
        "source": [(3, "a path"), (None, "a path"), (Dataset.from_dict({"a": [1]}), "to_parquet")],
        "model": MODEL_NAME,
        "corpus": [("sample", "Corpus")],
        "final_norm": FLAG,
        "context": [("documents", "did you mean 'document'")],
        "settings": [({"subwords": "first"}, "ExtractSettings")],
        "progress": SHARED["progress"],
        "options": SHARED["options"][:3],
    },
    "prompts": {
        "model": MODEL_NAME,
        "corpus": [("sample", "Corpus")],
        "context": [("documents", "did you mean 'document'")],
        "settings": [({"device": "cpu"}, "EncoderSettings"), (QUICK, "EncoderSettings")],
    },
    "annotate": {
        "texts": [(3, "a path"), ([], "empty"), (NO_SCORES, "a path")],
        "tagger": [(3, "a text"), (None, "a text")],
        "out": [(None, "a path"), (3, "a path")],
        "unit": [("lines", "did you mean 'line'"), (1, "a text")],
        "progress": SHARED["progress"],
    },
    "finetune": {
        "model": [(3, "a path"), (None, "a path"), (["./a"], "a path")],
        "data": [(3, "a path"), (Dataset.from_dict({"a": [1]}), "a path"), ("x", "CORPUS:TASK")],
        "recipe": [("ulmfti", "did you mean 'ulmfit'"), (3, "a text")],
        "out": [(None, "a path"), (3, "a path")],
        "text": [(3, "a text"), ("a,b,c", "not 3"), ("a", "are for tables")],
        "label": [(3, "a text"), (None, "a text"), ("a", "are for tables")],
        "regression": FLAG,
        "settings": [({"rate": 1}, "TuningSettings"), (QUICK, "TuningSettings")],
        "recipe_settings": [("strength=1", "Mapping"), ({"strength": 1}, "full has no settings")],
        "probe_every": [(0, "from 1 on"), ("often", "from 1 on"), (True, "from 1 on")],
        "probe_tasks": [([], "empty"), (3, "a text"), ([None], "a text")],
        "probe_corpus": [(3, "a path"), (None, "a path")],
        "resume": FLAG,
        "overwrite": FLAG,
        "progress": SHARED["progress"],
    },
    "recipes": {
        "model": [(3, "a path"), (None, "a path")],
        "data": [(3, "a path"), ("x", "CORPUS:TASK")],
        "recipes": [([], "empty"), (3, "a text"), (["ulmfti"], "did you mean 'ulmfit'")],
        "tasks": [([], "empty"), (3, "a text")],
        "out": [(None, "a path"), (3, "a path")],
        "rates": [
            (1e-4, "Mapping"),
            ({"lora": 1}, "unknown recipe 'lora'"),
            ({"full": 0}, "above 0"),
            ({"full": "fast"}, "a number"),
            ({"full": []}, "empty"),
        ],
        "seeds": ANY_SEEDS,
        "corpus": [(3, "a path"), ([], "empty")],
        "probe_seeds": ANY_SEEDS,
        "resample_train": [(-1, "a whole number"), ("ten", "a whole number")],
        "text": [(3, "a text"), ("a", "are for tables")],
        "label": [(3, "a text"), ("a", "are for tables")],
        "regression": FLAG,
        "settings": [({"rate": 1}, "TuningSettings")],
        "overwrite": FLAG,
        "engine": ENGINE,
        "progress": SHARED["progress"],
    },
    "tradeoff": {"found": [(EMPTY, "RecipeScores"), ("grid", "RecipeScores")], **DRAWN},
    "transfer": {
        "model": [(3, "a path"), (None, "a path"), (["./a"], "a path")],
        "data": [(3, "a path"), (Dataset.from_dict({"a": [1]}), "a path"), ("x", "CORPUS:TASK")],
        "labels": [
            (10, "several numbers"),
            ("all", "several numbers"),
            ([], "at least two"),
            ([10], "at least two"),
            ([0, 10], "from 1 on"),
            ([10, "most"], "from 1 on"),
            ([10, 1.5], "from 1 on"),
            ([10, True], "from 1 on"),
            ([10, 10**6], "labels has 1,000,000, and"),
        ],
        "out": [(None, "a path"), (3, "a path")],
        "methods": [
            ("ngram", "did you mean 'ngrams'"),
            (3, "a text"),
            (["full", None], "a text"),
            ("static", "needs vectors"),
        ],
        "vectors": [(3, "a path"), ("./none.txt", "there is no file")],
        "seeds": ANY_SEEDS,
        "text": [(3, "a text"), ("a,b,c", "not 3"), ("a", "are for tables")],
        "label": [(3, "a text"), (None, "a text"), ("a", "are for tables")],
        "regression": FLAG,
        "dev": [(0, "from 1 on"), ("all", "from 1 on"), (True, "from 1 on")],
        "settings": [
            ({"rate": 1}, "TuningSettings"),
            (QUICK, "TuningSettings"),
            (pk.TuningSettings(rate=1e-4), "rate is not read here"),
            (pk.TuningSettings(seed=3), "seed is not read here"),
        ],
        "rates": [
            (1e-4, "Mapping"),
            ({"ngrams": 1}, "unknown recipe 'ngrams'"),
            ({"full": 2}, "above 0"),
            ({"full": "fast"}, "a number"),
            ({"full": []}, "empty"),
        ],
        "epochs": [
            (3, "Mapping"),
            ({"ful": 1}, "did you mean 'full'"),
            ({"full": 0}, "from 1 on"),
        ],
        "overwrite": FLAG,
        "progress": SHARED["progress"],
    },
    "erase": {
        "model": [(3, "a path"), (None, "a path"), (["./a"], "a path"), MODELS[2]],
        "task": [(3, "Task"), (["pos"], "Task"), ("poss", "did you mean 'pos'")],
        "data": [(3, "a path"), (["sample:pos"], "a path")],
        "lm_head": MODEL_NAME,
        **{name: rows for name, rows in SHARED.items() if name not in ("tasks", "corpus")},
        "tasks": SHARED["tasks"][1:],
        "corpus": SHARED["corpus"][:2],
    },
    "compare_use": {
        "before": [(3, "a path"), (None, "a path"), (["./a"], "a path"), MODELS[2]],
        "after": [(3, "a path"), ([], "empty"), (["./a", None], "a path"), MODELS[2]],
        "data": [(3, "a path"), (["sample:pos"], "a path")],
        "correction": [("holmes", "did you mean 'holm'")],
        **{name: rows for name, rows in SHARED.items() if name != "corpus"},
        "corpus": SHARED["corpus"][:2],
    },
    "neurons": {
        "model": [(3, "a path"), (None, "a path"), (["./a"], "a path"), MODELS[2]],
        "task": [(3, "Task"), (["pos"], "Task"), ("poss", "did you mean 'pos'")],
        "against": [(3, "a path"), (["./a"], "a path")],
        "top": [(0, "from 1 on"), ("all", "from 1 on"), (True, "from 1 on")],
        **{name: rows for name, rows in SHARED.items() if name not in ("tasks", "corpus")},
        "tasks": SHARED["tasks"][1:],
        "corpus": SHARED["corpus"][:2],
    },
    "attribute": {
        "model": [*MODELS, (["./a", "./b"], "one checkpoint, not 2")],
        "task": [(3, "Task"), (["pos"], "Task"), ("poss", "did you mean 'pos'")],
        "text": [(3, "a text"), (" ", "no word")],
        "at": [([1], "a text or a whole number"), (True, "a text or"), (1, "needs text")],
        "label": [(3, "a text"), ("NOUN", "needs text")],
        "corpus": SHARED["corpus"][:2],
        "limit": [(0, "from 1 on"), ("all", "from 1 on")],
        "baseline": [("pads", "did you mean 'pad'"), (3, "a text")],
        "probe": ONE_KIND,
        **{name: rows for name, rows in SHARED.items() if name in NOT_OF_TASKS},
        "options": [*SHARED["options"][:3], ({"lable": "NOUN"}, "did you mean 'label'")],
    },
    "heatmap": {
        "subject": [
            (EMPTY, r"probekit\.Scores\(table\)"),
            ("runs/demo", "Scores or Comparison or Trajectory"),
        ],
        "cmap": [(3, "a text"), ("virids", "did you mean 'viridis'")],
        "vmin": [("0", "a number"), (2.0, "it must be higher")],
        "vmax": [(float("nan"), "a number"), (True, "a number")],
        "digits": [(-1, "0 to 6"), (2.5, "a whole number"), (True, "a whole number")],
        **DRAWN,
    },
    "lines": {
        "subject": [
            (EMPTY, r"probekit\.Scores\(table\)"),
            (None, "Scores or Comparison or Trajectory"),
        ],
        **DRAWN,
    },
    "present_or_used": {
        "comparison": [
            (NO_SCORES, "Comparison"),
            (NO_COMPARISON, "nothing to draw: compare at least two"),
        ],
        **DRAWN,
    },
    "bars": {"comparison": [(NO_SCORES, "Comparison"), (EMPTY, "Comparison")], **DRAWN},
    "confusion": {
        "scores": [(EMPTY, r"probekit\.Scores\(table\)"), ("runs/demo", "Scores")],
        "model": [(3, "a text"), ("n", "known: m")],
        "task": [(3, "a text"), ("poss", "did you mean 'pos'"), ([], "empty")],
        "corpus": [(3, "a text"), ("d", "known: c")],
        "probe": [(3, "a text"), ("lnear", "did you mean 'linear'")],
        "layer": [("1", "a whole number"), (9, "known: 0, 1"), (-1, "from 0 on")],
        "seed": [(1.5, "a whole number"), (3, "known: 0, 1")],
        "labels": [(0, "from 1 on"), ("all", "from 1 on")],
        "cmap": [(3, "a text"), ("virids", "did you mean 'viridis'")],
        **DRAWN,
    },
    "learning_curves": {
        "scores": [
            (EMPTY, r"probekit\.Scores\(table\)"),
            (PREDICTED, "no learning curves: run probe with codelength=True"),
        ],
        **DRAWN,
    },
    "capacity": {
        "scores": [
            (EMPTY, r"probekit\.Scores\(table\)"),
            (PREDICTED, "no table of capacity: run probe with capacity=True"),
        ],
        "layer": [("1", "a whole number"), (True, "a whole number")],
        **DRAWN,
    },
    "latex": {
        "subject": [
            (EMPTY, r"probekit\.Scores\(table\)"),
            ("runs/demo", "Scores or Comparison or Gated or ProbeChange or Trajectory"),
        ]
    },
    "latex_files": {
        "folders": FOLDERS,
        "out": [(3, "a path"), (None, "a path")],
        "style": [("papr", "did you mean 'paper'"), (1, "a text")],
    },
    "markdown_file": {"folders": FOLDERS, "out": [(3, "a path"), (None, "a path")]},
    "model_card": {
        "checkpoint": [
            (3, "a path"),
            ("./none", "checkpoint takes the folder of a checkpoint"),
            (Path(__file__).parent, "no config.json"),
        ],
        "folders": FOLDERS,
    },
    "style": {"name": [("papr", "did you mean 'paper'"), (1, "a text")]},
    "load_corpus": {
        "name_or_path": [(3, "a path"), (Dataset.from_dict({"a": [1]}), "to_parquet")],
        "allow_modified": SHARED["allow_modified"],
        "progress": SHARED["progress"],
    },
    "load_task": {"name": [(3, "a path"), (None, "a path")]},
    "ask": {"task": [("pos", "Task")], "corpus": [("sample", "Corpus")]},
    "read": {"folders": [(3, "a path"), ([], "empty"), (NO_SCORES, "a path")]},
    "report": {
        "folders": [
            (3, "a path"),
            ([], "empty"),
            (NO_SCORES, "a path"),
            (["./none", "./none"], "none twice"),
        ],
        "out": [(3, "a path"), (None, "a path"), ("x.pdf", r"ends in \.html"), (".", "a folder")],
        "title": [(3, "a text"), (None, "a text"), (" ", "title is empty")],
    },
    "replicate": {
        "name": [(3, "a path"), (None, "a path")],
        "model": [(3, "States"), ([], "States"), (NO_SCORES, "States")],
        "before": [("./a", "before is given, but tenney2019 takes one")],
        "after": [("./a", "after is given, but tenney2019 takes one")],
        "corpus": [(3, "Corpus"), (["sample"], "Corpus")],
        **{name: rows for name, rows in SHARED.items() if name not in ("tasks", "corpus")},
    },
}
ROWS = [
    pytest.param(verb, parameter, value, message, id=f"{verb}-{parameter}-{number}")
    for verb, parameters in BAD.items()
    for parameter, rows in parameters.items()
    for number, (value, message) in enumerate(rows)
]


def call(verb: str, arguments: dict[str, Any]) -> Any:
    """Call a public function, with positional and further ones where it takes them."""
    arguments = dict(arguments)
    more = arguments.pop("options", None) or {}
    if "paths" in arguments:
        (subject,) = set(arguments) & {"subject", "comparison", "scores", "found"}
        paths = arguments.pop("paths")
        return getattr(pk, verb)(arguments.pop(subject), paths, **arguments)
    return getattr(pk, verb)(**arguments, **more)


@pytest.mark.parametrize(("verb", "parameter", "value", "message"), ROWS)
def test_what_is_something_else_is_refused(
    verb: str, parameter: str, value: Any, message: str, tmp_path: Path, written: Path
) -> None:
    with pytest.raises(ProbekitError, match=message) as refused:
        call(verb, good(tmp_path, written)[verb] | {parameter: value})
    text = str(refused.value)
    assert len(text.splitlines()) == 1
    assert parameter in text or parameter == "options" or "checkpoints" in text


def test_every_parameter_of_every_public_function_has_a_door() -> None:
    verbs = {name for name in pk.__all__ if inspect.isfunction(getattr(pk, name))}
    assert verbs == set(BAD)
    for verb in verbs:
        assert set(inspect.signature(getattr(pk, verb)).parameters) == set(BAD[verb]), verb


SETTINGS: dict[type, dict[str, list[Any]]] = {
    pk.EncoderSettings: {
        "device": ["gpu", 0],
        "dtype": ["flaot32", None],
        "device_map": ["balanced", None],
        "stack": ["encodr"],
        "site": ["atn"],
        "adapter": ["off", 0],
        "tokenizer": [3, True],
        "allow_pickle": ["yes"],
        "trust_remote_code": [1],
    },
    pk.EngineSettings: {
        "kind": ["rey", 1],
        "workers": [0, "many", True],
        "address": [3, True],
    },
    pk.ExtractSettings: {
        "subwords": ["men", 1],
        "layers": ["0,4", [1.5], [-1], [True]],
        "batch_tokens": [0, "many", True],
        "store_dtype": ["float", "bfloat16"],
        "states": ["disk", None],
        "encoder": [{"site": "attn"}],
    },
    pk.TuningSettings: {
        "rate": [0, 2, "fast", True],
        "epochs": [0, 1.5],
        "batch": [0, "large"],
        "warmup": [1, -0.1, "long"],
        "weight_decay": [-1, "much"],
        "seed": [-1, 0.5, [0, 1]],
        "examples": [0, "all"],
        "longest": [0, None],
        "save_every": [0, 1.5],
        "device": ["gpu", 0],
        "allow_pickle": ["yes"],
        "trust_remote_code": [1],
    },
    pk.FitSettings: {
        "epochs": [0, 1.5],
        "words": [0, "many"],
        "batch_words": [-1, True],
        "learning_rate": ["fast", float("nan")],
        "device": [0],
        "choose_by": ["scor", 1],
        "freedom": ["large"],
    },
}


@pytest.mark.parametrize("settings", SETTINGS)
def test_settings_are_checked_when_they_are_made(settings: Any) -> None:
    assert {one.name for one in fields(settings)} == set(SETTINGS[settings])
    for name, values in SETTINGS[settings].items():
        for value in values:
            with pytest.raises(ProbekitError, match=name):
                settings(**{name: value})


@pytest.mark.parametrize("verb", [pk.probe, pk.compare, pk.trace])
def test_a_setting_lives_in_one_place(verb: Any) -> None:
    settings = {one.name for kind in SETTINGS for one in fields(kind)}
    assert not settings & set(inspect.signature(verb).parameters)


@pytest.mark.slow
def test_other_forms_of_the_same_thing(few: Corpus, tiny_bert: Path) -> None:
    states = pk.extract(tiny_bert, few, layers=3)
    assert states.layers == (3,) and states.model == str(tiny_bert)
    run: Callable[..., pk.Scores] = partial(pk.probe, fit_settings=QUICK)
    expected = run(states, ["pos"], probes=["linear"], seeds=[0, 1]).table
    for scores in (
        run(states, "pos", probes="linear", seeds=2),
        run(states, pk.load_task("pos"), probes=("linear",), seeds=np.arange(2)),
        run([states], iter(["pos"]), probes={"linear"}, seeds=np.int64(2)),
    ):
        pd.testing.assert_frame_equal(scores.table, expected)
    settings = pk.ExtractSettings(layers=(3,))
    for subject in (tiny_bert, [tiny_bert], [str(tiny_bert)]):
        found = run(subject, "pos", corpus=few, seeds=2, extract_settings=settings)
        pd.testing.assert_frame_equal(found.table, expected)
    pd.testing.assert_frame_equal(
        run(tiny_bert, "pos", corpus=few, seeds=2, layers=[3]).table, expected
    )
    refused = ({"layers": [3]}, {"extract_settings": settings}, {"corpus": "nonsense"})
    for given in refused:
        with pytest.raises(ProbekitError, match="states have been read already"):
            run(states, "pos", **given)
    both = run([tiny_bert, states], "pos", corpus=few)
    assert len(both.best()) == 1  # one experiment, asked for twice
    kinds = run(states, "pos", probes=["linear", "mlp"]).table["probe"].unique()
    assert {"linear", "mlp"} <= set(kinds)


@pytest.mark.slow
def test_a_path_is_a_model_for_compare_and_trace_too(
    few: Corpus, tiny_bert: Path, tmp_path: Path
) -> None:
    quick: dict[str, Any] = {"seeds": 1, "fit_settings": QUICK, "layers": (1, 3)}
    change = pk.compare(tiny_bert, tiny_bert, "pos", corpus=few, **quick)
    assert (change.best["delta"] == 0).all() and change.comparison["layer"].tolist() == [1, 3]
    others: list[str | Path] = [tiny_bert, f"random:{tiny_bert}"]
    found = pk.trace(others, "pos", corpus=few, folder=tmp_path, **quick)
    assert set(found.table["layer"]) == {1, 3}
    assert found.table["model"].unique().tolist() == [str(tiny_bert), f"random:{tiny_bert}"]


def test_a_model_that_cannot_be_opened_is_told_before_the_others_work(
    few: Corpus, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text("{}")
    monkeypatch.setattr("probekit.probes.plan.read_each", None)  # nothing is extracted
    with pytest.raises(ProbekitError, match="broken"):
        pk.probe([tiny_bert, broken], "pos", corpus=few)
    with pytest.raises(ProbekitError, match="broken"):
        pk.compare(tiny_bert, broken, "pos", corpus=few)


def test_a_tokenizer_beside_a_loaded_model_is_explained(few: Corpus, tiny_bert: Path) -> None:
    model = AutoModel.from_pretrained(tiny_bert, add_pooling_layer=False)
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    both: Any = (model, tokenizer)
    with pytest.raises(ProbekitError, match=r"probekit\.LoadedModel\(model, tokenizer\)"):
        pk.probe(both, "pos", corpus=few)


def test_named_parts_of_a_loaded_model_are_layers(few: Corpus, tiny_bert: Path) -> None:
    model = AutoModel.from_pretrained(tiny_bert, add_pooling_layer=False)
    parts = ["embeddings", "encoder.layer.0", "encoder.layer.1", "encoder.layer.2"]
    states = pk.extract(
        model, few, tokenizer=AutoTokenizer.from_pretrained(tiny_bert), layers=parts
    )
    assert states.layers == (0, 1, 2, 3)


def test_states_are_no_picture(few: Corpus, tiny_bert: Path, tmp_path: Path) -> None:
    with pytest.raises(ProbekitError, match=r"not a States: probe them first: probekit\.probe"):
        pk.heatmap(pk.extract(tiny_bert, few), tmp_path / "x.png")  # type: ignore[arg-type]
    nothing: list[Any] = [
        NO_SCORES,
        NO_COMPARISON,
        pk.Trajectory(EMPTY, EMPTY, EMPTY),
    ]
    for results in nothing:
        for draw in (pk.heatmap, pk.lines):
            with pytest.raises(ProbekitError, match="nothing to draw"):
                draw(results)


NAMED = {
    "corpus": ("sample", lambda name: pk.load_corpus(name).source),
    "task": ("pos", lambda name: pk.load_task(name).title),
}


@pytest.mark.parametrize("kind", NAMED)
def test_a_shipped_name_means_the_same_everywhere(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One rule for models, corpora and tasks: the shipped name wins, ./NAME is the other, and a
    warning says so."""
    name, use = NAMED[kind]
    expected = use(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    with pytest.warns(ProbekitWarning, match=rf"'{name}' is a {kind} .* \./{name}"):
        assert use(name) == expected


def test_a_folder_with_a_models_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from probekit.models.names import resolve

    monkeypatch.chdir(tmp_path)
    for alias in ("gpt2", "minilm"):
        (tmp_path / alias).mkdir()
        with pytest.warns(ProbekitWarning, match=rf"'{alias}' is a model .* \./{alias}"):
            assert Path(resolve(alias).location).resolve() != tmp_path / alias
        assert Path(resolve(f"./{alias}").location).resolve() == tmp_path / alias
    (tmp_path / "bert-base").write_text("")
    with (
        pytest.warns(ProbekitWarning, match=r"\./bert-base"),
        pytest.raises(ProbekitError, match="model hub"),
    ):
        pk.probe("bert-base", "pos", corpus="sample")


def test_a_folder_with_a_corpus_name(
    few: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "sample"
    folder.mkdir()
    for split in ("train", "dev", "test"):
        (folder / f"{split}.conllu").write_text("1\tw\t_\tX" + "\t_" * 6 + "\n\n")
    with pytest.warns(ProbekitWarning):
        assert len(pk.load_corpus("sample").splits["train"]) > 100
    for own in ("./sample", Path("sample"), folder):
        corpus = pk.load_corpus(own)
        assert len(corpus.splits["train"]) == 1 and corpus.source == str(own)
