"""The tables, and what was to be reached."""

import math
import re
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .rounds import Results
from .tools import GapvaultUnread, Tool

MIB = 1 << 20
COLUMNS = ("", "median s", "min to max", "GB/s", "gapvault is", "stored / plain", "peak MiB", "CPU s")


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table that reads well as it is, too."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        first, *others = (
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return f"| {' | '.join((first, *others))} |"

    rule = [("-" * width if column == 0 else "-" * (width - 1) + ":") for column, width in enumerate(widths)]
    return "\n".join([line(head), line(rule), *map(line, rows)])


def medians(results: Results) -> str:
    """One table; the rows of a group are sorted by their time."""
    rows: list[list[str]] = []
    for table in results.samples:
        rows.append([f"**{table}**, {results.plain[table] / 1e9:.2f} GB", *[""] * (len(COLUMNS) - 1)])
        names = sorted(results.samples[table], key=lambda row: results.seconds(table, row) or 0)
        rows += [row_of(results, table, name) for name in names]
    return markdown(COLUMNS, rows)


def row_of(results: Results, table: str, name: str) -> list[str]:
    usages, plain = results.samples[table][name], results.plain[table]
    times = [usage.seconds for usage in usages]
    median, own = statistics.median(times), results.seconds(table, "gapvault")
    stored = results.stored.get(table, {}).get(name)
    return [
        name,
        f"{median:.2f}",
        f"{min(times):.2f} to {max(times):.2f}",
        f"{plain / median / 1e9:.2f}",
        f"{median / own:.2f} x as fast" if own and not name.startswith("gapvault") else "",
        f"{stored / plain:.3f}" if stored else "",
        f"{max(usage.peak for usage in usages) / MIB:.0f}",
        f"{statistics.median(usage.cpu for usage in usages):.1f}",
    ]


def disturbance(results: Results) -> str:
    """A warning if other processes took much of the machine while something was measured."""
    samples = [
        (usage.others, f"{table}: {row}")
        for table, rows in results.samples.items()
        for row, usages in rows.items()
        for usage in usages
    ]
    worst, where = max(samples, default=(0.0, ""))
    if worst < 0.5:
        return ""
    disturbed = sum(others >= 0.5 for others, _ in samples)
    return (
        f"warning: others kept half a core or more busy in {disturbed} of {len(samples)} measurements, at most "
        f"{worst:.1f} cores ({where}): measure again when the machine is quiet"
    )


def tools(used: Sequence[Tool]) -> str:
    return "\n".join(f"- {tool.name}: {'; '.join(filter(None, (tool.version(), tool.remark)))}" for tool in used)


def roofline(results: Results) -> str:
    """The chain of primitives, and what each takes of it."""
    if not results.rooflines:
        return ""

    def median(number: int, key: str) -> float:
        return float(statistics.median(found["links"][number][key] for found in results.rooflines))

    links = [
        [link["name"], f"{median(n, 'one'):.2f}", f"{median(n, 'all'):.2f}", f"{100 * median(n, 'share'):.0f} %"]
        for n, link in enumerate(results.rooflines[0]["links"])
    ]
    whole = [f"{statistics.median(found['chain'][key] for found in results.rooflines):.2f}" for key in ("one", "all")]
    threads = results.rooflines[0]["threads"]
    head = ("GB/s of plain bytes", "1 thread", f"{threads} threads", "of the CPU time")
    return markdown(head, [*links, ["**the chain**", *whole, "100 %"]])


@dataclass(frozen=True)
class Target:
    """Something to reach, and what was reached."""

    text: str
    value: float | None
    limit: float
    at_least: bool = True

    def line(self) -> str:
        relation = "at least" if self.at_least else "at most"
        if self.value is None or math.isnan(self.value):
            return f"not measured  {self.text}: {relation} {self.limit:g}"
        reached = self.value >= self.limit if self.at_least else self.value <= self.limit
        return f"{'reached' if reached else 'NOT REACHED':12}  {self.text}: {self.value:.4g}, {relation} {self.limit:g}"


def targets(results: Results) -> Iterator[Target]:
    """Each can be read off the tables."""

    def times(table: str, row: str, own: str = "gapvault") -> float | None:
        theirs, ours = results.seconds(table, row), results.seconds(table, own)
        return theirs / ours if theirs and ours else None

    tar = next((row for rows in results.samples.values() for row in rows if row.startswith("tar")), "tar, zstd, age")
    for own, by_tar, by_others in (("gapvault", 1.7, 2.6), (GapvaultUnread.name, 2, 3)):
        yield Target(f"export, {own} times as fast as {tar}", times("export", tar, own), by_tar)
        for peer in ("restic", "rustic"):
            yield Target(f"export, {own} times as fast as {peer}", times("export", peer, own), by_others)
    yield Target(f"export, {GapvaultUnread.name}, of the roofline", of_roofline(results), 0.9)
    yield Target("verify, times as fast as restic check --read-data", times("verify", "restic"), 3)
    yield Target("import, of the speed of cp of the same files", times("import", "cp of gapvault's files"), 0.8)
    yield Target("checkout, times as fast as rustic's restore", times("checkout", "rustic"), 2)
    yield Target("checkout, times as fast as restic's restore", times("checkout", "restic"), 2.3)
    slow = next((table for table in results.samples if table.startswith("slow")), "slow")
    yield Target("export to 200 MB/s, times as fast as cp and sync", times(slow, "cp"), 1)
    for table, limit in peaks(results):
        peak = max(usage.peak for usage in results.samples[table]["gapvault"]) / MIB
        yield Target(f"{table}, most MiB of memory", peak, limit, at_least=False)
    yield from small_targets(results, tar)
    yield from ratio_targets(results)


def of_roofline(results: Results) -> float | None:
    seconds = results.seconds("export", GapvaultUnread.name)
    if not results.rooflines or not seconds:
        return None
    bare: float = statistics.median(found["chain"]["all"] for found in results.rooflines)
    return results.plain["export"] / 1e9 / seconds / bare


def peaks(results: Results) -> Iterator[tuple[str, float]]:
    """The tables that a limit of memory is set for."""
    for table in results.samples:
        if "gapvault" in results.samples[table]:
            if "1000000 small files" in table:
                yield table, 600
            elif "small" not in table and "slow" not in table:
                yield table, 400


def small_targets(results: Results, tar: str) -> Iterator[Target]:
    """A crossing is all of its steps: out, in and back."""

    def crossing(row: str, taken_in: str, label: str) -> float:
        """In seconds; not a number if a part of it is missing."""
        rows = ((f"export, {label}", row), (f"import, {label}", taken_in), (f"checkout, {label}", row))
        return sum(results.seconds(table, name) or math.nan for table, name in rows)

    found = (re.match(r"export, ((\d+) small files)", table) for table in results.samples)
    labels = {int(label[2]): label[1] for label in found if label and label[2] != "1000000"}
    many = labels.get(max(labels, default=0), "200000 small files")
    half = labels.get(min(labels, default=0), "100000 small files")
    own = crossing("gapvault", "gapvault", many)
    rate = crossing(tar, f"cp of {tar}'s files", many) / own
    yield Target(f"{many} across, rate by that of {tar}", rate, 0.5)
    longer = own / crossing("gapvault", "gapvault", half)
    yield Target(f"{many} across, time by that of {half}", longer, 2.2, at_least=False)


def ratio_targets(results: Results) -> Iterator[Target]:
    limits = {
        "bf16": 0.67,
        "minilm bf16": 0.67,
        "minilm fp32": 0.83,
        "minilm fp16": 0.86,
        "text, by zstd -3 of the whole": 1.05,
        "incompressible": 1.002,
    }
    for name, limit in limits.items():
        yield Target(f"size, {name}", results.ratios.get(name), limit, at_least=False)
