"""Attribution of a probe's decisions: what is known of them, and what must not be there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

import probekit as pk
from probekit.corpora.passage import Corpus, Passage
from probekit.errors import InputError, ModelError, TaskError
from probekit.models import checkpoint
from probekit.models.checkpoint import Checkpoint, EncoderSettings
from probekit.models.differentiable import require_gradients
from probekit.probes.fit import fit
from probekit.probes.view import single_layers
from probekit.states.states import States
from probekit.usage.attribution import Attribution
from probekit.usage.explain import NO_RANDOM_WEIGHTS
from tests.commands import run_main
from tests.conftest import MakeFamily
from tests.families import FAMILIES

QUICK = pk.FitSettings(words=20_000)
TEXT = "the old dog barks at the new mailman"


def attribute(model: Any, task: Any = "pos", text: str | None = TEXT, **more: Any) -> Attribution:
    if not isinstance(model, States):
        more.setdefault("layers", 2)
    return pk.attribute(model, task, text, fit_settings=QUICK, progress=False, **more)


def by_word(found: Attribution, decision: int, column: str = "attribution") -> np.ndarray:
    return found.words_of(decision)[column].to_numpy()


# Truth: a linear model has a closed form.


class Mixing(torch.nn.Module):
    """Each state is a fixed average of the embeddings of the text, mapped: linear in all."""

    def __init__(self, subwords: int, dim: int = 12) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding(subwords, dim)
        self.mix = Mixed(dim)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.mix(self.embed(ids))
        return found


class Mixed(torch.nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.map = torch.nn.Linear(dim, dim, bias=False)

    def forward(self, embedded: torch.Tensor) -> torch.Tensor:
        return torch.einsum("ij,njd->nid", weights(embedded.shape[1]), self.map(embedded))


def weights(width: int) -> torch.Tensor:
    """What each position takes of each other: more of itself and of nearer ones."""
    place = torch.arange(width).float()
    return torch.softmax(-(place[:, None] - place).abs(), dim=1)


def test_a_linear_model_has_its_closed_form(small: Corpus, tiny_bert: Path) -> None:
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    module = Mixing(len(tokenizer))
    states = pk.extract(module, small, tokenizer=tokenizer, layers=["embed", "mix"], progress=False)
    found = attribute(states)
    question = pk.ask(pk.load_task("pos"), small)
    (fitted,) = fit(states, [question], settings=QUICK, views=single_layers([1]))
    probe = fitted.stacks[0][1].cell(0, 0, 0)[0].double()
    read = tokenizer(TEXT, add_special_tokens=False, return_tensors="pt")
    with torch.no_grad():
        nothing = module.embed.weight[tokenizer.pad_token_id]
        moved = module.mix.map(module.embed(read["input_ids"][0]) - nothing).double()
    owners = np.array(read.word_ids())
    for number, row in found.decisions.iterrows():
        own = np.flatnonzero(owners == number)
        taken = weights(len(owners))[own].mean(0).double()
        logits = taken[:, None] * (moved @ probe)
        centred = logits - logits.mean(1, keepdim=True)
        of_subwords = centred[:, question.classes.index(row["label"])].numpy()
        expected = [of_subwords[owners == word].sum() for word in range(owners.max() + 1)]
        np.testing.assert_allclose(by_word(found, int(str(number))), expected, rtol=2e-3, atol=2e-4)
        # One word after the other has the same effect as all at once.
        np.testing.assert_allclose(
            by_word(found, int(str(number)), "ablation"), expected, rtol=2e-3, atol=2e-4
        )
    assert (found.decisions["steps"] == 16).all() and found.errors().max() < 1e-4


# Truth: the same as captum says of a plain transformers model.


@pytest.mark.parametrize("family", ["tiny_bert", "tiny_gpt2"])
def test_layer_integrated_gradients_of_a_plain_model(
    family: str, small: Corpus, request: pytest.FixtureRequest
) -> None:
    from captum.attr import LayerIntegratedGradients

    folder: Path = request.getfixturevalue(family)
    found = attribute(folder, corpus=small, at=4)
    states = pk.extract(folder, small, layers=2, progress=False)
    question = pk.ask(pk.load_task("pos"), small)
    (fitted,) = fit(states, [question], settings=QUICK, views=single_layers([2]))
    probe = fitted.stacks[0][1].cell(0, 0, 0)[0]
    label = question.classes.index(found.decisions["label"].iloc[0])
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    model.eval()
    read = tokenizer(TEXT, return_tensors="pt")
    owners = np.array([-1 if one is None else one for one in read.word_ids()])

    def score(ids: torch.Tensor) -> torch.Tensor:
        states = model(ids, output_hidden_states=True).hidden_states[2]
        logits = states[:, owners == 4].mean(1) @ probe
        return logits[:, label] - logits.mean(1)

    ids = read["input_ids"]
    table = model.get_input_embeddings()
    if tokenizer.pad_token_id is None:
        # No padding subword: the mean of the vocabulary, which captum is given as a row of its own.
        table.weight = torch.nn.Parameter(torch.cat([table.weight, table.weight.mean(0)[None]]))
        nothing = len(table.weight) - 1
    else:
        nothing = tokenizer.pad_token_id
    is_word = torch.from_numpy(owners >= 0)
    captum = LayerIntegratedGradients(score, table)
    values = captum.attribute(ids, torch.where(is_word, nothing, ids), n_steps=64).sum(-1)[0]
    expected = [values[owners == word].sum().item() for word in range(owners.max() + 1)]
    assert found.decisions["baseline"].iloc[0] == ("pad" if family == "tiny_bert" else "mean")
    np.testing.assert_allclose(by_word(found, 0), expected, rtol=0.05, atol=0.02)
    later = by_word(found, 0)[5:]
    assert (later == 0).all() == (family == "tiny_gpt2")  # a decoder reads to the left


# Truth: attributions sum to the difference of the score, for every kind of task and of model.

PAIR = "coref"


@pytest.mark.parametrize("family", ["tiny_bert", "tiny_gpt2"])
@pytest.mark.parametrize(
    ("task", "at"), [("pos", None), ("const", "0-2"), ("dep", "3,2"), (PAIR, "0-2,5-7")]
)
@pytest.mark.parametrize("probe", ["linear", pytest.param("mlp", marks=pytest.mark.slow)])
def test_attributions_sum_to_the_difference(
    family: str,
    task: str,
    at: str | None,
    probe: str,
    sample: Corpus,
    request: pytest.FixtureRequest,
) -> None:
    folder = request.getfixturevalue(family)
    found = attribute(folder, task, at=at, corpus=sample, probe=probe)
    assert len(found.decisions) == (8 if at is None else 1)
    sums = found.table.groupby("decision")["attribution"].sum()
    rows = found.decisions.set_index("decision")
    np.testing.assert_allclose(sums, rows["score"] - rows["without"] + rows["delta"], atol=1e-4)
    errors = found.errors()
    above = int((errors >= 0.01).sum())
    # An MLP has kinks: one decision may need more steps than are taken, and is reported.
    assert above <= (1 if probe == "mlp" and at is None else 0) and errors.max() < 0.05
    reported = [warning for warning in found.warnings if "decisions is above 1%" in warning]
    assert len(reported) == (above > 0)
    total = found.table["share"].abs().groupby(found.table["decision"]).sum()
    np.testing.assert_allclose(total, 1, atol=1e-5)
    # What flows through the layer below is the same difference.
    flows = found.conductance
    assert flows is not None and set(flows["layer"]) == {0, 1}
    for _, of_layer in flows.groupby("layer"):
        through = of_layer.groupby("decision")["conductance"].sum()
        loose = 0.05 if probe == "mlp" else 0.011
        np.testing.assert_allclose(through, rows["score"] - rows["without"], rtol=loose, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family(family: str, families: MakeFamily, small: Corpus) -> None:
    folder = families(family)
    if family == "canine":
        with pytest.raises(ModelError, match="reads characters"):
            attribute(folder, corpus=small)
        return
    found = attribute(folder, corpus=small, at=3)
    assert found.errors().max() < 0.01
    assert found.table["attribution"].abs().max() > 0.01
    layers = set(found.conductance["layer"]) if found.conductance is not None else set()
    assert layers == ({0} if family == "albert" else {0, 1})


def test_the_decoder_of_a_pair(families: MakeFamily, small: Corpus) -> None:
    decoder = pk.ExtractSettings(encoder=pk.EncoderSettings(stack="decoder"))
    with pytest.raises(InputError, match="reads beside its encoder"):
        attribute(families("t5"), corpus=small, extract_settings=decoder)


def test_a_text_longer_than_the_model_reads_at_once(sample: Corpus, tiny_bert: Path) -> None:
    text = " ".join([TEXT] * 12)
    near = attribute(tiny_bert, PAIR, text, at="80-82,86-87", corpus=sample)
    assert near.table["position"].min() > 20 and near.errors().max() < 0.01
    far = attribute(tiny_bert, PAIR, text, at="0-2,86-87", corpus=sample)
    assert far.table["position"].min() == 0 and far.table["position"].max() == 95
    assert far.errors().max() < 0.01


# Truth: a model made to copy a label from a word.


class Copying(torch.nn.Module):
    """Each state is that of the first word; or its own."""

    def __init__(self, subwords: int, copies: bool) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding(subwords, 16)
        self.out = Copied(copies)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.out(self.embed(ids))
        return found


class Copied(torch.nn.Module):
    def __init__(self, copies: bool) -> None:
        super().__init__()
        self.copies = copies

    def forward(self, embedded: torch.Tensor) -> torch.Tensor:
        return embedded[:, :1].expand_as(embedded) if self.copies else embedded


WORDS = ("red", "blue", "green", "one", "two", "three", "four")


def copied_corpus(sizes: tuple[int, int, int] = (200, 60, 60), *, random: bool = False) -> Corpus:
    """Every word has the label of the first word of its sentence, a colour; or one of two at
    random, whose scores are each other's negative."""
    rng = np.random.default_rng(0)
    splits: dict[Any, list[Passage]] = {}
    for split, n in zip(("train", "dev", "test"), sizes, strict=True):
        splits[split] = []
        for number in range(n):
            colour = str(rng.choice(WORDS[:3]))
            words = (colour, *map(str, rng.choice(WORDS[3:], 5)))
            labels = [colour] * 6
            if random:
                labels = list(map(str, rng.choice(WORDS[:2], 6)))
            tags = {"upos": tuple(labels)}
            splits[split].append(Passage(f"{split}-{number}", f"{split}-{number}", words, tags))
    return Corpus("copied", splits)


@pytest.mark.parametrize("copies", [True, False])
def test_a_label_that_is_copied_from_the_first_word(copies: bool, tiny_bert: Path) -> None:
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    states = pk.extract(
        Copying(len(tokenizer), copies),
        copied_corpus(),
        tokenizer=tokenizer,
        layers=["embed", "out"],
        progress=False,
    )
    found = attribute(states, text=None)
    words = found.table.merge(found.decisions[["decision", "words", "text"]], on="decision")
    others = words[words["place"] != "span"]
    first = others[others["position"] == 0]["share"]
    if copies:
        assert first.abs().min() > 0.9
    else:
        assert first.abs().max() < 0.01
    assert any(NO_RANDOM_WEIGHTS in warning for warning in found.warnings)


# The null: random labels, and random weights.


@pytest.mark.slow
def test_random_weights_and_labels_have_no_structure(tiny_bert: Path) -> None:
    """Labels that depend on nothing: in the mean over sentences no place speaks for them. With
    labels that depend on the first word, places do."""
    outside = {}
    for random in (True, False):
        corpus = copied_corpus((300, 100, 100), random=random)
        found = attribute(f"random:{tiny_bert}:1", text=None, corpus=corpus)
        rows = found.positions
        assert rows is not None
        rows = rows[rows["label"] == ""]
        assert rows["random"].notna().all() and rows["n"].max() == 500
        beyond = (rows["ci_low"] > 0) | (rows["ci_high"] < 0)
        of_null = (rows["random_low"] > 0) | (rows["random_high"] < 0)
        between = (rows["beyond_low"] > 0) | (rows["beyond_high"] < 0)
        outside[random] = [int(one.sum()) for one in (beyond, of_null, between)]
        assert len(rows) == 11
    assert max(outside[True]) <= 2  # of 11 intervals of 95%
    assert min(outside[False][:2]) >= 5


# What a text is, and what is wrong with it.


def test_every_word_or_the_one_asked_for(small: Corpus, tiny_bert: Path, tmp_path: Path) -> None:
    every = attribute(tiny_bert, corpus=small)
    assert every.decisions["words"].tolist() == TEXT.split()
    assert (every.decisions["label"] == every.decisions["predicted"]).all()
    every.write(tmp_path / "every")
    assert pk.read(tmp_path / "every") == every
    one = attribute(tiny_bert, corpus=small, at=3, label="NOUN")
    assert one.decisions[["words", "label"]].to_numpy().tolist() == [["barks", "NOUN"]]
    assert one.table["place"].tolist()[:5] == ["left 3", "left 2", "left 1", "span", "right 1"]
    mean = attribute(tiny_bert, corpus=small, at=3, label="NOUN", baseline="mean")
    assert (by_word(mean, 0) != by_word(one, 0)).any()
    assert mean.decisions["score"].iloc[0] == one.decisions["score"].iloc[0]


@pytest.mark.slow
def test_a_corpus_has_means_by_label_and_place(
    small: Corpus, tiny_bert: Path, tmp_path: Path
) -> None:
    found = attribute(tiny_bert, text=None, corpus=small, limit=30)
    rows, decisions = found.positions, found.of_model
    assert rows is not None and len(found.decisions) == 2 * len(decisions)
    assert decisions["text"].nunique() == 30 and (decisions.groupby("text").size() <= 5).all()
    assert set(rows["label"]) == {"", *decisions["gold"]}
    span = rows[(rows["label"] == "") & (rows["place"] == "span")].iloc[0]
    own = found.table[found.table["model"] == str(tiny_bert)]
    assert span["share"] == pytest.approx(own[own["place"] == "span"]["share"].mean(), abs=1e-6)
    assert span["ci_low"] < span["share"] < span["ci_high"]
    assert span["beyond"] == pytest.approx(span["share"] - span["random"], abs=2e-6)
    found.write(tmp_path / "found")
    assert pk.read(tmp_path / "found") == found


BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"text": " "}, InputError, "no word"),
    ({"at": 8}, InputError, r"0 \('the'\) to 7 \('mailman'\), not 8"),
    ({"at": "2-1"}, InputError, "not 2-1"),
    ({"at": "0-1"}, InputError, "single words"),
    ({"at": "0,1"}, InputError, "one span, not 2"),
    ({"at": "x"}, InputError, "such as 2, 0-2"),
    ({"label": "NOUNS"}, InputError, "did you mean 'NOUN'"),
    ({"layers": 0}, InputError, "nothing below"),
    ({"layers": 9}, InputError, r"0 \(the embeddings\) to 3"),
    ({"task": "dep"}, InputError, "0:the 1:old"),
    ({"task": "dep", "at": "1"}, InputError, "two spans, not 1"),
    ({"task": "depth"}, TaskError, "structural"),
    ({"task": "dep", "text": None, "at": "1,2"}, InputError, "needs text"),
    ({"text": None, "label": "NOUN"}, InputError, "needs text"),
]


@pytest.mark.parametrize(("wrong", "kind", "message"), BAD)
def test_bad_input(
    wrong: dict[str, Any], kind: type[Exception], message: str, small: Corpus, tiny_bert: Path
) -> None:
    with pytest.raises(kind, match=message):
        attribute(tiny_bert, **{"corpus": small, **wrong})


def test_what_has_no_gradients(small: Corpus, tiny_gpt2: Path, tmp_path: Path) -> None:
    vectors = tmp_path / "some.vec"
    vectors.write_text("2 3\nthe 1 0 0\ndog 0 1 0\n", encoding="utf-8")
    with pytest.raises(InputError, match="word vectors"):
        attribute(vectors, corpus=small, layers=())
    ones: Any = {split: np.ones((2, len(part.words), 3)) for split, part in small.splits.items()}
    states = States.of(ones, small)
    with pytest.raises(InputError, match="without the model"):
        attribute(states)
    with pytest.raises(InputError, match="no padding subword"):
        attribute(tiny_gpt2, corpus=small, baseline="pad")


def test_quantised_weights_have_no_gradients(
    tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "choose_device", lambda wanted: torch.device("cuda"))
    quantised = Checkpoint(str(tiny_bert), EncoderSettings(dtype="int8"))
    with pytest.raises(InputError, match=r"quantised weights \(8 bits\), .* use dtype='auto'"):
        require_gradients(quantised)


def test_a_text_without_a_known_subword(small: Corpus, tiny_bert: Path) -> None:
    with pytest.raises(InputError, match="no word that is asked for"):
        attribute(tiny_bert, text="the \u200b dog", at=1, corpus=small)


def test_the_command(
    brief: Path,
    tiny_bert: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    arguments = ["attribute", "--model", str(tiny_bert), "--task", "pos", "--corpus", str(brief)]
    text = "the <script>alert(1)</script> & dog"
    given = ["--layers", "2", "--out", str(out), "--text", text]
    status, printed, error = run_main([*arguments, *given], monkeypatch, capsys)
    assert status == 0, error
    assert "[dog]" in printed and "attributions sum to" in printed
    assert "<script>alert" not in (out / "attribution.html").read_text(encoding="utf-8")
    names = {path.name for path in out.iterdir()}
    assert {"attribution.csv", "decisions.csv", "attribution.html", "attribution.svg"} <= names
    found = pk.read(out)
    assert isinstance(found, Attribution) and len(found.decisions) == len(text.split())
    status, _, error = run_main([*arguments, "--text", "a dog", "--at", "9"], monkeypatch, capsys)
    assert status == 2 and error.count("\n") <= 2 and "not 9" in error


def test_replacing_embeddings_by_themselves_changes_nothing(tiny_bert: Path) -> None:
    from probekit.models.differentiable import differentiable
    from probekit.models.model import open_model

    model: Any = open_model(str(tiny_bert), pk.EncoderSettings())
    below = differentiable(model, 2)
    texts = [np.arange(5, 12), np.arange(20, 23)]
    ids, present = below.read(texts)
    embedded = below.embedded(ids)
    expected = model.encoder.hidden_states(texts)[2]
    torch.testing.assert_close(below.states(embedded, ids, present), expected)
    other = below.states(embedded.roll(1, 1), ids, present)
    assert (other - expected).abs().max() > 0.1
