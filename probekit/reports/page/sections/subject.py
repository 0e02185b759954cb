"""Subject: what results are about, in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

FEW = 3


def named(frame: pd.DataFrame, column: str) -> str:
    """The values of a column: up to FEW of them, and how many more.

    >>> import pandas as pd
    >>> named(pd.DataFrame({"task": ["pos", "dep", "pos"]}), "task")
    'pos, dep'
    """
    names = [name for name in map(str, frame[column].unique()) if name]
    more = len(names) - FEW
    return ", ".join(names[:FEW]) + (f" and {more} more" if more > 0 else "")
