"""Attribution rows: from attributed scores to the tables of results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from probekit.stats.bootstrap import bootstrap, interval, widened
from probekit.usage.attributed import Attributed
from probekit.usage.attribution import (
    EVERY,
    SPECIAL,
    AttributionRow,
    DecisionRow,
    FlowRow,
    NeuronRow,
    PositionRow,
)
from probekit.usage.explain import Explanation
from probekit.usage.places import in_order, places
from probekit.usage.wanted import Wanted

MOST_NEURONS = 10  # of a layer and decision
FEWEST_WORDS = 3  # that a rank correlation takes


@dataclass(frozen=True)
class Source:
    """Where decisions come from.

    Attributes:
        asked: the decisions asked for, and their texts.
        classes: the labels.
        about: the columns of a decision that all share: `corpus`, `task` and `probe`.
    """

    asked: Wanted
    classes: Sequence[str]
    about: dict[str, Any]

    def text_of(self, one: Attributed) -> Sequence[str]:
        """The words of a decision's text."""
        return self.asked.texts[one.decision.text]


def tables_of(explanation: Explanation, source: Source) -> dict[str, list[Any]]:
    """The rows of each table of results, by the name of its field."""
    gold = [source.asked.gold[number] for number in explanation.numbers]
    about = {**source.about, "layer": explanation.layer, "baseline": explanation.baseline}
    source = replace(source, about=about)
    model, found = explanation.model, explanation.found
    tables: dict[str, list[Any]] = {
        "table": list(word_rows(model, found, source)),
        "decisions": list(decision_rows(model, found, source, gold)),
    }
    if explanation.null:
        null = explanation.null_model, explanation.null, source
        tables["table"] += word_rows(*null)
        tables["decisions"] += decision_rows(*null, gold)
    if all(gold):
        tables["positions"] = list(position_rows(found, explanation.null, source, gold))
    else:
        tables["conductance"] = list(flow_rows(model, found, source))
        tables["neurons"] = list(neuron_rows(model, found))
    return tables


def word_rows(model: str, found: Sequence[Attributed], source: Source) -> Iterator[AttributionRow]:
    """A row for each word that is read for a decision."""
    for number, one in enumerate(found):
        text = source.text_of(one)
        shares = one.shares
        where = places(len(text), one.decision.spans)
        for position in np.flatnonzero(~np.isnan(one.words)).tolist():
            yield AttributionRow(
                model=model,
                decision=number,
                position=position,
                word=text[position],
                place=where[position],
                attribution=float(one.words[position]),
                share=float(shares[position]),
                ablation=float("nan") if one.ablated is None else float(one.ablated[position]),
            )


def decision_rows(
    model: str, found: Sequence[Attributed], source: Source, gold: Sequence[str]
) -> Iterator[DecisionRow]:
    """A row for each decision."""
    for number, one in enumerate(found):
        decision = one.decision
        text = source.text_of(one)
        spans = [" ".join(text[start:end]) for start, end in decision.spans.tolist()]
        yield DecisionRow(
            model=model,
            **source.about,
            decision=number,
            text=source.asked.ids[decision.text],
            words=" / ".join(spans),
            label=source.classes[decision.label],
            predicted=source.classes[one.predicted],
            gold=gold[number],
            score=one.score,
            without=one.without,
            delta=one.delta,
            steps=one.steps,
            agreement=_agreement(one),
        )


def _agreement(one: Attributed) -> float:
    """The rank correlation of what is attributed to words and how far the score falls without."""
    if one.ablated is None:
        return float("nan")
    is_read = ~np.isnan(one.words)
    attributed, ablated = one.words[is_read], one.ablated[is_read]
    if len(attributed) < FEWEST_WORDS or np.ptp(attributed) == 0 or np.ptp(ablated) == 0:
        return float("nan")
    from scipy.stats import spearmanr

    return float(spearmanr(attributed, ablated).statistic)


def flow_rows(model: str, found: Sequence[Attributed], source: Source) -> Iterator[FlowRow]:
    """A row for each decision, layer below the probe and word; layer 0 has the attributions."""
    for number, one in enumerate(found):
        text = source.text_of(one)
        for layer, values in {0: np.append(one.words, 0), **one.flows}.items():
            shares = _shares(values)
            for position in np.flatnonzero(~np.isnan(values)).tolist():
                is_word = position < len(text)
                yield FlowRow(
                    model=model,
                    decision=number,
                    layer=layer,
                    position=position if is_word else None,
                    word=text[position] if is_word else SPECIAL,
                    conductance=float(values[position]),
                    share=float(shares[position]),
                )


def neuron_rows(model: str, found: Sequence[Attributed]) -> Iterator[NeuronRow]:
    """A row for each of the neurons of a layer through which most flows to a decision."""
    for number, one in enumerate(found):
        for layer, values in one.neurons.items():
            shares = _shares(values)
            largest = np.argsort(-np.abs(values), kind="stable")[:MOST_NEURONS]
            for rank, neuron in enumerate(largest.tolist(), start=1):
                yield NeuronRow(
                    model=model,
                    decision=number,
                    layer=layer,
                    rank=rank,
                    neuron=neuron,
                    conductance=float(values[neuron]),
                    share=float(shares[neuron]),
                )


def _shares(values: np.ndarray) -> np.ndarray:
    total = np.nansum(np.abs(values))
    return values / total if total else np.zeros_like(values)


def position_rows(
    found: Sequence[Attributed],
    null: Sequence[Attributed],
    source: Source,
    gold: Sequence[str],
) -> Iterator[PositionRow]:
    """The mean share by gold label and place, with intervals over texts.

    Args:
        found: of the checkpoint.
        null: of its null, for the same decisions; empty for none.
        source: where the decisions come from.
        gold: the gold label of each.
    """
    own = _by_place(found, source)
    of_null = _by_place(null, source) if null else None
    groups = np.array([one.decision.group for one in found])
    kinds = np.array(gold, dtype=object)
    for label in (EVERY, *sorted(set(gold))):
        chosen = np.ones(len(kinds), dtype=bool) if label == EVERY else kinds == label
        for place in in_order(set(own)):
            rows = chosen & ~np.isnan(own[place])
            if rows.any():
                shares = np.full((int(rows.sum()), 2), np.nan)
                shares[:, 0] = own[place][rows]
                if of_null is not None:
                    shares[:, 1] = of_null[place][rows]
                yield _position(label, place, shares, groups[rows])


def _by_place(found: Sequence[Attributed], source: Source) -> dict[str, np.ndarray]:
    """The share of all words at each place, `(decisions,)`; NaN where no word stands there."""
    by_place: dict[str, np.ndarray] = {}
    for number, one in enumerate(found):
        where = places(len(source.text_of(one)), one.decision.spans)
        for place, share in zip(where, one.shares, strict=True):
            if np.isnan(share):
                continue
            of_place = by_place.setdefault(place, np.full(len(found), np.nan))
            before = of_place[number]
            of_place[number] = share if np.isnan(before) else before + share
    return by_place


def _position(label: str, place: str, shares: np.ndarray, groups: np.ndarray) -> PositionRow:
    """The means of shares `(n, 2)` of the checkpoint and the null, and of their difference."""
    values = np.column_stack([shares, shares[:, 0] - shares[:, 1]])
    unit = np.unique(groups, return_inverse=True)[1]
    n_groups = int(unit.max()) + 1
    sums = np.zeros((3, n_groups, 2))
    for column in range(3):
        np.add.at(sums[column, :, 0], unit, values[:, column])
        np.add.at(sums[column, :, 1], unit, 1)
    mean = _mean(sums.sum(axis=1))
    # Widened for few sentences, intervals may leave the range that shares have.
    bounds = np.array([[1.0], [1.0], [2.0]])
    resampled = np.clip(widened(bootstrap(_mean, sums), mean, n_groups), -bounds, bounds)
    low, high = interval(resampled)
    return PositionRow(
        label=label,
        place=place,
        n=len(values),
        sentences=n_groups,
        share=float(mean[0]),
        ci_low=float(low[0]),
        ci_high=float(high[0]),
        random=float(mean[1]),
        random_low=float(low[1]),
        random_high=float(high[1]),
        beyond=float(mean[2]),
        beyond_low=float(low[2]),
        beyond_high=float(high[2]),
    )


def _mean(counts: np.ndarray) -> np.ndarray:
    """Means from sums and numbers, `(…, 2)`."""
    return np.asarray(counts[..., 0] / counts[..., 1])
