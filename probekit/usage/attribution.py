"""Attribution: which words, and which lower-layer states, the decisions of a probe rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from probekit.results import columns
from probekit.results.columns import COUNT
from probekit.results.results import Results
from probekit.results.schema import Means, Schema, schema_of

if TYPE_CHECKING:
    import pandas as pd

SCORE = "logits"
SHARE = "−1 to 1"
SPECIAL = "(special)"
"""In place of a word: special tokens together."""
CANCELLED = 0.01
"""Of the sum of absolute parts: the least difference that an error is a share of."""
EVERY = ""
"""The label of rows over all labels."""

Model = Annotated[str, Means("the checkpoint; `random:…` for its null")]
Number = Annotated[int, Means("of the decision, in one model", COUNT)]
Place = Annotated[
    str,
    Means(
        "where the word stands: in the `span` (of pairs `span 1` or `span 2`), `between` two "
        "spans, or so many words to the `left` or the `right` of them"
    ),
]


@dataclass(frozen=True, kw_only=True)
class AttributionRow:
    """One word of the text of one decision."""

    model: Model
    decision: Number
    position: Annotated[int, Means("of the word in its text", COUNT)]
    word: Annotated[str, Means("the word")]
    place: Place
    attribution: Annotated[
        float, Means("what integrated gradients attribute to it, summed over its subwords", SCORE)
    ]
    share: Annotated[
        float, Means("the same, as a share of the absolute values of all words", SHARE)
    ]
    ablation: Annotated[
        float,
        Means(
            "how far the score falls without this word alone; of a corpus, for one decision of "
            "each sentence",
            SCORE,
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class DecisionRow:
    """One decision of the probe: a label whose score is explained."""

    model: Model
    corpus: Annotated[str, Means("that the probe was trained on; `*` as elsewhere")]
    task: columns.TaskName
    probe: columns.ProbeName
    layer: Annotated[int, Means("that the probe reads", "from 1")]
    decision: Number
    text: Annotated[str, Means("id of the sentence or document; `text` for one that was given")]
    words: Annotated[str, Means("of the span, of a pair both with ` / ` between")]
    label: Annotated[str, Means("whose score is explained")]
    predicted: Annotated[str, Means("the label that the probe gives")]
    gold: Annotated[str, Means("the label of the corpus; empty for a text that was given")]
    baseline: Annotated[str, Means("what stands for no word: `pad`, `mean` or `zero`")]
    score: Annotated[float, Means("the label's logit less the mean of all logits", SCORE)]
    without: Annotated[float, Means("the same with the baseline for every word", SCORE)]
    delta: Annotated[
        float, Means("sum of the attributions less (`score` − `without`): the error", SCORE)
    ]
    steps: Annotated[int, Means("of the path", COUNT)]
    agreement: Annotated[
        float,
        Means(
            "rank correlation of attribution and ablation over the words; empty without ablations "
            "and for fewer than 3 words",
            SHARE,
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class PositionRow:
    """What the decisions for one label rest on, by the place of words."""

    label: Annotated[str, Means("the gold label; empty for all labels together")]
    place: Place
    n: Annotated[int, Means("decisions whose text has such a word", COUNT)]
    sentences: Annotated[int, Means("that they are in, which intervals are over", COUNT)]
    share: Annotated[
        float,
        Means("mean share of the words there, of all that is attributed, with its sign", SHARE),
    ]
    ci_low: columns.Low
    ci_high: columns.High
    random: Annotated[float, Means("the same of the null; empty without one", SHARE)]
    random_low: Annotated[float, Means("lower end of its 95% interval", SHARE)]
    random_high: Annotated[float, Means("upper end of its 95% interval", SHARE)]
    beyond: Annotated[float, Means("share less that of the null, in the same decisions", "−2 to 2")]
    beyond_low: Annotated[float, Means("lower end of its 95% interval", "−2 to 2")]
    beyond_high: Annotated[float, Means("upper end of its 95% interval", "−2 to 2")]


@dataclass(frozen=True, kw_only=True)
class FlowRow:
    """What flows through one word's states in one layer below the probe, to one decision."""

    model: Model
    decision: Number
    layer: Annotated[int, Means("0, the embeddings, to the one below the probe's", "from 0")]
    position: Annotated[
        int | None, Means("of the word in its text; empty for special tokens together", COUNT)
    ]
    word: Annotated[str, Means("the word, or `(special)`")]
    conductance: Annotated[float, Means("what flows through its states, over all neurons", SCORE)]
    share: Annotated[float, Means("as a share of the absolute values of the layer's words", SHARE)]


@dataclass(frozen=True, kw_only=True)
class NeuronRow:
    """One of the neurons through which most flows to one decision."""

    model: Model
    decision: Number
    layer: Annotated[int, Means("below the probe's", "from 1")]
    rank: Annotated[int, Means("by the absolute value", "from 1")]
    neuron: Annotated[int, Means("its place in the states", COUNT)]
    conductance: Annotated[float, Means("what flows through it, over all subwords", SCORE)]
    share: Annotated[float, Means("of the absolute values of the layer's neurons", SHARE)]


ATTRIBUTION = schema_of(
    "attribution",
    "a word of the text of a decision",
    AttributionRow,
    ("model", "decision", "position"),
)
DECISIONS = schema_of("decisions", "a decision of a probe", DecisionRow, ("model", "decision"))
POSITIONS = schema_of(
    "positions", "a label and a place relative to the span", PositionRow, ("label", "place")
)
FLOWS = schema_of(
    "conductance",
    "a decision, a layer below the probe and a word",
    FlowRow,
    ("model", "decision", "layer", "position"),
)
FLOW_NEURONS = schema_of(
    "conductance_neurons",
    "a decision, a layer below the probe and a neuron",
    NeuronRow,
    ("model", "decision", "layer", "rank"),
)


@dataclass(frozen=True, eq=False, repr=False)
class Attribution(Results):
    """What the decisions of a probe on top of a running model rest on.

    Attributes:
        table: one row for each word of each decision's text; see AttributionRow.
        decisions: one row for each decision.
        positions: of a corpus, the mean by label and place, beside the null.
        conductance: of a text, what flows through the states of each word in each layer below.
        neurons: of a text, the neurons through which most flows.
    """

    TABLES: ClassVar[Mapping[str, Schema]] = {"table": ATTRIBUTION, "decisions": DECISIONS}
    OPTIONAL: ClassVar[Mapping[str, Schema]] = {
        "positions": POSITIONS,
        "conductance": FLOWS,
        "neurons": FLOW_NEURONS,
    }
    MADE_BY: ClassVar[str] = "attribute"
    TOLD_BY: ClassVar[Sequence[str]] = ("model",)

    table: pd.DataFrame
    decisions: pd.DataFrame
    positions: pd.DataFrame | None = None
    conductance: pd.DataFrame | None = None
    neurons: pd.DataFrame | None = None

    @property
    def of_model(self) -> pd.DataFrame:
        """The decisions of the checkpoint itself, without its null."""
        rows = self.decisions
        return rows[rows["model"] == rows["model"].iloc[0]] if len(rows) else rows

    def errors(self) -> pd.Series:
        """The error of each decision of the checkpoint, as a share of the difference that the words
        make; or of a hundredth of the sum of absolute parts, where these cancel each other."""
        rows = self.of_model
        own = self.table[self.table["model"].isin(rows["model"].unique())]
        total = own["attribution"].abs().groupby(own["decision"]).sum()
        least = CANCELLED * rows["decision"].map(total)
        difference = (rows["score"] - rows["without"]).abs()
        return rows["delta"].abs() / difference.where(difference > least, least)

    def shown(self) -> pd.DataFrame:
        """The table that a notebook shows: of a corpus the means, of a text its words."""
        assert self.positions is not None
        return self.positions if len(self.positions) else self.table

    def words_of(self, decision: int) -> pd.DataFrame:
        """The words of one decision of the checkpoint."""
        rows = self.table
        is_own = (rows["model"] == self.decisions["model"].iloc[0]) & (rows["decision"] == decision)
        return rows[is_own]

    @property
    def sentences(self) -> list[str]:
        """What a reader must know of the whole: the baseline, the error, and the check."""
        rows = self.of_model
        if rows.empty:
            return []
        first = rows.iloc[0]
        found = [
            f"Compared with {BASELINES[first['baseline']]}, attributions sum to the difference of "
            f"the score within {100 * self.errors().max():.2g}% "
            f"({rows['steps'].max()} steps at most)."
        ]
        agreement = rows["agreement"].dropna()
        if len(agreement):
            least = f"{agreement.min():.2f}".replace("-", "−")
            found.append(
                "Rank correlation with the fall of the score without each word alone: "
                f"{agreement.mean():.2f} on average, {least} at the lowest."
            )
        return found


BASELINES = {
    "pad": "the padding subword in place of every word",
    "mean": "the mean embedding in place of every word",
    "zero": "zero in place of every word's embedding",
}
"""What stands for no word."""
