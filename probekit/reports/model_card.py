"""Model card: a section with results in the README.md of a checkpoint, and the same as metadata."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probekit import doors
from probekit.errors import InputError, StoreError, first_line, suggestion
from probekit.paths import path_of
from probekit.reports.card_metadata import TASK, eval_results
from probekit.reports.markdown import escaped, markdown_parts
from probekit.reports.of_checkpoint import only_of_checkpoint
from probekit.reports.several import read_each
from probekit.results.folder import cannot_write
from probekit.whole import reason, written_whole

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

README = "README.md"
START, END = "<!-- probekit: start -->", "<!-- probekit: end -->"
INDEX = "model-index"
_SECTION = re.compile(f"{re.escape(START)}.*{re.escape(END)}", re.DOTALL)
_BOM = "\ufeff"


def model_card(checkpoint: str | Path, folders: str | Path | Sequence[str | Path]) -> Path:
    """Write the results of a checkpoint into its README.md, for readers and for the model hub.

    Readers find a section with the tables, between two comments; when it is written again, it
    replaces the one before. The hub finds the scores in `model-index`, beside entries of others.
    The rest of the README stays as it is. Without a README, a new one is made.

    Args:
        checkpoint: the checkpoint's folder.
        folders: what `probe` or `compare` wrote about it. Rows of other models are left out.

    Returns the path of the README.

    Raises:
        InputError: where the folder or its README is missing or cannot be used, a folder has no
            results, or its results are of other weights.
        ModelError: where the folder is not a checkpoint.
        StoreError: where writing fails; the README is then as it was.
    """
    place = path_of(doors.of_type("checkpoint", checkpoint, (str, Path)))
    found = read_each(folders)
    if not place.is_dir():
        raise InputError(
            f"checkpoint takes the folder of a checkpoint, and '{place}' is not one"
            f"{suggestion(place)}"
        )
    parts: list[str] = ["## What its layers know"]
    results: list[EvalResult] = []
    for name, one in only_of_checkpoint(found, place).items():
        parts += markdown_parts(one, name)
        results += eval_results(one)
    parts.append(f"Measured with probekit {version('probekit-nlp')}.")
    path = place / README
    text = _with_section(_text_of(path, place), parts, path)
    text = _with_index(text, results, path)
    try:
        with written_whole(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise StoreError(cannot_write(path, error)) from error
    return path


def _text_of(path: Path, folder: Path) -> str:
    """The text of the README, or of a new one."""
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return f"# {escaped(folder.resolve().name)}\n"
    except OSError as error:
        raise InputError(f"{path} cannot be read: {reason(error)}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 ({error}): save it as UTF-8") from error


def _with_section(text: str, parts: Sequence[str], path: Path) -> str:
    """The text of the README with a new section, in place of an old one or at the end."""
    line_break = _line_break(text)
    section = "\n\n".join([START, *parts, END]).replace("\n", line_break)
    counts = text.count(START), text.count(END)
    if counts == (0, 0):
        gap = line_break if text.endswith(("\n", "\r")) else 2 * line_break
        return f"{text}{gap}{section}{line_break}"
    old = _SECTION.search(text)
    if counts != (1, 1) or not old:
        raise InputError(
            f"{path} needs one '{START}' and after it one '{END}', or neither: correct it, or "
            "delete them with what is between them"
        )
    return f"{text[: old.start()]}{section}{text[old.end() :]}"


def _with_index(text: str, results: Sequence[EvalResult], path: Path) -> str:
    """The text of the README with new results in its front matter, which is made if needed."""
    from huggingface_hub.repocard import REGEX_YAML_BLOCK
    from huggingface_hub.utils import yaml_dump  # type: ignore[attr-defined]

    mark = _BOM if text.startswith(_BOM) else ""
    text = text.removeprefix(_BOM)
    match = REGEX_YAML_BLOCK.search(text)
    line_break = _line_break(text)
    block, body = (match[2], text[match.end() :]) if match else ("", text)
    known = _index_in(match, path) if match else []
    index = _joined(known, results, path.parent.resolve().name)
    dumped = yaml_dump({INDEX: index}, sort_keys=False, line_break=line_break).strip()
    lines = [line for line in ("---", _without_index(block, path), dumped, "---") if line]
    return f"{mark}{line_break.join(lines)}{line_break}{body}"


def _index_in(match: re.Match[str], path: Path) -> list[dict[str, Any]]:
    """The results in front matter, checked as the hub's own library does."""
    import yaml
    from huggingface_hub import ModelCard

    try:
        ModelCard(match[0])
    except (yaml.YAMLError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            first_line(f"the lines between '---' at the start of {path} are not metadata", error)
        ) from error
    data = yaml.safe_load(match[2]) or {}
    return list(data.get(INDEX) or [])


def _joined(
    known: Sequence[dict[str, Any]], results: Sequence[EvalResult], name: str
) -> list[dict[str, Any]]:
    """The results of others, and these in place of those that probekit wrote before."""
    from huggingface_hub.repocard_data import eval_results_to_model_index

    (new,) = eval_results_to_model_index(name, list(results))
    if not known:
        return [new]
    others = [one for one in known[0]["results"] if one["task"]["type"] != TASK]
    return [{**known[0], "results": [*others, *new["results"]]}, *known[1:]]


def _without_index(block: str, path: Path) -> str:
    """The front matter but for its results: the other lines are not changed."""
    import yaml

    root: Any = yaml.compose(block)
    if root is None:
        return block
    if root.flow_style:
        raise InputError(f"the metadata at the start of {path} is in braces: give each key a line")
    for number, (key, _) in enumerate(root.value):
        if key.value == INDEX:
            following = root.value[number + 1 :]
            end = following[0][0].start_mark.index if following else len(block)
            block = block[: key.start_mark.index] + block[end:]
            return block.rstrip("\r\n")
    return block


def _line_break(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
