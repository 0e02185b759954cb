"""Recipes: each changes what its source says, and nothing else."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, AutoModelForTokenClassification, TrainerCallback

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.errors import InputError
from probekit.tuning.depth import depths
from probekit.tuning.language_model import language_loss, language_model
from probekit.tuning.recipes import RECIPES, recipe_of
from probekit.tuning.recipes.ulmfit import Ulmfit, Unfreezing
from probekit.tuning.recipes.wise import average
from probekit.tuning.starting import starting_weights
from probekit.tuning.trainer import TuningTrainer
from tests.tuning.made import case, few, losses, on_disk, trained, weights
from tests.tuning.test_fisher import with_head

TINY = pk.TuningSettings(rate=1e-3, epochs=2, batch=8, device="cpu")


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Whether all weights of two models are the same numbers."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_every_recipe_says_what_it_is() -> None:
    for name, kind in RECIPES.items():
        assert name == kind.NAME and kind.TITLE and kind.SOURCE and kind.__doc__
        for field in fields(kind):
            assert f"{field.name}:" in str(kind.__doc__), (name, field.name)


@pytest.mark.parametrize("recipe", ["l2sp", "ewc"])
def test_a_penalty_of_strength_0_is_full_step_by_step(
    recipe: str, tiny_bert: Path, small: Corpus, tmp_path: Path
) -> None:
    plain, _ = trained("full", case(tiny_bert, small), tmp_path / "a")
    other, _ = trained(recipe, case(tiny_bert, small), tmp_path / "b", {"strength": 0})
    assert losses(plain) == losses(other) and len(losses(plain)) == 10
    assert equal(weights(plain), weights(other))
    for step in (5, 10):
        name = f"checkpoint-{step}"
        assert equal(on_disk(tmp_path / "a" / name), on_disk(tmp_path / "b" / name))


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["l2sp", "ewc"])
def test_a_huge_penalty_holds_the_weights(
    recipe: str, tiny_bert: Path, small: Corpus, tmp_path: Path
) -> None:
    """AdamW moves every weight by up to the rate at each step, whatever the size of its gradient: a
    weight that is held is never more than some such steps away."""
    moved = {}
    for strength in (0, 1e9):
        trainer, learner = trained(
            recipe,
            case(tiny_bert, small, epochs=8, warmup=0.0),
            tmp_path / str(strength),
            {"strength": strength},
        )
        model = AutoModelForTokenClassification.from_pretrained(
            tiny_bert, num_labels=len(trainer.case.data.classes)
        )
        start = {name: one for name, one in model.state_dict().items() if name not in learner.new}
        matters = {name for name in start if "encoder.layer.0" in name and name.endswith("weight")}
        end = weights(trainer)
        total = sum(float((end[name] - start[name]).abs().sum()) for name in matters)
        moved[strength] = total / sum(start[name].numel() for name in matters)
    assert moved[1e9] < moved[0] / 5


def test_top_trains_its_layers_and_the_head_only(
    tiny_bert: Path, small: Corpus, tmp_path: Path
) -> None:
    start = {f"bert.{name}": one for name, one in on_disk(tiny_bert).items()}
    trainer, learner = trained("top-1", case(tiny_bert, small), tmp_path)
    of_layer = depths(learner.model, "top-1")
    assert set(of_layer.values()) == {0, 1, 2, 3, 4}
    for name, end in weights(trainer).items():
        if name in start:
            is_same = torch.equal(start[name], end)
            assert is_same == (of_layer[name] < 3), name
    with pytest.raises(InputError, match="has 3 layers above its embeddings; top-3"):
        recipe_of("top-4", {}).open(case(tiny_bert, small))


def test_scratch_begins_with_other_weights_and_the_seed_draws_them(
    tiny_bert: Path, small: Corpus
) -> None:
    drawn = []
    for seed in (1, 1, 2):
        learner = recipe_of("scratch", {}).open(case(tiny_bert, small, seed=seed))
        drawn.append(dict(learner.model.named_parameters()))
    start = {f"bert.{name}": one for name, one in on_disk(tiny_bert).items()}
    matrices = [name for name in start if start[name].ndim > 1]
    assert equal(drawn[0], drawn[1])
    for name in matrices:
        assert not torch.equal(drawn[0][name], start[name])
        assert not torch.equal(drawn[0][name], drawn[2][name])


class Watching(TrainerCallback):
    """Keeps, before each step, every parameter's learning rate and whether it is trained."""

    def __init__(self, trainer: TuningTrainer) -> None:
        self.trainer = trainer
        self.rates: list[dict[str, float]] = []
        self.is_trained: list[dict[str, bool]] = []

    def on_pre_optimizer_step(self, *_: Any, **given: Any) -> None:
        names = {id(one): name for name, one in given["model"].named_parameters()}
        rates = {}
        for group in self.trainer.optimizer.param_groups:
            for parameter in group["params"]:
                rates[names[id(parameter)]] = group["lr"]
        self.rates.append(rates)
        self.is_trained.append(
            {name: one.grad is not None for name, one in given["model"].named_parameters()}
        )


def watched(recipe: Ulmfit, folder: Path, corpus: Corpus, out: Path, epochs: int) -> Watching:
    of = case(folder, corpus, epochs=epochs, rate=1e-2)
    learner = recipe.open(of)
    trainer = TuningTrainer(recipe, of, learner, out)
    callback = Watching(trainer)
    trainer.add_callback(callback)
    trainer.train()
    return callback


def test_ulmfit_has_the_rates_of_the_paper(tiny_bert: Path, small: Corpus, tmp_path: Path) -> None:
    """Equation 3: cut = ⌊T · cut_frac⌋, p = t / cut before the cut and
    1 − (t − cut) / (cut · (1 / cut_frac − 1)) after it,
    η_t = η_max · (1 + p · (ratio − 1)) / ratio; and η of a layer is that of the next higher one
    over 2.6."""
    found = watched(Ulmfit(), tiny_bert, small, tmp_path, epochs=6)
    steps = len(found.rates)
    assert steps == 30
    cut = 3  # ⌊30 · 0.1⌋
    for t, rates in enumerate(found.rates):
        p = t / cut if t < cut else 1 - (t - cut) / (cut * (1 / 0.1 - 1))
        highest = 1e-2 * (1 + p * (32 - 1)) / 32
        for name, rate in rates.items():
            layer = 4
            if name.startswith("bert.embeddings"):
                layer = 0
            elif name.startswith("bert.encoder"):
                layer = int(name.split(".")[3]) + 1
            assert rate == pytest.approx(highest / 2.6 ** (4 - layer), rel=1e-9), (t, name)
        assert rates.keys() == found.is_trained[t].keys()


def test_ulmfit_unfreezes_from_the_top(tiny_bert: Path, small: Corpus, tmp_path: Path) -> None:
    found = watched(Ulmfit(per_epoch=1), tiny_bert, small, tmp_path, epochs=6)
    for t, is_trained in enumerate(found.is_trained):
        lowest = max(0, 4 - t // 5)  # five steps an epoch
        for name, trained_now in is_trained.items():
            layer = 4
            if name.startswith("bert.embeddings"):
                layer = 0
            elif name.startswith("bert.encoder"):
                layer = int(name.split(".")[3]) + 1
            assert trained_now == (layer >= lowest), (t, name)


@pytest.mark.parametrize(
    ("epochs", "per_epoch", "lowest"),
    [(3, 0, [4, 2, 0]), (2, 0, [4, 0]), (1, 0, [0]), (5, 0, [4, 3, 2, 1, 0]), (3, 1, [4, 3, 2])],
)
def test_all_layers_are_trained_in_the_last_epoch(
    epochs: int, per_epoch: int, lowest: list[int]
) -> None:
    callback = Unfreezing({"a": 0, "head": 4}, per_epoch, epochs)
    assert [callback.lowest(epoch) for epoch in range(epochs)] == lowest


def test_each_part_of_ulmfit_can_be_switched_off(
    tiny_bert: Path, small: Corpus, tmp_path: Path
) -> None:
    one_rate = watched(Ulmfit(discriminative=False), tiny_bert, small, tmp_path / "a", 2)
    assert len(set(one_rate.rates[3].values())) == 1
    linear = watched(Ulmfit(slanted=False), tiny_bert, small, tmp_path / "b", 2)
    highest = [max(rates.values()) for rates in linear.rates]
    assert highest[0] == 0 and highest[1] == pytest.approx(1e-2)  # one step of warm-up of ten
    assert highest[-1] == pytest.approx(1e-2 / 9)
    at_once = watched(Ulmfit(gradual=False), tiny_bert, small, tmp_path / "c", 2)
    assert all(at_once.is_trained[0].values())
    assert not all(one_rate.is_trained[0].values())


def test_lora_leaves_its_base_alone_and_merges(
    tiny_bert: Path, small: Corpus, tmp_path: Path
) -> None:
    before = (tiny_bert / "model.safetensors").read_bytes()
    trainer, _ = trained("lora", case(tiny_bert, small), tmp_path)
    model: Any = trainer.model
    start = on_disk(tiny_bert)
    base = model.base_model.model.bert.state_dict()
    moved = 0
    for name, value in start.items():
        inner = name if name in base else name.replace(".query.", ".query.base_layer.")
        inner = inner if inner in base else name.replace(".value.", ".value.base_layer.")
        assert torch.equal(base[inner], value), name
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad == ("lora_" in name or "modules_to_save" in name), name
        moved += "lora_B" in name and bool(parameter.detach().any())
    assert moved == 6
    assert (tiny_bert / "model.safetensors").read_bytes() == before
    words = torch.arange(4, 24)[None]
    model.eval()
    with torch.no_grad():
        apart = model.base_model.model.bert(words, output_hidden_states=True).hidden_states
        merged = model.merge_and_unload()
        together = merged.bert(words, output_hidden_states=True).hidden_states
    for one, other in zip(apart, together, strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    with torch.no_grad():
        plain = AutoModel.from_pretrained(tiny_bert)(words).last_hidden_state
    assert not torch.allclose(plain, together[-1], atol=1e-3)


@pytest.mark.parametrize("recipe", ["lora", "ia3"])
def test_an_adapter_trains_the_head_and_itself_only(
    recipe: str, tiny_bert: Path, small: Corpus, tmp_path: Path
) -> None:
    trainer, _ = trained(recipe, case(tiny_bert, small), tmp_path)
    own = f"{recipe}_"
    for name, parameter in trainer.model.named_parameters():
        assert parameter.requires_grad == (own in name or "modules_to_save" in name), name


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mlm", "clm"])
def test_replay_of_none_is_full_and_more_keeps_the_language_model(
    kind: str, tiny_bert: Path, tiny_gpt2: Path, small: Corpus, tmp_path: Path
) -> None:
    model = with_head(tmp_path / "model", tiny_bert if kind == "mlm" else tiny_gpt2, kind)
    of = case(model, small, epochs=4, rate=5e-3)
    plain, _ = trained("full", of, tmp_path / "a")
    none, _ = trained("replay", of, tmp_path / "b", {"share": 0})
    assert losses(plain) == losses(none) and equal(weights(plain), weights(none))
    much, learner = trained("replay", of, tmp_path / "c", {"share": 1, "texts": 16})
    loss = {}
    for name, trainer in {"full": plain, "replay": much}.items():
        whole = language_model(of, learner.files, kind)
        setattr(whole, whole.base_model_prefix, trainer.model.base_model.eval())
        whole.tie_weights()
        texts = [" ".join(passage.words) for passage in small.splits["test"]]
        with torch.no_grad():
            random = torch.Generator().manual_seed(0)
            loss[name] = float(language_loss(whole, learner.tokenizer, texts, kind, random))
    assert loss["replay"] < loss["full"] - 0.15


def test_replay_needs_a_head(tiny_bert: Path, small: Corpus) -> None:
    with pytest.raises(InputError, match="has none: give a checkpoint"):
        recipe_of("replay", {}).open(case(tiny_bert, small))


def test_lora_without_its_targets_lists_the_modules(tiny_bert: Path, small: Corpus) -> None:
    with pytest.raises(InputError, match=r"q_proj.*its modules: query, key, value, dense"):
        recipe_of("lora", {"targets": "q_proj"}).open(case(tiny_bert, small))


def test_wise_is_either_end_exactly(tiny_bert: Path, small: Corpus, tmp_path: Path) -> None:
    plain, _ = trained("full", case(tiny_bert, small), tmp_path / "full")
    ends = weights(plain)
    trainer, learner = trained("wise", case(tiny_bert, small), tmp_path / "wise")
    assert equal(weights(trainer), ends)
    start, end = learner.start, starting_weights(learner)
    assert {f"bert.{name}" for name in on_disk(tiny_bert)} == set(start)
    average(learner.model, start, end, 0.5)
    middle = weights(trainer)
    for name in start:
        assert torch.allclose(middle[name], (start[name] + end[name]) / 2)
    average(learner.model, start, end, 1.0)
    assert equal(weights(trainer), ends)
    average(learner.model, start, end, 0.0)
    for name, value in on_disk(tiny_bert).items():
        assert weights(trainer)[f"bert.{name}"].numpy().tobytes() == value.numpy().tobytes()
    for name in learner.new:
        assert torch.equal(weights(trainer)[name], ends[name])


def test_wise_chooses_on_dev(tiny_bert: Path, small: Corpus, tmp_path: Path) -> None:
    trainer, learner = trained("wise", case(tiny_bert, small, rate=5e-3), tmp_path)
    facts = recipe_of("wise", {}).finish(trainer, learner)
    scores = facts["dev_scores"]
    assert len(scores) == 11
    assert scores[str(facts["coefficient"])] == max(scores.values()) == trainer.dev_score()


def corpus_file(corpus: Corpus, folder: Path) -> str:
    """A few sentences as a folder of CoNLL-U, for functions that take a name."""
    folder.mkdir()
    for split, passages in few(corpus).splits.items():
        lines = []
        for passage in passages:
            lines.append(f"# newdoc id = {passage.document}\n# sent_id = {passage.id}")
            for i, (word, tag) in enumerate(zip(passage.words, passage.tags["upos"], strict=True)):
                lines.append(f"{i + 1}\t{word}\t_\t{tag}\t_\t_\t_\t_\t_\t_")
            lines.append("")
        (folder / f"{split}.conllu").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(folder)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["full", "frozen", "lora"])
def test_the_output_is_a_checkpoint_that_other_tools_load(
    recipe: str, tiny_bert: Path, small: Corpus, tmp_path: Path
) -> None:
    data = f"{corpus_file(small, tmp_path / 'text')}:pos"
    out = tmp_path / "out"
    found = pk.finetune(tiny_bert, data, recipe, out=out, settings=TINY, progress=False)
    assert pk.read(out) == found
    states = pk.extract(out, few(small), progress=False)
    assert states.n_layers == 4
    before = pk.extract(tiny_bert, few(small), progress=False)
    is_same = bool((states.numpy("test") == before.numpy("test")).all())
    assert is_same == (recipe == "frozen")
    rows = found.table
    assert set(rows["split"]) == {"test", "dev"}
    assert (rows["ci_low"] <= rows["score"]).all() and (rows["score"] <= rows["ci_high"]).all()
    trained_weights = int(rows["trained"].iloc[0])
    assert 0 < trained_weights <= int(rows["parameters"].iloc[0])
    assert (trained_weights == int(rows["parameters"].iloc[0])) == (recipe != "lora")
    if recipe == "full":
        reloaded = AutoModelForTokenClassification.from_pretrained(out)
        assert reloaded.config.id2label[0] in found.run.settings["classes"]
        assert {"trainer_state.json", "tokenizer.json"} <= {one.name for one in out.iterdir()}
        best = found.history["dev_score"].max()
        dev = rows[(rows["split"] == "dev") & (rows["metric"] == "accuracy")]["score"].iloc[0]
        assert dev == pytest.approx(best, abs=1e-6)
