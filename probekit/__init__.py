"""probekit: what each layer of a language model knows, and what fine-tuning destroyed.

The public nouns and verbs. Each is imported on first use, so that `import probekit` is fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from probekit.corpora.load import load_corpus
    from probekit.corpora.passage import Corpus, Edge, Passage
    from probekit.corpora.silver.annotate import annotate
    from probekit.engine.settings import EngineSettings
    from probekit.errors import ProbekitError
    from probekit.forgetting.compare import compare
    from probekit.forgetting.comparison import Comparison
    from probekit.forgetting.gate.gate import gate
    from probekit.forgetting.gate.gated import Gated
    from probekit.forgetting.monitors.compare_probes import compare_probes
    from probekit.forgetting.monitors.probe_change import ProbeChange
    from probekit.forgetting.trace import trace
    from probekit.forgetting.trajectory import Trajectory
    from probekit.models.checkpoint import EncoderSettings
    from probekit.models.loaded import LoadedModel
    from probekit.probes.fit_settings import FitSettings
    from probekit.probes.probe import probe
    from probekit.probes.saved.probe_file import load_probes, save_probes
    from probekit.probes.saved.saved_probe import SavedProbe
    from probekit.probes.scores import Scores
    from probekit.replications.replicate import replicate
    from probekit.replications.replicated import Replicated
    from probekit.reports.bars import bars
    from probekit.reports.capacity import capacity
    from probekit.reports.confusion import confusion
    from probekit.reports.heatmap import heatmap
    from probekit.reports.junit import junit
    from probekit.reports.latex import latex
    from probekit.reports.latex_files import latex_files
    from probekit.reports.learning_curves import learning_curves
    from probekit.reports.lines import lines
    from probekit.reports.markdown import markdown_file
    from probekit.reports.model_card import model_card
    from probekit.reports.page.report import report
    from probekit.reports.present_or_used import present_or_used
    from probekit.reports.read import read
    from probekit.reports.style import style
    from probekit.reports.track import track
    from probekit.reports.tradeoff import tradeoff
    from probekit.states.extract import extract
    from probekit.states.prompts import prompts
    from probekit.states.read_states import read_states
    from probekit.states.settings import ExtractSettings
    from probekit.states.states import States
    from probekit.tasks.question import Instances, Question, ask
    from probekit.tasks.task import Task, load_task
    from probekit.tuning.callback import ForgettingCallback
    from probekit.tuning.finetune import finetune
    from probekit.tuning.grid import recipes
    from probekit.tuning.recipe_scores import RecipeScores
    from probekit.tuning.settings import TuningSettings
    from probekit.tuning.transfer import transfer
    from probekit.tuning.transferred import Transfer
    from probekit.tuning.tuned import Tuned
    from probekit.usage.attribute import attribute
    from probekit.usage.attribution import Attribution
    from probekit.usage.compare_use import compare_use
    from probekit.usage.erase import erase
    from probekit.usage.erasure import Erasure
    from probekit.usage.neurons import neurons
    from probekit.usage.neurons_found import Neurons
    from probekit.usage.use_change import UseChange

_HOME = {
    "Attribution": "usage.attribution",
    "Comparison": "forgetting.comparison",
    "Corpus": "corpora.passage",
    "Edge": "corpora.passage",
    "EncoderSettings": "models.checkpoint",
    "EngineSettings": "engine.settings",
    "Erasure": "usage.erasure",
    "ExtractSettings": "states.settings",
    "FitSettings": "probes.fit_settings",
    "ForgettingCallback": "tuning.callback",
    "Gated": "forgetting.gate.gated",
    "Instances": "tasks.question",
    "LoadedModel": "models.loaded",
    "Neurons": "usage.neurons_found",
    "Passage": "corpora.passage",
    "ProbeChange": "forgetting.monitors.probe_change",
    "ProbekitError": "errors",
    "Question": "tasks.question",
    "RecipeScores": "tuning.recipe_scores",
    "Replicated": "replications.replicated",
    "SavedProbe": "probes.saved.saved_probe",
    "Scores": "probes.scores",
    "States": "states.states",
    "Task": "tasks.task",
    "Trajectory": "forgetting.trajectory",
    "Transfer": "tuning.transferred",
    "Tuned": "tuning.tuned",
    "TuningSettings": "tuning.settings",
    "UseChange": "usage.use_change",
    "annotate": "corpora.silver.annotate",
    "ask": "tasks.question",
    "attribute": "usage.attribute",
    "bars": "reports.bars",
    "capacity": "reports.capacity",
    "compare": "forgetting.compare",
    "compare_probes": "forgetting.monitors.compare_probes",
    "compare_use": "usage.compare_use",
    "confusion": "reports.confusion",
    "erase": "usage.erase",
    "extract": "states.extract",
    "finetune": "tuning.finetune",
    "gate": "forgetting.gate.gate",
    "heatmap": "reports.heatmap",
    "junit": "reports.junit",
    "latex": "reports.latex",
    "latex_files": "reports.latex_files",
    "learning_curves": "reports.learning_curves",
    "lines": "reports.lines",
    "load_corpus": "corpora.load",
    "load_probes": "probes.saved.probe_file",
    "load_task": "tasks.task",
    "markdown_file": "reports.markdown",
    "model_card": "reports.model_card",
    "neurons": "usage.neurons",
    "present_or_used": "reports.present_or_used",
    "probe": "probes.probe",
    "prompts": "states.prompts",
    "read": "reports.read",
    "read_states": "states.read_states",
    "recipes": "tuning.grid",
    "replicate": "replications.replicate",
    "save_probes": "probes.saved.probe_file",
    "report": "reports.page.report",
    "style": "reports.style",
    "trace": "forgetting.trace",
    "track": "reports.track",
    "tradeoff": "reports.tradeoff",
    "transfer": "tuning.transfer",
}

__all__ = [
    "Attribution",
    "Comparison",
    "Corpus",
    "Edge",
    "EncoderSettings",
    "EngineSettings",
    "Erasure",
    "ExtractSettings",
    "FitSettings",
    "ForgettingCallback",
    "Gated",
    "Instances",
    "LoadedModel",
    "Neurons",
    "Passage",
    "ProbeChange",
    "ProbekitError",
    "Question",
    "RecipeScores",
    "Replicated",
    "SavedProbe",
    "Scores",
    "States",
    "Task",
    "Trajectory",
    "Transfer",
    "Tuned",
    "TuningSettings",
    "UseChange",
    "annotate",
    "ask",
    "attribute",
    "bars",
    "capacity",
    "compare",
    "compare_probes",
    "compare_use",
    "confusion",
    "erase",
    "extract",
    "finetune",
    "gate",
    "heatmap",
    "junit",
    "latex",
    "latex_files",
    "learning_curves",
    "lines",
    "load_corpus",
    "load_probes",
    "load_task",
    "markdown_file",
    "model_card",
    "neurons",
    "present_or_used",
    "probe",
    "prompts",
    "read",
    "read_states",
    "recipes",
    "replicate",
    "report",
    "save_probes",
    "style",
    "trace",
    "track",
    "tradeoff",
    "transfer",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'probekit' has no attribute '{name}'")
    return getattr(importlib.import_module(f"probekit.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
