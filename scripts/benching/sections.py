"""What can be measured, section by section."""

import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .inputs import Inputs, NoRoom, check_room
from .medium import NotMeasured, slow_medium
from .process import Failed, output
from .rounds import Crossing, Results, Roofline, bytes_in, choose_variant, fresh, timed
from .tools import Cp, Gapvault, GapvaultUnread, Tar, Tool

MIB, GIB = 1 << 20, 1 << 30
SLOW = 200_000_000
"""Bytes a second of the throttled medium."""


@dataclass
class Bench:
    """The settings of a run, and its results."""

    inputs: Inputs
    scratch: Path
    size: int
    rounds: int
    small: int
    gapvault: Gapvault
    peers: Sequence[Tool]
    roofline: Path
    results: Results

    def crossing(self, steps: set[str]) -> None:
        """The weights, with every tool."""
        source = self.inputs.weights(self.size)
        self.choose_variants(source)
        crossing = Crossing(self.results, source, self.scratch)
        crossing.tools = [self.gapvault, GapvaultUnread(self.gapvault.export_arguments), *self.peers]
        crossing.steps = steps
        crossing.roofline = Roofline(self.roofline, source) if "export" in steps else None
        crossing.run(self.rounds)

    def choose_variants(self, source: Path) -> None:
        """On a shard: enough to tell settings apart."""
        with fresh(self.scratch) as scratch:
            sample = scratch / "sample"
            sample.mkdir()
            shutil.copy(min(source.glob("*.safetensors")), sample)
            for tool in self.peers:
                try:
                    choose_variant(tool, sample, scratch / "trial")
                except Failed as fault:
                    self.results.fail(f"settings: {tool.name}", fault)

    def slow(self) -> None:
        """To a medium that is slower than the machine: encrypted and signed, by plain files."""
        source, table = self.inputs.weights(self.size), f"slow: export to {SLOW // 10**6} MB/s"
        plain = self.results.plain[table] = bytes_in(source)
        room = plain + plain // 8 + 512 * MIB
        try:
            check_room(self.scratch.parent, room)
            with fresh(self.scratch) as scratch, slow_medium(scratch / "slow", room, SLOW) as medium:
                for number in range(self.rounds):
                    tools: list[Tool] = [self.gapvault, Cp()]
                    for tool in tools if number % 2 == 0 else tools[::-1]:
                        with fresh(scratch / "place") as place, fresh(medium / "stick") as stick:
                            tool.prepare(place)
                            own = tool is self.gapvault
                            task = self.gapvault.export(source, place, stick) if own else Cp.copy(source, stick)
                            self.results.add(table, tool.name, timed(task, source))
        except (NotMeasured, NoRoom, Failed, OSError) as fault:
            self.results.fail(table, fault)

    def small_files(self) -> None:
        """Many small files, and half as many."""
        tar = [peer for peer in self.peers if isinstance(peer, Tar)]
        with fresh(self.scratch) as scratch:
            (backs := scratch / "backs").mkdir()
            for count in (self.small // 2, self.small):
                source, label = self.inputs.small(count), f", {count} small files"
                crossing = Crossing(self.results, source, scratch / "round", label)
                crossing.tools = [self.gapvault, *tar]
                crossing.copied = {tool.name for tool in tar}
                crossing.steps = {"export", "import", "checkout"}
                crossing.backs = backs
                crossing.run(self.rounds)

    def alone(self, source: Path, label: str) -> None:
        """gapvault by itself, once, for its memory."""
        crossing = Crossing(self.results, source, self.scratch, label)
        crossing.tools, crossing.copied, crossing.lean = [self.gapvault], set(), True
        crossing.run(1)

    def memory(self) -> None:
        for size in (2 * GIB, 20 * GIB):
            self.alone(self.inputs.weights(size), f", {size // GIB} GiB alone")

    def million(self) -> None:
        self.alone(self.inputs.small(1_000_000), ", 1000000 small files")

    def ratios(self) -> None:
        """How small gapvault makes what it carries."""
        if missing := [command for command in ("age", "zstd") if shutil.which(command) is None]:
            return self.results.fail("ratios", f"they need {' and '.join(missing)}")
        inputs = {"minilm " + name: self.inputs.minilm(dtype) for name, dtype in DTYPES.items()}
        inputs["bf16"] = self.inputs.weights(self.size)
        inputs["incompressible"] = self.inputs.noise(64 * MIB)
        for name, source in inputs.items():
            self.results.ratios[name] = self.stored(source) / bytes_in(source)
        text = self.inputs.text()
        with tempfile.TemporaryDirectory(dir=self.scratch.parent) as folder:
            whole = Path(folder, "whole.zst")
            output("zstd", "-q", "-3", next(text.iterdir()), "-o", whole)
            self.results.ratios["text, by zstd -3 of the whole"] = self.stored(text) / whole.stat().st_size

    def stored(self, source: Path) -> int:
        """Bytes of the bundle without its padding."""
        with fresh(self.scratch) as place:
            self.gapvault.prepare(place)
            task = self.gapvault.export(source, place)
            output(*task.pipelines[0][0])
            (bundle,) = (self.gapvault.stored(place) / "gapvault").iterdir()
            stored = bytes_in(bundle) - padding_in(bundle, place / "lab" / "secrets" / "age.key")
            print(f"  ratios: {source.name}: {stored / bytes_in(source):.4f}", file=sys.stderr)
            return stored


DTYPES = {"fp32": "F32", "bf16": "BF16", "fp16": "F16"}


def padding_in(bundle: Path, identity: Path) -> int:
    """Zeros at the end of the stream and of the tables, which only the sealed index tells from content."""
    import recover  # the script beside this folder, which reads bundles without gapvault

    with tempfile.TemporaryDirectory(dir=bundle.parent) as work:
        opened = recover.Bundle([bundle], str(identity), Path(work))
        tables = [opened.decrypted(f"{name}.age", plain=name) for name in ("catalogue", "index")]
        zeros = sum(len(data := table.read_bytes()) - len(data.rstrip(b"\0")) for table in tables)
        with recover.unzstd(tables[1]) as index:
            _, (_, _, stream, _, _) = recover.Table(index).record({"head": recover.INDEX_HEAD})
            while index.read(MIB):
                pass
        return int(zeros + opened.length - stream)
