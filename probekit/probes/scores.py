"""Scores: a table with one row per trained probe or baseline, and what identifies it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from probekit.errors import InputError
from probekit.probes.baselines import BASELINES
from probekit.probes.behaviour.pair_rows import BEHAVIOUR, CHANCE, PAIRS
from probekit.probes.beyond import BEYOND
from probekit.probes.capacity import CAPACITY
from probekit.probes.choice import Names, Numbers, chosen, one_probe
from probekit.probes.codelength_rows import CODELENGTHS, LEARNING_CURVES
from probekit.probes.display import told_apart
from probekit.probes.elsewhere_table import elsewhere_table
from probekit.probes.evidence_table import evidence_table
from probekit.probes.interval_rows import INTERVALS, with_intervals
from probekit.probes.mix_rows import DIFFERENTIAL, MIX_SHARES, MIXES
from probekit.probes.predictions import (
    INSTANCES,
    PREDICTIONS,
    SHOWN,
    frame_of,
)
from probekit.probes.random_table import best_random
from probekit.probes.score_rows import EXPERIMENT, IDENTITY, KEYS, SCORES, ScoreRow
from probekit.probes.seen_rows import SEEN
from probekit.probes.selectivity import SELECTIVITY
from probekit.probes.structural.baselines import TREE_BASELINES
from probekit.probes.structural.tree_rows import EDGE_LENGTHS
from probekit.results import columnar
from probekit.results.results import Results
from probekit.results.run import Run
from probekit.results.schema import Schema
from probekit.stats.tree_metrics import TREE_METRICS

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True, eq=False, repr=False)
class Scores(Results):
    """What was measured.

    Attributes:
        table: one row for each probe and baseline, see ScoreRow. Scores and their 95% intervals, by
            bootstrap over sentences (or documents), are in [0, 1].
        instances: the test instances, see InstanceRow.
        predicted: what each probe and baseline predicts of them, see PredictionRow. Both are
            without rows where the table was made or read alone.
        seen: scores by kinds of test instances at the best layers, see SeenRow.
        intervals: 95% intervals that also cover the training sentences and the seeds, see
            IntervalRow. This table and the following ones are without rows unless `probe` was asked
            for them.
        selectivity: scores against those on control tasks, see SelectivityRow.
        codelengths, learning_curves: online codes of the training labels, see CodeRow and CurveRow.
        mixes, differential, mix_shares: mixes of layers, see MixRow, DifferentialRow and ShareRow.
        edge_lengths: UUAS by length of dependency, of the task `distance`, see EdgeLengthRow.
        beyond: what layers tell beyond a given one, see BeyondRow.
        capacity: scores against the size of probes, see CapacityRow.
        pairs: what language models make of each minimal pair, see PairRow.
    """

    TABLES: ClassVar[Mapping[str, Schema]] = {"table": SCORES}
    OPTIONAL: ClassVar[Mapping[str, Schema]] = {
        "seen": SEEN,
        "intervals": INTERVALS,
        "selectivity": SELECTIVITY,
        "codelengths": CODELENGTHS,
        "learning_curves": LEARNING_CURVES,
        "mixes": MIXES,
        "differential": DIFFERENTIAL,
        "mix_shares": MIX_SHARES,
        "beyond": BEYOND,
        "capacity": CAPACITY,
        "edge_lengths": EDGE_LENGTHS,
        "pairs": PAIRS,
    }
    LARGE: ClassVar[Mapping[str, Schema]] = {"instances": INSTANCES, "predicted": PREDICTIONS}
    MADE_BY: ClassVar[str] = "probe"
    TOLD_BY: ClassVar[Sequence[str]] = ("model", "task", "corpus", "probe")

    table: pd.DataFrame
    seen: pd.DataFrame = field(default=None, kw_only=True)
    intervals: pd.DataFrame = field(default=None, kw_only=True)
    selectivity: pd.DataFrame = field(default=None, kw_only=True)
    codelengths: pd.DataFrame = field(default=None, kw_only=True)
    learning_curves: pd.DataFrame = field(default=None, kw_only=True)
    mixes: pd.DataFrame = field(default=None, kw_only=True)
    differential: pd.DataFrame = field(default=None, kw_only=True)
    mix_shares: pd.DataFrame = field(default=None, kw_only=True)
    edge_lengths: pd.DataFrame = field(default=None, kw_only=True)
    beyond: pd.DataFrame = field(default=None, kw_only=True)
    capacity: pd.DataFrame = field(default=None, kw_only=True)
    pairs: pd.DataFrame = field(default=None, kw_only=True)
    instances: pa.Table = field(default=None, kw_only=True)
    predicted: pa.Table = field(default=None, kw_only=True)

    @property
    def has_layers(self) -> bool:
        """Whether a layer was probed: tasks of behaviour have none."""
        return bool(self.table["layer"].notna().any())

    def shown(self) -> pd.DataFrame:
        """The best layers; or all rows where an experiment was measured twice, or none were
        probed."""
        try:
            return self.best() if self.has_layers else self.table
        except InputError:
            return self.table

    def displayed(self) -> pd.DataFrame:
        """Scores of single layers on gold labels, and of baselines, with display names for `model`,
        `task`, `corpus` and `probe`.

        With `resample_train`, the intervals are those of `intervals`, the same for all seeds.

        Where two different ones have one name, what differs is added to it: rows with the same four
        names then differ in layer and seed only.

        Raises InputError where a probe has two different scores.
        """
        is_plain = (self.table["labels"] == "gold") & (self.table["view"] == "single")
        is_own = (self.table["test_fingerprint"] == "") & (self.table["weights"] != "random")
        is_probed = ~self.table["probe"].isin([BEHAVIOUR, CHANCE])
        plain = self.table[is_plain & is_own & is_probed]
        shown = plain.drop_duplicates([column for column in plain if not column.endswith("source")])
        shown = with_intervals(shown, self.intervals)
        for noun, of_noun in IDENTITY.items():
            facts = shown[list(of_noun)].to_dict("records")
            shown = shown.assign(**{noun: told_apart(shown[noun].tolist(), facts)})
        _require_once(shown)
        return shown

    def best(self) -> pd.DataFrame:
        """The best layer of each model, task, corpus, probe and metric, by display name; means over
        seeds.

        It is the layer with the best dev score (at a tie the lowest): chosen on test, its test
        score would be too good.

        Returns one row for each, with `metric`, `layer`, `score`, `ci_low`, `ci_high`, `dev_score`;
        `first_layer` and `last_layer`, the lowest and the highest that were read; and for
        comparison `score_layer_0` (the embeddings), `score_last_layer`, `lexical` and `majority`;
        with structural tasks, `left_chain`, `right_chain` and `random_tree`; with
        `random_control=True` also `random_weights` (the same architecture with these, at its own
        best layer). What was not measured is missing.
        """
        shown = self.displayed()
        baselines = shown[shown["layer"].isna()]
        probed = shown.dropna(subset=["layer"])
        values = ["score", "ci_low", "ci_high", "dev_score"]
        means = probed.groupby([*KEYS, "layer"], sort=False)[values].mean().reset_index()
        groups = means.groupby(KEYS, sort=False)
        best = means.loc[groups["dev_score"].idxmax()].reset_index(drop=True)
        ends = groups["layer"].agg(first_layer="min", last_layer="max").reset_index()
        best = best.merge(ends, on=KEYS, how="left")
        embeddings = means[means["layer"] == 0]
        best = _with_score(best, embeddings, KEYS, "score_layer_0")
        at_last = means.rename(columns={"layer": "last_layer"})
        best = _with_score(best, at_last, [*KEYS, "last_layer"], "score_last_layer")
        for name in BASELINES:
            mine = baselines[baselines["probe"] == name]
            best = _with_score(best, mine, ["model", "task", "corpus", "metric"], name)
        for name in TREE_BASELINES:
            mine = baselines[baselines["probe"] == name]
            if len(mine):
                best = _with_score(best, mine, ["model", "task", "corpus", "metric"], name)
        if (self.table["weights"] == "random").any():
            best = _with_score(best, best_random(self.table, shown), KEYS, "random_weights")
        return best

    def behaviour(self) -> pd.DataFrame:
        """What language models themselves find likely, without a probe.

        Returns one row for each model, task, corpus and metric, with `score`, its interval `ci_low`
        to `ci_high`, `n_test`, and `chance`, the score of a model that knows nothing; missing where
        there is no such number.
        """
        keys = ["model", "model_fingerprint", "task", "corpus", "metric"]
        levels = self.table[self.table["probe"] == CHANCE]
        shown = self.table[self.table["probe"] == BEHAVIOUR]
        found = _with_score(shown, levels, keys, "chance")
        return found[[*keys, "score", "ci_low", "ci_high", "n_test", "chance", "weights"]]

    def elsewhere(self) -> pd.DataFrame:
        """The best layers on other corpora, which `test_corpus` names; means over seeds.

        Returns one row for each of `best` and corpus tested, with `layer`, `metric`, `score` (on
        the corpus trained on), `test_corpus`, `test_score` and its interval `ci_low` to `ci_high`,
        and the baselines there, `lexical` and `majority`.
        """
        return elsewhere_table(self)

    def evidence(self) -> pd.DataFrame:
        """The best layers, with what was measured there beside scores; means over seeds.

        Returns one row for each of `best`, with `layer`, `metric`, `score`, `ci_low`, `ci_high`;
        with `control=True` also `selectivity`, its interval `selectivity_low` to
        `selectivity_high`, `control_score` and `known_types`; with `codelength=True`
        `bits_per_instance`, its interval `bits_low` to `bits_high`, and `compression`; with
        `mix=True` `gain`, `expected_layer`, its interval `expected_low` to `expected_high`, and
        `centre_of_gravity`; with `beyond=0` `bits_beyond`, its interval `beyond_low` to
        `beyond_high`, and `given`. Their meanings are those of the tables that they are from.
        """
        return evidence_table(self)

    def predictions(
        self,
        *,
        model: Names | None = None,
        task: Names | None = None,
        corpus: Names | None = None,
        probe: Names | None = None,
        layer: Numbers | None = None,
        seed: Numbers | None = None,
    ) -> pd.DataFrame:
        """What probes and baselines predict: one row per probe or baseline and test instance.

        Each parameter takes one value or several, and None for all. In a large run, choose: all
        layers and seeds of all tasks are millions of rows.

        Args:
            model, task, corpus: display names, as in `best`.
            probe: kinds of probe, or `majority`, `lexical`.
            layer: layers; baselines have none.
            seed: seeds.

        Returns `model`, `task`, `corpus`, `probe`, `layer`, `seed`; `instance`, its number; the
        `sentence`, `words`, `start` and `end` of its span, and of a pair also those of the second
        (`sentence_2` …); `gold` and `predicted`, its labels. `start` and `end` are words of the
        sentence, from 0, and the one after the last.

        Raises InputError for a value that the scores do not have, and where predictions are
        missing: scores made from a table, or read from one file, have none.
        """
        wanted = _wanted(model, task, corpus, probe, layer, seed)
        rows = _with_labels(chosen(self.displayed(), wanted))
        return frame_of(rows, self.table.loc[rows.index], self.instances, self.predicted)

    def confusion(
        self,
        *,
        model: Names | None = None,
        task: Names | None = None,
        corpus: Names | None = None,
        probe: Names | None = None,
        layer: Numbers | None = None,
        seed: Numbers | None = None,
    ) -> pd.DataFrame:
        """How often each label is predicted for each gold label, by one probe on one task.

        Args:
            model, task, corpus, probe: of which there is one, see `predictions`. Baselines count
                only where `probe` names them.
            layer: by default the one with the best dev score.
            seed: by default all, counted together.

        Returns counts: gold labels are rows, predicted labels columns, both in alphabetical order.

        Raises InputError where one probe is not chosen, and what `predictions` raises.
        """
        wanted = _wanted(model, task, corpus, probe, layer, seed)
        rows = one_probe(_with_labels(chosen(self.displayed(), wanted)))
        found = frame_of(rows, self.table.loc[rows.index], self.instances, self.predicted)
        labels = sorted({*found["gold"], *found["predicted"]})
        counts = found.groupby(["gold", "predicted"]).size().unstack(fill_value=0)
        return counts.reindex(index=labels, columns=labels, fill_value=0)


def _with_labels(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows whose task labels spans. Raises InputError where there are structural ones only."""
    labelled = rows[~rows["metric"].isin(list(TREE_METRICS))]
    if labelled.empty:
        names = ", ".join(rows["task"].unique())
        raise InputError(
            f"structural tasks ({names}) predict trees, not labels: they have scores only"
        )
    return labelled


def _wanted(*values: Any) -> dict[str, Any]:
    """The values of parameters by their names."""
    return dict(zip(SHOWN, values, strict=True))


def _with_score(best: pd.DataFrame, rows: pd.DataFrame, keys: list[str], name: str) -> pd.DataFrame:
    """The table with another column, `name`: the mean score of the `rows` with the same keys."""
    found = rows.groupby(keys, sort=False)["score"].mean().rename(name).reset_index()
    return best.merge(found, on=keys, how="left")


def make_scores(rows: Sequence[ScoreRow], run: Run, warnings: Sequence[str], **more: Any) -> Scores:
    """Scores of rows, and the tables of OPTIONAL and LARGE by name.

    Of an experiment that was measured twice the first row stays. The two differ by rounding, since
    what is fitted with a probe changes the order of sums.
    """
    table = SCORES.table(rows).drop_duplicates(EXPERIMENT, ignore_index=True)
    for name, schema in Scores.OPTIONAL.items():
        if name in more:
            of_kind = schema.table(more[name])
            identity = [column for column in EXPERIMENT if column in of_kind]
            key = list(dict.fromkeys([*schema.key, *identity]))
            more[name] = of_kind.drop_duplicates(key, ignore_index=True)
    return Scores(table, **more, run=run, warnings=tuple(warnings))


def joined(several: Sequence[Scores]) -> Scores:
    """The rows of several runs as one table, without their records.

    Of an experiment that two runs measured the first row stays, and a warning says how far their
    scores differ. Rows of an older version, without fingerprints, count as the same only where they
    are equal.
    """
    import pandas as pd

    table = pd.concat([scores.table for scores in several], ignore_index=True).drop_duplicates(
        ignore_index=True
    )
    warnings = [warning for scores in several for warning in scores.warnings]
    twice = table[table.duplicated(EXPERIMENT, keep=False) & (table["model_fingerprint"] != "")]
    ranges = twice.groupby(EXPERIMENT, dropna=False)["score"].agg(np.ptp)
    if ranges.max() > 0:
        warnings.append(
            f"{len(ranges)} scores were measured more than once, and differ by up to "
            f"{ranges.max():.3f}: the first run's are taken"
        )
    repeated = twice.index[twice.duplicated(EXPERIMENT)]
    return Scores(
        table.drop(index=repeated).reset_index(drop=True),
        instances=columnar.joined(INSTANCES, [scores.instances for scores in several]),
        predicted=columnar.joined(PREDICTIONS, [scores.predicted for scores in several]),
        warnings=tuple(warnings),
    )


def _require_once(shown: pd.DataFrame) -> None:
    """Raise InputError where two different rows are of one experiment."""
    twice = shown[shown.duplicated([*KEYS, "layer", "seed"], keep=False)]
    if twice.empty:
        return
    row = twice.iloc[0]
    what = f"{row['model']}, {row['task']} on {row['corpus']}, {row['probe']}, seed {row['seed']}"
    if not row.get("model_fingerprint"):
        raise InputError(
            f"two different scores of one probe ({what}): a table of an older version does not say "
            "what tells its experiments apart, so it cannot be averaged or drawn: "
            "run 'probekit probe' again"
        )
    raise InputError(
        f"two different scores of one probe ({what}): the same experiment was measured twice; "
        "read one of the runs"
    )
