"""Of Arrow: a data set with a row per text, as `save_to_disk` of `datasets` writes it.

Its columns are `token_ids`, n whole numbers, and `hidden_states`, n × layers × dim numbers. The
files are mapped into memory and read without `datasets`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from probekit.errors import ModelError, first_line
from probekit.foreign import json_value
from probekit.models.files import digest_file

IDS, STATES = "token_ids", "hidden_states"


class ArrowRecordings:
    """Texts in the rows of a table."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            self._files = _files(folder)
            maps = [pa.memory_map(str(path)) for path in self._files]
            self._table = pa.concat_tables(pa.ipc.open_stream(each).read_all() for each in maps)
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            what = f"the data set '{folder}' cannot be read"
            raise ModelError(first_line(what, error)) from error
        missing = {IDS, STATES} - set(self._table.column_names)
        if missing:
            raise ModelError(
                f"the data set '{folder}' has no column '{sorted(missing)[0]}', only "
                f"{', '.join(self._table.column_names)}: rename_column gives it that name"
            )

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def label(self, number: int) -> str:
        """The number of the row."""
        return f"row {number}"

    def ids(self, number: int) -> np.ndarray:
        """See `Recordings`."""
        return self._row(IDS, number, 1).astype(np.int64)

    def states(self, number: int) -> torch.Tensor:
        """See `Recordings`."""
        return torch.from_numpy(self._row(STATES, number, 3))

    def add_to(self, digest: Any) -> None:
        """See `Recordings`."""
        for path in self._files:
            digest_file(path, digest)

    def _row(self, column: str, number: int, depth: int) -> np.ndarray:
        """What a row has in a column, as an array of so many dimensions."""
        values = self._table.column(column).slice(number, 1).combine_chunks()
        shape: list[int] = []
        for _ in range(depth):
            values = getattr(values, "storage", values)  # of an extension type
            is_nested = pa.types.is_nested(values.type)
            lengths = pc.unique(pc.list_value_length(values)).to_pylist() if is_nested else []
            if len(lengths) != 1 or lengths[0] is None:
                raise ModelError(
                    f"row {number} of '{self._folder}' has a {column} that is not an array of "
                    f"{depth} dimension{'s' if depth > 1 else ''}"
                )
            shape.append(lengths[0])
            values = values.flatten()
        found = values.to_numpy(zero_copy_only=False)
        if not np.issubdtype(found.dtype, np.number):
            raise ModelError(f"row {number} of '{self._folder}' has a {column} without numbers")
        return np.array(found.reshape(shape))


def _files(folder: Path) -> list[Path]:
    """The files of a data set, in the order of its rows."""
    state: Any = json_value((folder / "state.json").read_text(encoding="utf-8"))
    names = [str(one["filename"]) for one in state["_data_files"]]
    for name in names:
        if Path(name).name != name:
            raise ValueError(f"state.json has a file outside the folder: {name[:80]}")
    return [folder / name for name in names]
