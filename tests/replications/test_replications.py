"""Every replication in `probes/replications/`, since it is there; and files that are wrong."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import probekit as pk
from probekit import bundle
from probekit.corpora.passage import Corpus
from probekit.errors import InputError
from probekit.models.names import ALIASES
from probekit.probes.capacity import SWEEP
from probekit.probes.heads import head_of
from probekit.replications.quantities import QUANTITIES, Asked
from probekit.replications.replicate import replicate
from probekit.replications.replicated import Replicated
from probekit.replications.replication import FOLDER, load_replication
from probekit.reports.tables.replication import replication_table
from probekit.stats.layers import expected_layer
from tests.commands import run_main

QUICK = pk.FitSettings(words=500, epochs=1)
TABLE = Path(__file__).parents[2].parent / "shared/reference/tenney2019_cumulative_f1.csv"
EVERY = pytest.mark.parametrize("name", bundle.names(FOLDER))
FILE = """
title = "A paper"
citation = "Somebody 2020"
url = "https://example.org"
question = "What is asked?"
model = "bert-base"
tasks = ["pos"]
probes = ["linear", "mlp"]
evidence = ["control"]
differences = ["Data: another."]

[[published]]
quantity = "selectivity"
task = "pos"
value = 26.0
model = "tiny-bert"
corpus = "PTB"
comparable_on = "sample"
source = "Table 1"
"""


@pytest.fixture(scope="module")
def few(small: Corpus) -> Corpus:
    """Even fewer sentences."""
    return Corpus("few", {split: passages[:50] for split, passages in small.splits.items()})


def checkpoints(name: str, model: Path) -> dict[str, Any]:
    """The checkpoints that a replication takes: a tiny one, and its like with other weights."""
    if load_replication(name).verb == "compare":
        return {"before": model, "after": f"random:{model}"}
    return {"model": model}


@EVERY
def test_a_file_says_what_it_replicates(name: str) -> None:
    paper = load_replication(name)
    assert paper.name == name and paper.url.startswith("https://") and paper.question.endswith("?")
    assert paper.model in ALIASES
    assert paper.differences and all(one.endswith(".") for one in paper.differences)
    for kind in paper.probes:
        assert head_of(kind).name == kind
    told_apart = set()
    for figure in paper.published:
        assert figure.source
        told_apart.add((figure.quantity, figure.task, figure.probe, figure.model, figure.setting))
    assert len(told_apart) == len(paper.published)


@pytest.mark.slow
@EVERY
def test_a_replication_runs_and_is_read_back(
    name: str, few: Corpus, tiny_bert: Path, tmp_path: Path
) -> None:
    paper = load_replication(name)
    found = replicate(
        name,
        **checkpoints(name, tiny_bert),
        corpus=few,
        seeds=1,
        fit_settings=QUICK,
        progress=False,
    )
    table = found.table
    assert table["quantity"].tolist() == [figure.quantity for figure in paper.published]
    # Without gain from layer 0 on there is no expected layer: the model is a random one.
    may_lack = table["quantity"] == "expected_layer"
    assert np.isfinite(table["measured"][~may_lack]).all()
    has_interval = table["ci_low"].notna()
    in_order = (table["ci_low"] <= table["ci_high"])[has_interval]
    assert in_order.all() and has_interval.any()
    assert (table["compare"] == "pattern").all()
    assert set(paper.differences) < set(found.differences)
    assert any("tiny-bert" in one for one in found.differences)
    assert any("few" in one for one in found.differences)
    assert len(replication_table(found).rows) == len(table)
    found.write(tmp_path)
    assert Replicated.read(tmp_path) == found == pk.read(tmp_path)
    assert pk.read(tmp_path / "measured") == found.found


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_what_is_measured_is_what_probe_finds(
    kind: str, few: Corpus, tiny_bert: Path, tmp_path: Path
) -> None:
    rows = []
    quantities = [
        "accuracy",
        "control_accuracy",
        "selectivity",
        "compression",
        "bits",
        "expected_layer",
    ]
    head, _, row = FILE.partition("[[published]]")
    head = head.replace('["control"]', '["control", "codelength", "mix"]')
    for quantity in quantities:
        changed = row.replace("selectivity", quantity).replace('"pos"', f'"pos"\nprobe = "{kind}"')
        rows.append(f"[[published]]{changed}")
    (tmp_path / "mine.toml").write_text(head + "\n".join(rows))
    replicated = replicate(
        tmp_path / "mine.toml", model=tiny_bert, corpus=few, fit_settings=QUICK, progress=False
    )
    assert isinstance(replicated.found, pk.Scores)
    evidence = replicated.found.evidence().set_index("probe").loc[kind]
    measured = replicated.table.set_index("quantity")
    hundredfold = ["score", "control_score", "selectivity"]
    expected = [*(100 * evidence[hundredfold]), evidence["compression"]]
    expected += [evidence["bits_per_instance"], evidence["expected_layer"]]
    assert measured["measured"].tolist() == pytest.approx(expected, abs=1e-4, nan_ok=True)
    ends = [100 * evidence["selectivity_low"], 100 * evidence["selectivity_high"]]
    assert measured.loc["selectivity", ["ci_low", "ci_high"]].tolist() == pytest.approx(ends)
    ends = [evidence["bits_low"], evidence["bits_high"]]
    assert measured.loc["bits", ["ci_low", "ci_high"]].tolist() == pytest.approx(ends, abs=1e-5)
    assert measured.loc["accuracy", "layer"] == evidence["layer"]
    low, high = measured.loc["compression", ["ci_low", "ci_high"]]
    assert low < measured.loc["compression", "measured"] < high


def test_the_first_and_the_last_layer(few: Corpus, tiny_bert: Path, tmp_path: Path) -> None:
    head, _, row = FILE.partition("[[published]]")
    rows = []
    for layer in ("first", "last"):
        setting = f'layer = "{layer}"\nsetting = "{layer}"\n'
        rows.append(f"[[published]]{row}{setting}".replace("selectivity", "accuracy"))
    (tmp_path / "mine.toml").write_text(head + "\n".join(rows))
    replicated = replicate(
        tmp_path / "mine.toml", model=tiny_bert, corpus=few, fit_settings=QUICK, progress=False
    )
    assert isinstance(replicated.found, pk.Scores)
    scores = replicated.found.displayed()
    linear = scores[scores["probe"] == "linear"].set_index("layer")["score"]
    assert replicated.table["layer"].tolist() == [0, 3]
    assert replicated.table["measured"].tolist() == pytest.approx((100 * linear[[0, 3]]).tolist())


def test_several_kinds_of_probe_are_measured_at_the_best_layer_of_one() -> None:
    scores = pd.DataFrame(
        {
            "task": "pos",
            "probe": ["linear", "linear", "mlp", "mlp"],
            "layer": [2, 3, 2, 3],
            "score": [0.8, 0.9, 0.9, 0.85],
            "ci_low": 0.0,
            "ci_high": 1.0,
            "metric": "accuracy",
        }
    )
    best = pd.DataFrame(
        {"task": "pos", "probe": ["linear", "mlp"], "layer": [3, 2], "metric": "accuracy"}
    )
    probed: Any = SimpleNamespace(displayed=scores, best=best)
    read = QUANTITIES["accuracy"].read
    own = read(probed, Asked("pos", "mlp", "best", best_of="mlp"))
    same = read(probed, Asked("pos", "mlp", "best", best_of="linear"))
    assert (own.layer, own.value, same.layer, same.value) == (2, 90, 3, 85)


@pytest.mark.parametrize(("corpus", "expected"), [("sample", "number"), ("other", "pattern")])
def test_numbers_compare_on_the_same_model_and_data(
    corpus: str, expected: str, few: Corpus, tiny_bert: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.toml").write_text(FILE.replace("tiny-bert", str(tiny_bert)))
    replicated = replicate(
        tmp_path / "mine.toml",
        model=tiny_bert,
        corpus=Corpus(corpus, few.splits),
        fit_settings=QUICK,
        progress=False,
    )
    assert replicated.table["compare"].tolist() == [expected]


BAD = [
    (("quantity", "quantitty"), "did you mean 'quantity'"),
    (('"selectivity"', '"selectivty"'), "did you mean 'selectivity'"),
    (('"selectivity"', '"change"'), "unknown quantity 'change'"),
    (('["control"]', '["contrl"]'), "did you mean 'control'"),
    (('["control"]', "[]"), r"selectivity needs evidence = \['control'\]"),
    (('task = "pos"', 'task = "dep"'), "published 1: unknown task 'dep'"),
    (('"selectivity"', '"uuas"'), "pos is scored by accuracy, not uuas"),
    (('tasks = ["pos"]', 'tasks = ["poss"]'), "did you mean 'pos'"),
    (("value = 26.0", 'value = "26"'), "'value' takes a number"),
    (("value = 26.0", "value = true"), "'value' takes a number"),
    (("value = 26.0", ""), "either 'value' or 'finding'"),
    (("value = 26.0", 'value = 1\nfinding = "x"'), "either 'value' or 'finding'"),
    (("value = 26.0", 'value = 1\nlayer = "lst"'), "did you mean 'last'"),
    (("value = 26.0", 'value = 1\nprobe = "edge"'), "unknown probe 'edge'"),
    (("value = 26.0", 'value = 1\nbest_of = "edge"'), "unknown best_of 'edge'"),
    (('"sample"', '"sampel"'), "did you mean 'sample'"),
    (('source = "Table 1"', ""), "the key 'source' is missing"),
    (('model = "bert-base"', 'model = "bert-base"\nverb = "prob"'), "did you mean 'probe'"),
    (('model = "bert-base"', 'model = "bert-base"\nverb = "compare"'), "one kind of probe"),
]
COMPARED = FILE.replace('["linear", "mlp"]', '["linear"]').replace('["control"]', "[]")
COMPARED = COMPARED.replace("question", 'verb = "compare"\nquestion').replace("selectivity", "rsa")


@pytest.mark.parametrize(("change", "message"), BAD)
def test_a_wrong_file_is_refused(change: tuple[str, str], message: str, tmp_path: Path) -> None:
    assert change[0] in FILE
    (tmp_path / "mine.toml").write_text(FILE.replace(*change, 1))
    with pytest.raises(InputError, match=message) as refused:
        load_replication(tmp_path / "mine.toml")
    assert "mine" in str(refused.value) and len(str(refused.value).splitlines()) == 1


def test_trees_have_no_selectivity(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(FILE.replace('"pos"', '"distance"'))
    with pytest.raises(InputError, match="distance is structural: it has no selectivity"):
        load_replication(tmp_path / "mine.toml")


def test_what_belongs_to_no_task_is_of_the_first_or_last_layer(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(COMPARED)
    with pytest.raises(InputError, match="rsa is of layer = 'first' or 'last'"):
        load_replication(tmp_path / "mine.toml")
    (tmp_path / "mine.toml").write_text(f'{COMPARED}layer = "last"\n')
    assert load_replication(tmp_path / "mine.toml").published[0].layer == "last"


def test_the_file_above_is_right_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(FILE)
    assert load_replication(tmp_path / "mine.toml").published[0].value == 26


CHECKPOINTS = [
    ("tenney2019", {"after": "minilm"}, "after is given, but tenney2019 takes one checkpoint"),
    ("merchant2020", {"model": "minilm", "after": "gpt2"}, "model is given, but .* before and af"),
    ("merchant2020", {}, "compares two checkpoints: give your .* after='"),
    ("tenny2019", {}, "did you mean 'tenney2019'"),
]


@pytest.mark.parametrize(("name", "given", "message"), CHECKPOINTS)
def test_checkpoints_are_those_that_a_paper_takes(
    name: str, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        replicate(name, **given)


def test_every_quantity_is_in_some_file_or_tested_above() -> None:
    used = {"bits"}
    for name in bundle.names(FOLDER):
        used |= {figure.quantity for figure in load_replication(name).published}
    assert used == set(QUANTITIES)


def test_published_ranks_are_swept() -> None:
    assert set(load_replication("pimentel2020").probes) <= set(SWEEP)


def test_the_expected_layers_are_those_of_the_published_table() -> None:
    if not TABLE.exists():
        pytest.skip("no ../shared/reference: the published table is not part of the project")
    published = pd.read_csv(TABLE)
    names = {"xpos": "pos-ontonotes", "const": "nonterminal-ontonotes", "dep": "dep-labeling-ewt"}
    names["srl"] = "srl-conll2012-_clean_micro_"
    models = {"bert-base": "bert-base-uncased", "bert-large": "bert-large-uncased"}
    expected: dict[str, list[float]] = defaultdict(list)
    for figure in load_replication("tenney2019").published:
        is_its = (published["task"] == names[figure.task]) & (
            published["model"] == models[figure.model]
        )
        scores = published[is_its].sort_values("layer")["f1"].to_numpy()
        values = {
            "accuracy": round(scores[0], 1),
            "mix_accuracy": round(scores[-1], 1),
            "expected_layer": round(expected_layer(scores, range(len(scores))), 2),
        }
        expected[figure.quantity].append(values[figure.quantity] - (figure.value or 0))
    assert {name: len(values) for name, values in expected.items()} == {
        "accuracy": 4,
        "mix_accuracy": 4,
        "expected_layer": 8,
    }
    for differences in expected.values():
        assert differences == pytest.approx([0] * len(differences), abs=1e-9)


@pytest.mark.slow
def test_the_command_prints_the_table_and_the_differences(
    brief: Path,
    tiny_bert: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(FILE)
    arguments = ["replicate", "mine.toml", "--model", str(tiny_bert), "--corpus", str(brief)]
    status, printed, _ = run_main([*arguments, "--out", "out"], monkeypatch, capsys)
    assert status == 0
    assert "Somebody 2020: A paper" in printed and "What is asked?" in printed
    assert "26.0" in printed and "Table 1" in printed and "- Data: another." in printed
    written = {path.name for path in (tmp_path / "out").iterdir()}
    names = {"replication.csv", "run.json", "heatmap.png", "heatmap.svg", "measured"}
    assert written == names
    assert (tmp_path / "out/measured/selectivity.csv").is_file()
    status, printed, _ = run_main(["table", "out"], monkeypatch, capsys)
    assert status == 0 and "26.0" in printed
    status, printed, _ = run_main(["table", "out", "--latex"], monkeypatch, capsys)
    assert status == 0 and r"\begin{tabular}" in printed


def test_the_list_has_every_replication(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, printed, _ = run_main(["replications", "--json"], monkeypatch, capsys)
    assert status == 0
    for name in bundle.names(FOLDER):
        assert f'"{name}"' in printed
