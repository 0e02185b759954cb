"""The command line as a user meets it: what it prints, what it writes, and how it says no."""

from __future__ import annotations

import csv
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import probekit as pk
from probekit import whole
from probekit.probes.score_rows import COLUMNS
from tests.commands import run_main
from tests.processes import COMMAND, Running, begin

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run the command with arguments, in an empty folder: exit status, standard output, standard
    error."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: object) -> tuple[int, str, str]:
        return run_main(list(map(str, arguments)), monkeypatch, capsys)

    return command


def test_probe_writes_a_table_a_record_and_two_pictures(
    run: Run, tiny_bert: Path, brief: Path, tmp_path: Path
) -> None:
    status, out, _ = run(
        "probe", "--model", tiny_bert, "--task", "pos,coref", "--corpus", brief, "--out", "o"
    )
    assert status == 0, out
    with (tmp_path / "o/scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[: len(COLUMNS)] == list(COLUMNS)
    for task in ("pos", "coref"):
        mine = [row for row in rows if row["task"] == task]
        assert [row["layer"] for row in mine if row["probe"] == "linear"] == ["0", "1", "2", "3"]
        assert {row["probe"]: row["layer"] for row in mine if row["probe"] != "linear"} == {
            "majority": "",
            "lexical": "",
        }
        for row in mine:
            assert 0 <= float(row["ci_low"]) <= float(row["score"]) <= float(row["ci_high"]) <= 1
    record = json.loads((tmp_path / "o/run.json").read_text())
    assert record["measurements"][0]["fingerprints"]["model"]["weights"]
    assert record["versions"]["torch"]
    assert (tmp_path / "o/heatmap.png").read_bytes().startswith(b"\x89PNG")
    assert "</svg>" in (tmp_path / "o/heatmap.svg").read_text()
    for word in ("task", "Best layer", "lexical", "majority", "pos", "coref", "heatmap.png"):
        assert word in out
    status, again, _ = run("table", "o")
    assert status == 0 and again.rstrip() == out.partition("written to")[0].rstrip()


def test_json_prints_nothing_else(run: Run, tiny_bert: Path, brief: Path) -> None:
    models = ("--model", tiny_bert, "--model", f"random:{tiny_bert}")
    status, out, _ = run(
        "probe", *models, "--task", "pos", "--corpus", brief, "--json", "--out", "o"
    )
    printed = json.loads(out)
    assert status == 0 and list(printed) == [
        "warnings",
        "best",
        "scores",
        "seen",
        "folder",
        "files",
    ]
    assert len(printed["scores"]) == 12 and set(COLUMNS) <= set(printed["scores"][0])
    best = pk.Scores.read(printed["folder"]).best()
    assert [row["layer"] for row in printed["best"]] == best["layer"].tolist()
    assert all((Path(printed["folder"]) / name).is_file() for name in printed["files"])
    record = json.loads((Path(printed["folder"]) / "run.json").read_text())
    assert printed["warnings"] == record["warnings"] and any(
        str(brief) in warning for warning in printed["warnings"]
    )


@pytest.mark.slow
def test_two_runs_give_the_same_scores(
    run: Run, tiny_bert: Path, brief: Path, tmp_path: Path
) -> None:
    arguments = (
        "probe",
        "--model",
        tiny_bert,
        "--task",
        "pos,dep",
        "--corpus",
        brief,
        "--seeds",
        2,
        "--out",
    )
    run(*arguments, "first")
    run(*arguments, "second")
    first, second = ((tmp_path / name / "scores.csv").read_text() for name in ("first", "second"))
    assert first == second


def test_latex_is_all_there_is_on_standard_output(run: Run, tiny_bert: Path, brief: Path) -> None:
    status, out, err = run(
        "probe",
        "--model",
        str(tiny_bert),
        "--task",
        "pos",
        "--corpus",
        str(brief),
        "--out",
        "o",
        "--latex",
    )
    assert status == 0 and out == pk.latex(pk.read("o")) and "note: " in err


@pytest.mark.slow
def test_heatmap_of_several_runs(
    run: Run, tiny_bert: Path, tiny_gpt2: Path, brief: Path, tmp_path: Path
) -> None:
    for model, name in ((tiny_bert, "a"), (tiny_gpt2, "b")):
        run("probe", "--model", model, "--task", "pos", "--corpus", brief, "--out", name)
    status, out, _ = run("heatmap", "a", "b", "--out", "both.svg")
    text = (tmp_path / "both.svg").read_text()
    assert status == 0 and out.splitlines()[-1] == "both.svg"
    assert text.count("linear probes") == 2  # a panel each; text stays text


def test_all_says_what_it_skips(run: Run, tiny_bert: Path, tmp_path: Path) -> None:
    source = tmp_path / "mine.conllu"
    words = "\n".join(
        f"{i}\tw{i}\tw\t{'NOUN' if i % 2 else 'VERB'}\t_\t_\t"
        f"{max(i - 1, 0)}\t{'dep' if i % 3 else 'obj'}\t_\t_"
        for i in range(1, 7)
    )
    source.write_text(
        "".join(f"# newdoc id = d{d}\n# sent_id = d{d}-1\n{words}\n\n" for d in range(30))
    )
    status, out, err = run(
        "probe", "--model", tiny_bert, "--task", "all", "--corpus", source, "--out", "o"
    )
    assert status == 0, err
    assert "skipped" in out and "roles" in out


def test_a_users_task_needs_no_python(
    run: Run, tiny_bert: Path, brief: Path, tmp_path: Path
) -> None:
    (tmp_path / "number.toml").write_text(
        'title = "Number"\nannotation = "feats.Number"\nshape = "word"\n'
    )
    status, out, err = run(
        "probe", "--model", tiny_bert, "--task", "./number.toml", "--corpus", brief, "--out", "o"
    )
    assert status == 0, err
    assert "number" in out


def test_lists(run: Run, tiny_bert: Path, brief: Path) -> None:
    assert {row["task"] for row in json.loads(run("tasks", "--json")[1])} >= {
        "pos",
        "dep",
        "srl",
        "coref",
    }
    listed = {row["corpus"]: row for row in json.loads(run("corpora", "--json")[1])}
    assert listed["sample"]["here"] == "yes" and listed["sample"]["licence"].startswith("CC0")
    assert json.loads(run("cache", "--json")[1]) == []
    run("probe", "--model", tiny_bert, "--task", "pos", "--corpus", brief)
    (entry,) = json.loads(run("cache", "--json")[1])
    assert (Path(entry["folder"]) / entry["key"]).is_dir()
    assert run("cache", "verify")[0] == 0
    shard = next(Path(os.environ["PROBEKIT_CACHE"]).glob("states/*/*.safetensors"))
    shard.write_bytes(shard.read_bytes()[:-1])
    status, out, _ = run("cache", "verify")
    assert status == 1 and str(shard) in out
    assert run("cache", "prune", entry["key"])[0] == 0
    assert json.loads(run("cache", "--json")[1]) == []


MISTAKES = [
    (["--task", "poss"], "did you mean 'pos'"),
    (["--corpus", "sampel"], "did you mean 'sample'"),
    (["--model", "bert-bas"], "did you mean 'bert-base'"),
    (["--model", "./nowhere"], "no model folder"),
    (["--probe", "lnear"], "did you mean 'linear'"),
    (["--subwords", "men"], "'men' is not one of 'mean', 'first', 'last'"),
    (["--device", "gpu"], "'gpu' is not one of 'auto', 'cpu', 'cuda', 'mps'"),
    (["--dtype", "bfloat16", "--device", "cpu"], "needs a GPU"),
    (["--dtype", "int8", "--device", "cpu"], "int8 needs a GPU"),
    (["--stack", "decoder"], "one stack"),
    (["--site", "atn"], "'atn' is not one of 'residual', 'attn', 'mlp'"),
    (["--adapter", "of"], "'of' is not one of 'on', 'off'"),
    (["--model", "random:bert-bas"], "did you mean 'bert-base'"),
    (["--model", "random:"], "random:NAME"),
    (["--layers", "one"], "numbers and ranges"),
    (["--layers", "99"], "no layer 99"),
    (["--layers", "1", "--last-layer", "1"], "not both"),
    (["--task", "./none.toml"], "cannot read the task file"),
]


@pytest.mark.parametrize(("change", "message"), MISTAKES)
def test_a_mistake_is_a_line_or_two(
    run: Run, tiny_bert: Path, change: list[str], message: str, brief: Path
) -> None:
    options = {"--model": str(tiny_bert), "--task": "pos", "--corpus": str(brief)}
    options.update(dict(zip(change[::2], change[1::2], strict=True)))
    status, out, err = run("probe", *[part for pair in options.items() for part in pair])
    assert status == 2 and out == ""
    lines = [
        line
        for line in err.splitlines()
        if line.strip() and "━" not in line and "extract" not in line
    ]
    assert message in " ".join(err.split())
    assert len(lines) <= 3 and "Traceback" not in err


@pytest.mark.slow
def test_one_model_at_two_sites_is_two_panels_and_two_stores(
    run: Run, tiny_bert: Path, brief: Path, tmp_path: Path
) -> None:
    arguments = (
        "probe",
        "--model",
        tiny_bert,
        "--task",
        "pos",
        "--corpus",
        brief,
        "--layers",
        "0,3",
    )
    for site in ("residual", "mlp"):
        assert run(*arguments, "--site", site, "--out", site)[0] == 0
    status, _, err = run("heatmap", "residual", "mlp", "residual", "--out", "both.svg")
    assert status == 0, err
    listed = json.loads(run("cache", "--json")[1])
    assert [(row["model"], row["site"], row["corpus"]) for row in listed] == [
        (str(tiny_bert), "residual", str(brief)),
        (str(tiny_bert), "mlp", str(brief)),
    ]
    assert all(row["key"] in run("cache")[1] for row in listed)


def test_a_mistake_leaves_no_folder_and_takes_none_away(
    run: Run, tiny_bert: Path, brief: Path, tmp_path: Path
) -> None:
    assert run("probe", "--model", tiny_bert, "--task", "poss", "--corpus", brief)[0] == 2
    assert not list(tmp_path.glob("probekit-runs/*"))
    (tmp_path / "mine").mkdir()
    assert (
        run("probe", "--model", tiny_bert, "--task", "poss", "--corpus", brief, "--out", "mine")[0]
        == 2
    )
    assert (tmp_path / "mine").is_dir()


def test_an_incomplete_model_folder(run: Run, tiny_bert: Path, brief: Path, tmp_path: Path) -> None:
    for left_out, message in (
        ("model.safetensors", "has no weights"),
        ("config.json", "no config.json"),
        ("tokenizer.json", "has no tokenizer"),
    ):
        folder = tmp_path / f"without {left_out}"
        shutil.copytree(tiny_bert, folder)
        (folder / left_out).unlink()
        status, _, err = run("probe", "--model", folder, "--task", "pos", "--corpus", brief)
        assert status == 2 and message in err, err
    folder = shutil.copytree(tiny_bert, tmp_path / "cut")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    status, _, err = run("probe", "--model", folder, "--task", "pos", "--corpus", brief)
    assert status == 2 and "cannot be loaded" in err and "Traceback" not in err


def test_pickled_weights_need_leave(run: Run, tiny_bert: Path, brief: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    folder = shutil.copytree(tiny_bert, tmp_path / "pickled")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    arguments = ("probe", "--model", folder, "--task", "pos", "--corpus", brief, "--out", "o")
    status, _, err = run(*arguments)
    assert status == 2 and "--allow-pickle" in err
    assert run(*arguments, "--allow-pickle")[0] == 0


def test_a_checkpoint_that_lacks_weights_is_refused(
    run: Run, tiny_bert: Path, brief: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(tiny_bert, tmp_path / "partial")
    weights = load_file(folder / "model.safetensors")
    lost = next(name for name in weights if "layer.1.attention" in name and name.endswith("weight"))
    save_file(
        {k: v for k, v in weights.items() if k != lost},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    status, _, err = run("probe", "--model", folder, "--task", "pos", "--corpus", brief)
    assert status == 2 and "partly random" in err


def test_an_unreachable_hub_is_explained(run: Run, brief: Path) -> None:
    status, _, err = run(
        "probe", "--model", "google-bert/bert-base-uncased", "--task", "pos", "--corpus", brief
    )
    assert status == 2 and "Offline" in err and "HF_HOME" in err and "Traceback" not in err


@pytest.mark.parametrize("mirror", ["http://127.0.0.1:9", "empty"])
def test_an_unreachable_corpus_is_explained(
    run: Run, mirror: str, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROBEKIT_MIRROR", mirror)
    for command in (
        ["probe", "--model", str(tiny_bert), "--task", "pos"],
        ["corpora", "fetch", "en_ewt"],
    ):
        status, _, err = run(*command)
        assert status == 2 and len(err.splitlines()) == 1
        assert "--corpus sample comes with probekit and needs no network" in err


def test_a_full_disk_is_explained(
    run: Run, tiny_bert: Path, brief: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    create = whole.create
    monkeypatch.setattr(
        whole, "create", lambda path: full.open("wb") if "-L0" in path.name else create(path)
    )
    status, _, err = run("probe", "--model", tiny_bert, "--task", "pos", "--corpus", brief)
    assert status == 2 and "the disk is full; free some space" in err and "Traceback" not in err
    states = own_cache / "states"
    assert states.exists() and not list(states.glob("*/.*.part"))


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(
    run: Run, tiny_bert: Path, brief: Path, tmp_path: Path
) -> None:
    code = f"from probekit.states import extract; extract.SHARD_WORDS = 500; {COMMAND}"
    arguments = ["probe", "--model", tiny_bert, "--task", "pos", "--corpus", brief, "--out"]
    cache = {"PROBEKIT_CACHE": str(tmp_path / "killed")}
    victim = begin(code, *arguments, "x", environment=cache)
    done: list[Path] = []
    deadline = time.time() + 120
    while len(done) < 8 and time.time() < deadline and victim.returncode is None:
        done = list((tmp_path / "killed").glob("states/*/*.safetensors"))
        time.sleep(0.005)
    victim.kill()
    assert len(done) >= 8 and not (tmp_path / "x/scores.csv").exists()
    before = {
        path: path.stat().st_mtime_ns
        for path in (tmp_path / "killed").glob("states/*/*.safetensors")
    }
    finished(begin(code, *arguments, "resumed", environment=cache))
    whole = {path: path.stat().st_mtime_ns for path in before}
    # At most the shard that was being written is done again; the others are reused as they were.
    assert sum(whole[path] != before[path] for path in before) <= 4
    finished(
        begin(code, *arguments, "calm-run", environment={"PROBEKIT_CACHE": str(tmp_path / "calm")})
    )
    resumed, calm = (
        (tmp_path / name / "scores.csv").read_text() for name in ("resumed", "calm-run")
    )
    assert resumed == calm


@pytest.mark.slow
def test_two_runs_at_once_do_no_harm(
    run: Run, tiny_bert: Path, brief: Path, tmp_path: Path
) -> None:
    arguments = ["probe", "--model", tiny_bert, "--task", "pos", "--corpus", brief, "--out"]
    both = [begin(COMMAND, *arguments, f"run{i}") for i in range(2)]
    for one in both:
        finished(one)
    first, second = ((tmp_path / f"run{i}/scores.csv").read_text() for i in range(2))
    assert first == second


def finished(running: Running) -> None:
    _, err = running.communicate()
    assert running.returncode == 0, err


def test_doctor_and_models(run: Run, tiny_bert: Path, brief: Path, tmp_path: Path) -> None:
    status, out, err = run("doctor", "--model", tiny_bert, "--corpus", brief)
    assert status == 0, err
    assert "BERT (bert)" in out and "nothing here would make results wrong" in out
    status, out, _ = run("doctor", "--model", tiny_bert, "--corpus", brief, "--json")
    found = json.loads(out)
    assert list(found) == ["facts", "problems", "warnings"] and found["problems"] == []
    assert found["facts"]["model"]["layers, counting 0"] == 4
    assert found["facts"]["store and time"]["files there already"] == 0
    subwords = found["facts"]["words and subwords"]
    assert subwords["words with no subword"]["count"] == 0 and subwords["subwords per word"] >= 1
    run("probe", "--model", tiny_bert, "--task", "pos", "--corpus", brief, "--out", "o")
    store = json.loads(run("doctor", "--model", tiny_bert, "--corpus", brief, "--json")[1])[
        "facts"
    ]["store and time"]
    assert store["files there already"] == store["files of all layers"]
    listed = json.loads(run("models", "--json")[1])
    assert {row["model"] for row in listed["aliases"]} >= {"minilm", "bert-base", "gpt2"}
    assert {row["model_type"] for row in listed["families"]} >= {"bert", "llama", "t5", "mamba"}
    assert "Families" in run("models")[1]


def test_doctor_finds_what_would_make_results_wrong(
    run: Run, tiny_bert: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    rows = "".join(f"{i}\tنص\t_\tNOUN\t_\t_\t{i - 1}\tdep\t_\t_\n" for i in range(1, 9)) + "\n"
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.conllu").write_text(rows)
    status, out, _ = run("doctor", "--model", tiny_bert, "--corpus", tmp_path)
    assert status == 1 and "unknown to the vocabulary" in out
    folder = shutil.copytree(tiny_bert, tmp_path / "partial")
    weights = load_file(folder / "model.safetensors")
    lost = next(iter(weights))
    save_file(
        {k: v for k, v in weights.items() if k != lost},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    status, out, _ = run("doctor", "--model", folder)
    assert status == 1 and "partly random" in out
    weights["encoder.layer.1.output.dense.bias"][:] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    status, out, _ = run("doctor", "--model", folder, "--json")
    assert status == 1 and "not finite at layers 2, 3" in json.loads(out)["problems"][0]
    assert run("doctor", "--model", "./nowhere")[0] == 2
