"""The section of recipes: what each way of fine-tuning gains and what it costs."""

from __future__ import annotations

from probekit.reports.page.drawing import drawing
from probekit.reports.page.grid import table
from probekit.reports.page.parts import Method, Part, Section, Term, Verdict
from probekit.reports.page.sections.subject import named
from probekit.reports.tradeoff import tradeoff
from probekit.tuning.recipe_scores import RecipeScores


def section_of_recipes(found: RecipeScores) -> Section:
    """The conclusion, the picture of gain and cost, and every cell."""
    settings = found.run.settings
    subject = f"{settings.get('model', '')} on {settings.get('data', '')}"
    parts: list[Part | None] = [
        drawing(
            "Gain and cost: target score against retention, a point per recipe and rate",
            "Up is a better target score, right is more retained. No other recipe beats those on "
            "the front on both.",
            lambda: tradeoff(found),
        ),
        table(found, "tradeoff", "Recipes and rates"),
        table(found, "recipes", "Every seed and task", folded=True),
    ]
    return Section(
        heading=f"Recipes of fine-tuning: {subject}",
        verdicts=[Verdict(found.conclusion())],
        guide=(
            Term(
                "recipe",
                "a way of fine-tuning, such as full, frozen or lora; rate is its "
                "highest learning rate.",
            ),
            Term("target", "the score on what the model was fine-tuned for, on test texts."),
            Term(
                "retention",
                "the share of what the model knew of other tasks before that is left after: 1 is "
                "all, 0 is none.",
            ),
            Term("on front", "1 where no other recipe has a higher target and keeps as much."),
            Term(
                "95% interval",
                "covers other test texts and other seeds of fine-tuning. The "
                "difference compares a target with that of the recipe and rate that is best on "
                "dev, on the same texts. "
                "Two retentions are told apart where they differ by more than the root of the "
                "summed squares of half their intervals, which can overlap a little.",
            ),
        ),
        parts=[part for part in parts if part],
        methods=[
            Method(
                f"We fine-tuned {subject} by the recipes {named(found.tradeoff, 'recipe')}, with "
                f"{named(found.table, 'seed')} as seeds, and probed each result before and after."
            )
        ],
    )
