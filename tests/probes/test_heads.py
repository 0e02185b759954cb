"""Every kind of probe: what it learns, where it falls short, and what its name may be."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import probekit as pk
from probekit.errors import InputError
from probekit.models.names import packaged_minilm
from probekit.probes.fit import fit
from probekit.probes.heads import HEADS, head_of
from probekit.probes.heads.head import Draw
from tests.probes.test_fit import gaussian_classes, planted, scores

NAMES = [*(head.usage for head in HEADS.values()), "mlp:32"]


@pytest.mark.parametrize("name", NAMES)
def test_a_head_has_the_shapes_it_says(name: str) -> None:
    head = head_of(name)
    assert head.name == name
    draw: Draw = lambda name, shape: torch.ones(shape)  # noqa: E731
    parameters = {}
    for key, initial in head.initial(5, draw).items():
        parameters[key] = initial.expand(2, 3, *initial.shape)
    output = head(torch.randn(2, 7, 3, head.width(5)), parameters)
    assert output.shape == (2, 7, 3, 5)
    assert head.predict(output).shape == (2, 7, 3)
    target = torch.arange(7) % 5
    expected = -output.log_softmax(-1)[0, 3, 1, target[3]]
    assert head.loss(output, target).shape == (2, 7, 3)
    assert head.loss(output, target)[0, 3, 1].item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_every_head_learns_what_is_linear(name: str) -> None:
    states, question = gaussian_classes(np.random.default_rng(3), np.eye(24))
    (linear,) = fit(states, [question])
    (fitted,) = fit(states, [question], probe=name)
    assert fitted.head == name
    assert scores(fitted)[0, 0] > scores(linear)[0, 0] - 0.03


@pytest.mark.slow
@pytest.mark.skipif(packaged_minilm() is None, reason="the extra [demo] is not installed")
def test_the_edge_probe_is_as_good_as_the_linear_one_where_both_saturate() -> None:
    """Its best layer is at most a point below the linear probe's."""
    settings = pk.ExtractSettings(layers=(2, 3, 4))
    found = {}
    for kind in ("linear", "edge"):
        scores = pk.probe(
            "minilm", ["pos", "dep"], corpus="sample", probes=kind, extract_settings=settings
        )
        found[kind] = scores.best().set_index("task")["score"]
    assert (found["linear"] > 0.95).all()
    assert (found["edge"] > found["linear"] - 0.01).all()


def test_a_rank_too_low_falls_short() -> None:
    """Eight classes whose means span seven directions: two separate some of them, seven all."""
    states, question = gaussian_classes(np.random.default_rng(3), np.eye(24))
    found = {}
    for rank in (1, 2, 7):
        (fitted,) = fit(states, [question], probe=f"rank:{rank}")
        found[rank] = scores(fitted)[0, 0]
    assert found[1] < found[2] - 0.05 < found[7] - 0.1


@pytest.mark.slow
def test_only_the_mlp_learns_what_is_not_linear() -> None:
    states, question = planted("xor")
    found = {name: scores(fit(states, [question], probe=name)[0]).max() for name in NAMES}
    assert found["mlp"] > max(found["linear"], found["rank:8"]) + 0.1


@pytest.mark.parametrize(
    "name, message",
    [
        ("lnear", "did you mean 'linear'"),
        ("linear:3", "takes no size"),
        ("rank", "needs its rank"),
        ("rank=4", "did you mean 'rank:4'"),
        ("rnk:16", "did you mean 'rank:16'"),
        ("rank:0", "needs its rank"),
        ("rank:-3", "needs its rank"),
        ("rank:8:8", "needs its rank"),
        ("mlp:0", "number of hidden units"),
        ("mlp:wide", "number of hidden units"),
        ("mpl:32", "did you mean 'mlp:32'"),
        ("", "known: edge, linear, mlp, rank:8"),
    ],
)
def test_a_name_that_is_none(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        head_of(name)


def test_an_mlp_of_the_usual_size_has_one_name() -> None:
    """So that it is trained once, and results keep their name."""
    assert head_of("mlp").name == head_of("mlp:64").name == "mlp"
    assert head_of("mlp").width(5) == 64 and head_of("mlp:32").width(5) == 32


def test_more_hidden_units_learn_more() -> None:
    states, question = planted("xor")
    found = {n: scores(fit(states, [question], probe=f"mlp:{n}")[0]).max() for n in (1, 2, 32)}
    assert found[1] < found[2] - 0.05 < found[32] - 0.1
