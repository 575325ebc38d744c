"""Rounds: every tool does the same, one after the other, in an order that turns round each time."""

import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .inputs import NoRoom, check_room
from .machine import cores
from .process import Failed, Job, Usage, measure, output
from .tools import Cp, Gapvault, Tool, same_content

SETTLE = 0.2
"""Seconds between a `sync` and what is measured."""


@dataclass
class Results:
    """Everything that was found out. Tables are named for what is done, their rows for who does it."""

    plain: dict[str, int] = field(default_factory=dict)
    """For each table, how many bytes are carried."""
    samples: dict[str, dict[str, list[Usage]]] = field(default_factory=dict)
    stored: dict[str, dict[str, int]] = field(default_factory=dict)
    """For each table and row, how many bytes the tool makes of them."""
    failures: dict[str, str] = field(default_factory=dict)
    """What was not measured, and why."""
    rooflines: list[dict[str, Any]] = field(default_factory=list)
    ratios: dict[str, float] = field(default_factory=dict)
    """Stored by plain bytes, without padding, for each input."""

    def add(self, table: str, row: str, usage: Usage) -> None:
        self.samples.setdefault(table, {}).setdefault(row, []).append(usage)
        print(f"  {table}: {row}: {usage.seconds:.2f} s", file=sys.stderr)

    def fail(self, what: str, why: object) -> None:
        self.failures[what] = str(why)
        print(f"  {what}: not measured: {why}", file=sys.stderr)

    def seconds(self, table: str, row: str) -> float | None:
        """The median."""
        usages = self.samples.get(table, {}).get(row)
        return statistics.median(usage.seconds for usage in usages) if usages else None


def timed(task: Job, warm: Path) -> Usage:
    """Measures with what will be read in the page cache, and nothing waiting to be written."""
    os.sync()
    read_all(warm)
    time.sleep(SETTLE)
    return measure(task)


def read_all(tree: Path) -> None:
    buffer = bytearray(1 << 20)
    for folder, _, names in os.walk(tree):
        for name in names:
            with open(os.path.join(folder, name), "rb", buffering=0) as file:
                while file.readinto(buffer):
                    pass


def bytes_in(tree: Path) -> int:
    return sum(os.lstat(os.path.join(folder, name)).st_size for folder, _, names in os.walk(tree) for name in names)


@contextmanager
def fresh(folder: Path) -> Iterator[Path]:
    """An empty folder, which is removed again."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


class Roofline:
    """The primitives of an export without files or waiting, measured beside the exports."""

    name = "roofline"

    def __init__(self, program: Path, source: Path) -> None:
        self.program = program
        self.data = max(source.glob("*.safetensors"), key=lambda path: path.stat().st_size)

    def measure(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(output(self.program, self.data, str(cores())))
        return found


def choose_variant(tool: Tool, sample: Path, scratch: Path) -> None:
    """Tries its variants on a sample, and keeps the fastest."""
    seconds: dict[str, float] = {}
    for variant in tool.variants():
        tool.variant = variant
        with fresh(scratch) as place:
            tool.prepare(place)
            seconds[variant] = timed(tool.export(sample, place), sample).seconds
    if seconds:
        tool.variant = min(seconds, key=seconds.__getitem__)
        tool.remark = tool.variant
        tried = ", ".join(f"{name} {taken:.2f} s" for name, taken in seconds.items())
        print(f"  {tool.name}: {tried}", file=sys.stderr)


class Crossing:
    """Carries one input across with every tool: out, checked, in, back."""

    def __init__(self, results: Results, source: Path, scratch: Path, label: str = "") -> None:
        self.results, self.source, self.scratch, self.label = results, source, scratch, label
        self.tools: list[Tool] = []
        self.copied: set[str] = {Gapvault.name}
        """Those whose stored files `cp` takes in, beside gapvault's import."""
        self.lean = False
        """Whether the stick is emptied once it is imported: for inputs that hardly fit on the disk."""
        self.backs: Path | None = None
        """Where what came back is left: creating files takes long beside many that were just deleted."""
        self.roofline: Roofline | None = None
        self.steps = {"export", "verify", "import", "checkout"}
        self.failed: set[str] = set()
        self.turned = False
        """Whether this round goes the other way."""
        self.plain = bytes_in(source)

    def run(self, rounds: int) -> None:
        for number in range(rounds):
            print(f"{self.source.name}: round {number + 1} of {rounds}", file=sys.stderr)
            self.turned = number % 2 == 1
            tools = self.tools[::-1] if self.turned else self.tools
            with fresh(self.scratch) as scratch:
                places = {tool.name: scratch / f"{order}" for order, tool in enumerate(tools)}
                self.round(tools, places, compare=number == 0)

    def round(self, tools: Sequence[Tool], places: dict[str, Path], compare: bool) -> None:
        for tool in tools:
            self.attempt("prepare", tool, self.prepare, places)
        for number, tool in enumerate(tools):
            # In the middle of the exports: no farther from gapvault's in one round than in the next.
            if number == len(tools) // 2:
                self.measure_roofline()
            self.attempt("export", tool, self.export, places)
        tools = [tool for tool in tools if not tool.only_exports]
        if "verify" in self.steps:
            for tool in tools:
                self.attempt("verify", tool, self.verify, places)
        if self.steps & {"import", "checkout"}:
            for tool in tools:
                self.attempt("import", tool, self.take_in, places)
        if "checkout" in self.steps:
            for tool in tools:
                self.attempt("checkout", tool, self.checkout_first if compare else self.checkout, places)

    def measure_roofline(self) -> None:
        try:
            if self.roofline:
                self.results.rooflines.append(self.roofline.measure())
        except Failed as fault:
            self.results.fail("roofline", fault)

    def attempt(self, step: str, tool: Tool, action: Callable[[Tool, Path], object], places: dict[str, Path]) -> None:
        """A tool that fails is left out from then on; the others go on."""
        if tool.name in self.failed:
            return
        try:
            action(tool, places[tool.name])
        except (Failed, NoRoom) as fault:
            self.failed.add(tool.name)
            self.results.fail(f"{self.table(step)}: {tool.name}", fault)

    def table(self, step: str) -> str:
        return f"{step}{self.label}"

    def add(self, step: str, row: str, task: Job, warm: Path) -> None:
        self.results.plain[self.table(step)] = self.plain
        self.results.add(self.table(step), row, timed(task, warm))

    def prepare(self, tool: Tool, place: Path) -> None:
        place.mkdir()
        tool.prepare(place)

    def export(self, tool: Tool, place: Path) -> None:
        check_room(place, self.plain)
        self.add("export", tool.name, tool.export(self.source, place), self.source)
        self.results.stored.setdefault(self.table("export"), {})[tool.name] = bytes_in(tool.stored(place))

    def verify(self, tool: Tool, place: Path) -> None:
        if task := tool.verify(place):
            self.add("verify", tool.name, task, tool.stored(place))

    def take_in(self, tool: Tool, place: Path) -> None:
        """gapvault's import, and `cp` of the same files."""
        for way in (self.import_own, self.copy_stored) if self.turned else (self.copy_stored, self.import_own):
            way(tool, place)
        if self.lean:
            shutil.rmtree(tool.stored(place))

    def import_own(self, tool: Tool, place: Path) -> None:
        if isinstance(tool, Gapvault):
            check_room(place, bytes_in(tool.stored(place)))
            self.add("import", tool.name, tool.take_in(place), tool.stored(place))

    def copy_stored(self, tool: Tool, place: Path) -> None:
        if "import" in self.steps and tool.name in self.copied:
            with fresh(place / "copied") as copied:
                self.add(
                    "import", f"cp of {tool.name}'s files", Cp.copy(tool.stored(place), copied), tool.stored(place)
                )

    def checkout(self, tool: Tool, place: Path, compare: bool = False) -> None:
        check_room(place, self.plain)
        back = Path(tempfile.mkdtemp(dir=self.backs or place))
        destination = back / "tree"
        if not tool.makes_destination:
            destination.mkdir()
        self.add("checkout", tool.name, tool.checkout(self.source, place, destination), self.carried(tool, place))
        if compare:
            same_content(self.source, destination)
        if not self.backs:
            shutil.rmtree(back)

    @staticmethod
    def carried(tool: Tool, place: Path) -> Path:
        """What a checkout reads."""
        return place / "cluster" if isinstance(tool, Gapvault) else tool.stored(place)

    def checkout_first(self, tool: Tool, place: Path) -> None:
        """What comes back is compared in the first round: a tool that is fast and wrong does not count."""
        self.checkout(tool, place, compare=True)
