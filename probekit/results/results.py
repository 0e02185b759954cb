"""Results: what every verb returns, which is tables, the run that made them, and warnings."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from probekit import doors, html
from probekit.errors import InputError, suggestion
from probekit.harmless import harmless
from probekit.results import columnar
from probekit.results import folder as files
from probekit.results.folder import KIND
from probekit.results.run import Run
from probekit.results.schema import Schema
from probekit.whole import reason

if TYPE_CHECKING:
    import pandas as pd

WARNINGS = "warnings"
PARQUET = ".parquet"


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Results:
    """Tables with a schema, the run that made them, and warnings.

    A subclass has a field for each of its tables, and in TABLES the table's schema under the
    field's name; in OPTIONAL those of tables that may have no rows, and then no file; in LARGE
    likewise those of tables in Arrow's form. Tables are
    checked and put into the form in which files keep them (every column, in order, six decimals) as
    soon as they are given, so that what is written is read back the same: `type(x).read(folder) ==
    x` after `x.write(folder)`.

    Attributes:
        run: the command, versions, settings, what was read, counts and seconds.
        warnings: what a reader must know, one sentence each.
    """

    TABLES: ClassVar[Mapping[str, Schema]] = {}
    OPTIONAL: ClassVar[Mapping[str, Schema]] = {}
    LARGE: ClassVar[Mapping[str, Schema]] = {}
    MADE_BY: ClassVar[str] = ""
    TOLD_BY: ClassVar[Sequence[str]] = ()
    """Columns of the first table whose values `repr` names."""

    run: Run = field(default_factory=Run)
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, schema in self.TABLES.items():
            object.__setattr__(self, name, schema.table(getattr(self, name)))
        for name, schema in self.OPTIONAL.items():
            given = getattr(self, name)
            object.__setattr__(self, name, schema.table([] if given is None else given))
        for name, schema in self.LARGE.items():
            object.__setattr__(self, name, columnar.checked(schema, getattr(self, name)))
        object.__setattr__(self, "warnings", tuple(dict.fromkeys(self.warnings)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Results) or type(self) is not type(other):
            return NotImplemented
        if self.run != other.run or self.warnings != other.warnings:
            return False
        for name, schema in self.LARGE.items():
            if not columnar.same(schema, getattr(self, name), getattr(other, name)):
                return False
        if list(self.tables) != list(other.tables):
            return False
        return all(table.equals(other.tables[name]) for name, table in self.tables.items())

    def __repr__(self) -> str:
        name = type(self).__name__
        return html.line(name, next(iter(self.tables.values())), self.TOLD_BY)

    def __str__(self) -> str:
        table = harmless(self.shown().to_string(index=False))
        return "\n".join([repr(self), table, *map(harmless, self.warnings)])

    def _repr_html_(self) -> str:
        return html.page(repr(self), self.shown(), self.warnings)

    def shown(self) -> pd.DataFrame:
        """The table that a notebook shows."""
        return next(iter(self.tables.values()))

    __hash__ = None  # type: ignore[assignment]

    def of_command(self, arguments: Sequence[str]) -> Self:
        """The same results, as made by a command with these arguments."""
        return replace(self, run=replace(self.run, command=tuple(arguments)))

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables by the names of their files; optional ones where they have rows."""
        found = {schema.name: getattr(self, name) for name, schema in self.TABLES.items()}
        for name, schema in self.OPTIONAL.items():
            if len(getattr(self, name)):
                found[schema.name] = getattr(self, name)
        return found

    @property
    def file_names(self) -> list[str]:
        """The files that `write` writes."""
        found = [f"{name}.csv" for name in self.tables]
        for name, schema in self.LARGE.items():
            if len(getattr(self, name)):
                found.append(f"{schema.name}{PARQUET}")
        return [*found, files.RECORD]

    @classmethod
    def kind(cls) -> str:
        """What `run.json` calls such results: the name of their first table."""
        return next(iter(cls.TABLES.values())).name

    def write(self, folder: str | Path) -> None:
        """Write each table as `NAME.csv`, large ones as `NAME.parquet`, and `run.json`, into
        `folder`; `read` gives back the same.

        Raises StoreError where that fails; what was in the folder is then as it was.
        """
        contents: dict[str, bytes] = {}
        every = {**self.TABLES, **self.OPTIONAL}
        schemas = {schema.name: schema for schema in every.values()}
        for name, table in self.tables.items():
            contents[f"{name}.csv"] = schemas[name].as_csv(table).encode()
        for name, schema in self.LARGE.items():
            if len(getattr(self, name)):
                contents[f"{schema.name}{PARQUET}"] = columnar.as_parquet(
                    schema, getattr(self, name)
                )
        files.write(
            folder, contents, {KIND: self.kind(), **self.run.to_json(), WARNINGS: self.warnings}
        )

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """The results that `write` left in a folder; or in the folder of the file given.

        Results with one table can also be one file of any name, without a record.

        Raises InputError where there are none, they are of another kind, a table lacks a column, or
        a table does not match its checksum in `run.json`.
        """
        place = Path(doors.of_type("folder", folder, (str, Path)))
        alone = os.path.isfile(place)  # noqa: PTH113 - Path.is_file can raise
        if alone and (len(cls.TABLES) > 1 or place.suffix == PARQUET):
            place, alone = place.parent, False
        tables = {}
        for name, schema in cls.TABLES.items():
            path = place if alone else place / f"{schema.name}.csv"
            tables[name] = cls._table(path, schema, place)
        if alone and place.name != f"{cls.kind()}.csv":
            return cls(**tables)
        folder = place.parent if alone else place
        for name, schema in cls.OPTIONAL.items():
            path = folder / f"{schema.name}.csv"
            if files.has_table(path):
                tables[name] = cls._table(path, schema, place)
        for name, schema in cls.LARGE.items():
            path = folder / f"{schema.name}{PARQUET}"
            if files.has_table(path):
                tables[name] = cls._table(path, schema, place)
        return cls._with_record(folder, tables)

    @classmethod
    def _table(cls, path: Path, schema: Schema, given: Path) -> Any:
        """A table's file, read and checked."""
        try:
            content = files.read_table(path)
            text = "" if path.suffix == PARQUET else content.decode()
        except (OSError, UnicodeDecodeError) as error:
            cause = reason(error) if isinstance(error, OSError) else str(error)
            raise InputError(
                f"no {cls.kind()} in {given}: expected a folder that 'probekit {cls.MADE_BY}' "
                f"wrote ({path.name}: {cause}){suggestion(given)}"
            ) from error
        try:
            if path.suffix == PARQUET:
                return columnar.from_parquet(schema, content)
            return schema.from_csv(text)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error

    @classmethod
    def _with_record(cls, folder: Path, tables: Mapping[str, Any]) -> Self:
        """Results of these tables and the record in a folder, if there is one."""
        record = files.read_record(folder)
        kind = record.pop(KIND, cls.kind())
        if kind != cls.kind():
            raise InputError(
                f"{folder / files.RECORD} records results of kind {kind!r}, not {cls.kind()!r}: "
                "give each its own folder"
            )
        warnings = record.pop(WARNINGS, ())
        try:
            return cls(**tables, run=Run.from_json(record), warnings=tuple(warnings))
        except (TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"{folder / files.RECORD} is of another version ({error}): run it again, or delete "
                "it to read the tables alone"
            ) from error

    @classmethod
    def is_in(cls, folder: Path) -> bool:
        """Whether results of this kind are in a folder.

        `run.json` names the kind; without it, the first table must exist. Raises InputError where
        `run.json` is damaged.
        """
        record = files.read_record(folder)
        if KIND in record:
            return bool(record[KIND] == cls.kind())
        return os.path.isfile(folder / f"{cls.kind()}.csv")  # noqa: PTH113 - Path.is_file can raise
