"""The machine by its properties, and whether it has other things to do."""

import os
import platform
from pathlib import Path

TELLING_FLAGS = {"sha_ni", "avx2", "avx512f", "vaes", "sha2", "aes", "asimd"}


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0))


def describe(folder: Path) -> str:
    """In one line, without the host's name."""
    information = Path("/proc/cpuinfo").read_text()
    fields = dict(line.split(":", 1) for line in information.splitlines() if ":" in line)
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    flags = sorted(TELLING_FLAGS & set(fields.get("flags", fields.get("Features", "")).split()))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    kernel = ".".join(platform.release().split(".")[:2])
    return (
        f"{cores()} cores ({fields.get('model name', platform.machine())}; {' '.join(flags)}), "
        f"{memory:.0f} GiB of memory, {file_system(folder)}, Linux {kernel}"
    )


def file_system(folder: Path) -> str:
    """The type of the file system that holds the folder."""
    found, deepest = "unknown file system", -1
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if folder.resolve().is_relative_to(place) and len(place) >= deepest:
            found, deepest = kind, len(place)
    return found


def cpu_seconds() -> float:
    """What all cores worked so far, for everybody: not idle, not waiting; with what the host took from them."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return (sum(ticks[:3]) + sum(ticks[5:8])) / os.sysconf("SC_CLK_TCK")
