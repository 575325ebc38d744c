"""A medium that writes no faster than a stick: a file system on a loop device, which the kernel throttles."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .process import Failed, output

LIMIT = Path("/sys/fs/cgroup/blkio/blkio.throttle.write_bps_device")
"""Of the whole system, for one device: writeback is nobody else's in this version of control groups."""


class NotMeasured(Exception):
    """Something that this machine can't do; the message says what."""


@contextmanager
def slow_medium(folder: Path, size: int, bytes_a_second: int) -> Iterator[Path]:
    """Mounts one of `size` bytes for as long as it is needed."""
    refuse_without_means()
    with ExitStack() as undo:
        image, mounted = folder / "medium.img", folder / "medium"
        mounted.mkdir(parents=True)
        undo.callback(mounted.rmdir)
        undo.callback(image.unlink)
        with image.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
        try:
            device = output("losetup", "--find", "--show", "--direct-io=on", image).strip()
            undo.callback(output, "losetup", "--detach", device)
            # Nothing is left to be written later, which would be counted as somebody's.
            output("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", device)
            output("mount", device, mounted)
            undo.callback(output, "umount", mounted)
            number = os.stat(device).st_rdev
            name = f"{os.major(number)}:{os.minor(number)}"
            undo.callback(LIMIT.write_text, f"{name} 0")
            LIMIT.write_text(f"{name} {bytes_a_second}")
        except (Failed, OSError) as fault:
            raise NotMeasured(f"no throttled loop device can be had here: {fault}") from None
        refuse_wrong_speed(mounted, bytes_a_second)
        yield mounted


def refuse_without_means() -> None:
    if os.geteuid() != 0:
        raise NotMeasured("a throttled medium needs root (a loop device, and a limit of the kernel's on it)")
    missing = [command for command in ("losetup", "mkfs.ext4", "mount") if shutil.which(command) is None]
    if missing or not LIMIT.exists():
        raise NotMeasured(f"a throttled medium needs {', '.join(missing) or LIMIT}")


def refuse_wrong_speed(mounted: Path, bytes_a_second: int) -> None:
    """Holds the throttle against the clock: at its best it has to be true within a tenth."""
    speed = max(probe(mounted / "probe", bytes_a_second) for _ in range(3))
    if not 0.9 < speed / bytes_a_second < 1.1:
        raise NotMeasured(f"the throttle lets {speed / 1e6:.0f} MB/s through instead of {bytes_a_second / 1e6:.0f}")


def probe(path: Path, size: int) -> float:
    """Bytes a second."""
    began = time.monotonic()
    with path.open("wb") as file:
        for _ in range(0, size, 1 << 20):
            file.write(bytes(1 << 20))
        os.fsync(file.fileno())
    seconds = time.monotonic() - began
    path.unlink()
    os.sync()
    return size / seconds
