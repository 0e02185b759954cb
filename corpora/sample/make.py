"""Write the sample corpus: `python corpora/sample/make.py`, or with `--check` compare it with the files."""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

from story import Story
from tree import COLUMNS, Sentence

SPLITS = {"train": (1000, 1), "dev": (150, 2), "test": (150, 3)}  # sentences, seed
HELD_OUT = 0.085


def document(split: str, number: int, sentences: list[Sentence]) -> str:
    """One document as text."""
    name = f"sample-{split}-{number:03d}"
    lines = [f"# newdoc id = {name}", "# global.Entity = eid-etype"]
    for i, sentence in enumerate(sentences, 1):
        lines += [f"# sent_id = {name}-{i}", f"# text = {sentence.text()}", *sentence.rows(), ""]
    return "\n".join(lines) + "\n"


def build() -> dict[str, str]:
    """The text of every split."""
    out: dict[str, str] = {}
    seen: set[str] = set()
    for split, (size, seed) in SPLITS.items():
        rng = random.Random(seed)
        documents, total = [f"# global.columns = {COLUMNS}\n"], 0
        while total < size:
            story = Story(random.Random(rng.getrandbits(64)), 0.0 if split == "train" else HELD_OUT)
            sentences = story.write()
            texts = {s.text() for s in sentences}
            distinct = len(texts) == len(sentences) and not texts & seen
            if not distinct or not 3 <= len(sentences) <= 8 or any(s.repeats() for s in sentences):
                continue
            seen |= texts
            total += len(sentences)
            documents.append(document(split, len(documents), sentences))
        out[split] = "".join(documents)
    return out


def main() -> int:
    """Write the files, or say which differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file would change")
    check, wrong = parser.parse_args().check, []
    for split, text in build().items():
        path = Path(__file__).parent / f"{split}.conllu"
        if not check:
            path.write_bytes(text.encode())
        elif not path.is_file() or path.read_bytes() != text.encode():
            wrong.append(path.name)
    if wrong:
        print("differs from what make.py writes:", ", ".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
