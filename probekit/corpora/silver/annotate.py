"""Annotate: plain text through a tagger that the user has, written as CoNLL-U marked as silver."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, get_args

from probekit import doors
from probekit.corpora.silver.plain import Unit, texts_of
from probekit.corpora.silver.sentence import COMMENT, SILVER, Sentence, Tagger, lines_of
from probekit.corpora.silver.spacy_tagger import SpacyTagger
from probekit.corpora.silver.stanza_tagger import StanzaTagger
from probekit.errors import CorpusError, InputError, suggestion, unknown
from probekit.paths import path_of
from probekit.progress import Progress, reporting
from probekit.whole import reason, written_whole

TAGGERS: dict[str, Callable[[str], Tagger]] = {"spacy": SpacyTagger, "stanza": StanzaTagger}


@reporting
def annotate(
    texts: str | Path | Sequence[str | Path],
    tagger: str,
    out: str | Path,
    *,
    unit: Unit = "paragraph",
    progress: Progress | bool = True,
) -> Path:
    """Annotate plain text with a tagger, and write it as CoNLL-U.

    The file is marked as silver: whoever loads it is warned that scores measure agreement with the
    tagger.

    Args:
        texts: text files in UTF-8, each one document.
        tagger: `spacy:` and the name of a pipeline or the path of its folder; or `stanza:` and a
            language whose models are on this machine.
        out: the file to write, `.conllu`.
        unit: what the tagger reads at once: each `paragraph` (lines between blank lines), or each
            `line`.
        progress: True for bars on standard error, False for silence, or a function that is called
            with the stage, the bytes done and the number of bytes.

    Returns `out`.

    Raises InputError for arguments of another type and a tagger that is not there, CorpusError for
    text that cannot be read or a file that cannot be written.
    """
    paths = [path_of(str(one)) for one in doors.several("texts", texts, (str, Path))]
    doors.of_type("tagger", tagger, str)
    target = path_of(str(doors.of_type("out", out, (str, Path))))
    doors.choice("unit", unit, get_args(Unit))
    report = doors.function("progress", progress)
    _require_files(paths, target)
    opened = _open(tagger)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(target) as file:
            _write(file, paths, opened, unit, report)
    except OSError as error:
        raise CorpusError(f"cannot write {target}: {reason(error)}") from error
    return target


def _require_files(paths: Sequence[Path], target: Path) -> None:
    for path in paths:
        if not path.is_file():
            raise CorpusError(f"texts: there is no file {path}{suggestion(path)}")
        if target.exists() and target.samefile(path):
            raise InputError(f"out is {target}, one of the texts: give another file")
    counts = Counter(path.resolve() for path in paths)
    twice = [path for path, times in counts.items() if times > 1]
    if twice:
        raise InputError(f"texts has {twice[0]} twice")
    if target.suffix != ".conllu":
        raise InputError(f"out takes a file called NAME.conllu, not '{target}'")


def _open(name: str) -> Tagger:
    library, colon, model = name.partition(":")
    if library not in TAGGERS:
        raise InputError(unknown("tagger", library, TAGGERS) + " (spacy:MODEL, stanza:LANGUAGE)")
    if not colon or not model:
        raise InputError(f"tagger is '{name}', without a model: spacy:MODEL or stanza:LANGUAGE")
    return TAGGERS[library](model)


def _write(
    file: IO[bytes], paths: Sequence[Path], tagger: Tagger, unit: Unit, report: Progress
) -> None:
    """Write every document. Raises CorpusError for one without words."""
    total, done = sum(path.stat().st_size for path in paths), 0
    for path, name in zip(paths, _document_names(paths), strict=True):
        count, read = 0, 0
        for sentences, size in _annotated(path, tagger, unit):
            for sentence in sentences:
                count += 1
                file.write(_block(sentence, name, count, tagger.name).encode())
            read += size
            report("annotate", min(done + read, total), total)
        if not count:
            raise CorpusError(f"{path} has no words")
        done += path.stat().st_size
    report("annotate", total, total)


def _annotated(path: Path, tagger: Tagger, unit: Unit) -> Iterator[tuple[list[Sentence], int]]:
    """The sentences of each text of a file, and the bytes of that text."""
    sizes: list[int] = []

    def texts() -> Iterator[str]:
        for line, text in texts_of(path, unit):
            if len(text) > tagger.longest:
                hint = ": give unit='line'" if unit == "paragraph" else ""
                raise CorpusError(
                    f"{path}:{line}: a {unit} of {len(text):,} characters, and {tagger.name} reads "
                    f"{tagger.longest:,} at once{hint}"
                )
            sizes.append(len(text.encode()))
            yield text

    for number, sentences in enumerate(tagger.read(texts())):
        yield [sentence for sentence in sentences if sentence.words], sizes[number]


def _document_names(paths: Sequence[Path]) -> list[str]:
    """The names of the files without ending; with their folders where two files have one name."""
    stems = Counter(path.stem for path in paths)
    names = []
    for path in paths:
        name = path.stem if stems[path.stem] == 1 else str(path.resolve().with_suffix(""))
        names.append("".join(one if one.isprintable() else "_" for one in name))
    return names


def _block(sentence: Sentence, document: str, number: int, tagger: str) -> str:
    """A sentence of CoNLL-U; the first one begins the document."""
    lines = [f"# newdoc id = {document}", f"# {COMMENT} = {SILVER}{tagger}"] if number == 1 else []
    lines += [f"# sent_id = {document}-{number}", f"# text = {sentence.text}"]
    return "\n".join([*lines, *lines_of(sentence)]) + "\n\n"
