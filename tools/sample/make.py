"""Write the sample corpus: `python -m tools.sample.make`."""

from __future__ import annotations

import random
from pathlib import Path

from tools.sample.story import Story
from tools.sample.tree import COLUMNS, Sentence

SPLITS = {"train": (1000, 1), "dev": (150, 2), "test": (150, 3)}  # sentences, seed
HELD_OUT = 0.085
FOLDER = Path(__file__).parents[2] / "corpora" / "sample"


def document(split: str, number: int, sentences: list[Sentence]) -> str:
    """One document as text."""
    name = f"sample-{split}-{number:03d}"
    lines = [f"# newdoc id = {name}", "# global.Entity = eid-etype"]
    for i, sentence in enumerate(sentences, 1):
        lines += [f"# sent_id = {name}-{i}", f"# text = {sentence.text()}", *sentence.rows(), ""]
    return "\n".join(lines) + "\n"


def build() -> dict[str, str]:
    """The text of every split, by its name."""
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


def main() -> None:
    """Write the files of every split."""
    for split, text in build().items():
        (FOLDER / f"{split}.conllu").write_bytes(text.encode())


if __name__ == "__main__":
    main()
