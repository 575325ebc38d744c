"""Makes inputs that are no weights. A program of its own: what it takes of memory would be counted as every tool's.

usage: files.py text DIR | noise DIR BYTES | small DIR COUNT
"""

import random
import sys
import sysconfig
from pathlib import Path

FILES_A_FOLDER = 1000
SMALL = (1 << 10, 8 << 10)


def library() -> bytes:
    """The sources of Python's library: text that is wherever this runs."""
    sources = Path(sysconfig.get_path("stdlib"))
    paths = sorted(path for path in sources.rglob("*.py") if "site-packages" not in path.parts)
    return b"".join(path.read_bytes() for path in paths)


def write_noise(path: Path, size: int) -> None:
    source = random.Random(1)
    with path.open("wb") as file:
        while size > 0:
            size -= file.write(source.randbytes(min(size, 1 << 20)))


def write_small(folder: Path, count: int) -> None:
    """Text and noise by turns."""
    source, text = random.Random(count), library()
    for number in range(count):
        inside = folder / f"{number // FILES_A_FOLDER:04}"
        if number % FILES_A_FOLDER == 0:
            inside.mkdir()
        size = source.randint(*SMALL)
        begin = source.randrange(len(text) - size)
        content = text[begin : begin + size] if number % 2 else source.randbytes(size)
        (inside / f"{number:07}").write_bytes(content)


def main() -> None:
    what, folder, *numbers = sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:])
    if what == "text":
        (folder / "library.py.txt").write_bytes(library())
    elif what == "noise":
        write_noise(folder / "noise.bin", *numbers)
    else:
        write_small(folder, *numbers)


if __name__ == "__main__":
    main()
