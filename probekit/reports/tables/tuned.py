"""The table of a fine-tuned model, and the lines of its training."""

from __future__ import annotations

from probekit.reports.number_text import score_interval, score_text
from probekit.reports.table import Column, Table
from probekit.tuning.tuned import Tuned


def tuned_table(tuned: Tuned) -> Table:
    """One row per metric: the scores on test and dev."""
    first = tuned.table.iloc[0]
    title = (
        f"{first['model']} fine-tuned on {first['data']} ({first['recipe']}, rate "
        f"{first['rate']}, {first['trained']:,} of {first['parameters']:,} weights)"
    )
    headings = ("test", "95% interval", "majority", "dev")
    table = Table(title, [Column("metric", False, True), *map(Column, headings)])
    dev = tuned.table[tuned.table["split"] == "dev"].set_index("metric")["score"]
    for _, row in tuned.table[tuned.table["split"] != "dev"].iterrows():
        # The dev score chose the checkpoint, whichever test is reported.
        further = "" if row["split"] == "test" else f" ({row['split'].removeprefix('test_')})"
        interval = score_interval(row["ci_low"], row["ci_high"])
        scores = [f"{row['score']:.3f}", interval, score_text(row["majority"])]
        name = f"{row['metric']}{further}"
        table.rows.append([name, *scores, "" if further else f"{dev[row['metric']]:.3f}"])
    return table


def tuned_lines(tuned: Tuned) -> list[str]:
    """One line for each score on dev during training, with the mean loss since the one before."""
    scored = tuned.history[tuned.history["dev_score"].notna()]
    metric = tuned.table["metric"].iloc[0]
    lines, before = [], 0
    for _, row in scored.iterrows():
        since = tuned.history[tuned.history["step"].between(before + 1, row["step"])]
        before = int(row["step"])
        lines.append(
            f"step {before:,}, epoch {row['epoch']:.3g}: loss {since['loss'].mean():.3f}, "
            f"dev {metric} {row['dev_score']:.3f}"
        )
    return lines
