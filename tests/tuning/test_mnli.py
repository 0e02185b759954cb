"""MNLI: both of its tests are reported, each by its own labels."""

from __future__ import annotations

from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, Features, Value

import probekit as pk
from probekit.reports.tables.tuned import tuned_table

WORDS = ("the", "is", "he")


def mnli(root: Path) -> Path:
    """MNLI as the hub lays it out, whose labels can be read off any word; the mismatched ones are
    those of the next word, so that who learns the others is always wrong."""
    folder = root / "mnli"
    folder.mkdir()
    names = ["entailment", "neutral", "contradiction"]
    strings = {name: Value("string") for name in ("premise", "hypothesis")}
    features = Features({**strings, "label": ClassLabel(names=names), "idx": Value("int32")})
    sizes = {"train": 120, "validation_matched": 30, "validation_mismatched": 20}
    for split, size in sizes.items():
        shift = split == "validation_mismatched"
        texts = [" ".join([WORDS[i % 3]] * 4) for i in range(size)]
        rows = {
            "premise": texts,
            "hypothesis": texts,
            "label": [(i + shift) % 3 for i in range(size)],
            "idx": list(range(size)),
        }
        path = folder / f"{split}-00000-of-00001.parquet"
        Dataset.from_dict(rows, features=features).to_parquet(path)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("recipe", "rate"), [("frozen", 2e-2), ("lora", 1e-2)])
def test_both_tests_are_reported(recipe: str, rate: float, tiny_bert: Path, tmp_path: Path) -> None:
    settings = pk.TuningSettings(device="cpu", batch=16, rate=rate, epochs=12)
    found = pk.finetune(
        tiny_bert, mnli(tmp_path), recipe, out=tmp_path / "out", settings=settings, progress=False
    )
    assert pk.read(tmp_path / "out") == found
    rows = found.table.set_index("split")
    assert list(rows.index) == ["test", "test_mismatched", "dev"]
    assert set(rows["metric"]) == {"accuracy"} and found.score == rows["score"]["test"]
    assert rows["score"]["test"] > 0.9 and rows["score"]["test_mismatched"] < 0.1
    assert rows["examples"].tolist() == [30, 20, 12]
    # The most frequent label of training is the first one.
    assert rows["majority"]["test"] == pytest.approx(10 / 30)
    assert rows["majority"]["test_mismatched"] == pytest.approx(6 / 20)
    assert any("validation_mismatched is reported as test_mismatched" in w for w in found.warnings)
    lines = [row[0] for row in tuned_table(found).rows]
    assert lines == ["accuracy", "accuracy (mismatched)"]
