"""What carries: gapvault and its peers, each at its fastest sensible settings, encrypted where it can."""

import hashlib
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from .machine import cores
from .process import Failed, Job, Stage, job, output

PASSWORD = "correct horse battery staple"


class Tool:
    """A way to pack a folder up, to check what was packed, and to get it back.

    Everything it writes lies under `place`, a folder that is fresh in every round.
    """

    name: str
    needs: Sequence[str]
    """The commands it is made of; the first one tells the version."""
    remark = ""
    makes_destination = False
    only_exports = False
    """Whether it is there for the time of its export alone."""

    def __init__(self) -> None:
        self.variant = ""
        """Which of the variants is used."""

    def missing(self) -> list[str]:
        return [command for command in self.needs if shutil.which(command) is None]

    def version(self) -> str:
        found = re.search(r"\d+(\.\d+)*", output(self.needs[0], "--version"))
        return f"{self.needs[0]} {found[0] if found else '?'}"

    def variants(self) -> Mapping[str, Sequence[str]]:
        """Settings to choose the fastest of, by what to call them; none where there is nothing to choose."""
        return {}

    def settings(self) -> Sequence[str]:
        return self.variants().get(self.variant, [])

    def prepare(self, place: Path) -> None:
        """What is done once for a repository, so that it is not measured."""

    def stored(self, place: Path) -> Path:
        """What is carried: its size is the tool's."""
        return place / "stored"

    def export(self, source: Path, place: Path) -> Job:
        raise NotImplementedError

    def verify(self, place: Path) -> Job | None:
        """Reads and checks everything that is stored; none if the tool can't."""
        return None

    def checkout(self, source: Path, place: Path, destination: Path) -> Job:
        raise NotImplementedError


class Gapvault(Tool):
    """Two vaults that know each other, and a folder between them that plays the stick."""

    name = "gapvault"
    needs = ("gapvault",)
    makes_destination = True

    def __init__(self, export_arguments: Sequence[str] = ()) -> None:
        super().__init__()
        self.export_arguments = export_arguments
        self.remark = " ".join(export_arguments)

    def prepare(self, place: Path) -> None:
        for vault in ("lab", "cluster"):
            output("gapvault", "init", place / vault, "--site", vault)
        cards = {vault: output("gapvault", "--vault", place / vault, "card") for vault in ("lab", "cluster")}
        output("gapvault", "--vault", place / "lab", "tent", "new", "bench")
        for vault, other, role in (("lab", "cluster", "member"), ("cluster", "lab", "exporter")):
            card = place / f"{other}.card"
            card.write_text(cards[other])
            known = ["--fingerprint", hashlib.sha256(card.read_bytes()).hexdigest()]
            output("gapvault", "--vault", place / vault, "trust", card, "--tent", "bench", "--role", role, *known)
        self.stored(place).mkdir()

    def export(self, source: Path, place: Path, medium: Path | None = None) -> Job:
        to = medium or self.stored(place)
        what = ["--name", "bench:1", "--tent", "bench", *self.export_arguments]
        return self.run(place, "lab", "export", source, "--to", to, *what)

    def verify(self, place: Path) -> Job:
        return self.run(place, "cluster", "verify", self.stored(place))

    def take_in(self, place: Path) -> Job:
        """The way in that peers don't have: from the stick into the vault."""
        return self.run(place, "cluster", "import", self.stored(place))

    def checkout(self, source: Path, place: Path, destination: Path) -> Job:
        return self.run(place, "cluster", "checkout", "bench:1", destination)

    def run(self, place: Path, vault: str, *command: str | Path) -> Job:
        """It makes everything durable by itself, so that no `sync` follows."""
        return job(place, ["gapvault", "--progress", "none", "--vault", place / vault, *command])


class GapvaultUnread(Gapvault):
    """The same, but the stick is not read back, which no peer does either."""

    name = "gapvault --no-read-back"
    only_exports = True

    def __init__(self, export_arguments: Sequence[str] = ()) -> None:
        super().__init__([*export_arguments, "--no-read-back"])


class Tar(Tool):
    """A pipe: tar, zstd at its fastest level, age."""

    needs = ("tar", "zstd", "age", "age-keygen")

    def __init__(self) -> None:
        super().__init__()
        self.name = f"tar, zstd -1 -T{cores()}, age"

    def version(self) -> str:
        found = re.search(r"v(\d+(\.\d+)*)", output("zstd", "--version"))
        age = output("age", "--version").strip().removeprefix("v")
        return f"{super().version()}, zstd {found[1] if found else '?'}, age {age}"

    def prepare(self, place: Path) -> None:
        output("age-keygen", "-o", place / "key")
        (place / "recipient").write_text(output("age-keygen", "-y", place / "key"))
        self.stored(place).mkdir()

    def export(self, source: Path, place: Path) -> Job:
        packed: Stage = ["tar", "-C", source, "-cf", "-", "."]
        sealed: Stage = ["age", "-R", place / "recipient", "-o", self.stored(place) / "archive"]
        return job(place, packed, ["zstd", "-q", "-1", f"-T{cores()}"], sealed, sync=self.stored(place))

    def verify(self, place: Path) -> Job:
        return job(place, self.opened(place), ["zstd", "-q", "-t"])

    def checkout(self, source: Path, place: Path, destination: Path) -> Job:
        unpacked: Stage = ["tar", "-C", destination, "-xf", "-"]
        return job(place, self.opened(place), ["zstd", "-q", "-d"], unpacked, sync=destination)

    def opened(self, place: Path) -> Stage:
        return ["age", "-d", "-i", place / "key", self.stored(place) / "archive"]


class Restic(Tool):
    name = "restic"
    needs = ("restic",)
    environment: Mapping[str, str] = {"RESTIC_PASSWORD": PASSWORD}

    def version(self) -> str:
        return " ".join(output("restic", "version").split()[:2])

    def variants(self) -> Mapping[str, Sequence[str]]:
        usage = output("restic", "backup", "--help")
        found = re.search(r"one of \(([^)]*)\)", usage)
        modes = [mode for mode in ("off", "auto", "fastest") if found and mode in found[1].split("|")]
        sizes: dict[str, list[str]] = {"": []}
        if "--pack-size" in usage:
            sizes[" --pack-size 64"] = ["--pack-size", "64"]
        trusting = ["--no-extra-verify"] if "--no-extra-verify" in usage else []
        return {
            " ".join([f"--compression {mode}{size}", *trusting]): ["--compression", mode, *words, *trusting]
            for mode in modes
            for size, words in sizes.items()
        }

    def prepare(self, place: Path) -> None:
        output(*self.command(place), "init", environment=self.environment)

    def export(self, source: Path, place: Path) -> Job:
        command = [*self.command(place), "backup", *self.settings(), "."]
        return job(source, command, environment=self.environment, sync=place)

    def verify(self, place: Path) -> Job:
        return job(place, [*self.command(place), "check", "--read-data"], environment=self.environment)

    def checkout(self, source: Path, place: Path, destination: Path) -> Job:
        command = [*self.command(place), "restore", "latest", "--target", destination]
        return job(place, command, environment=self.environment, sync=destination)

    def command(self, place: Path) -> list[str | Path]:
        return ["restic", "-q", "--no-cache", "-r", self.stored(place)]


class Rustic(Tool):
    name = "rustic"
    environment: Mapping[str, str] = {"RUSTIC_PASSWORD": PASSWORD}

    def __init__(self, program: str) -> None:
        super().__init__()
        self.needs = (program,)

    def version(self) -> str:
        return output(self.needs[0], "--version").strip()

    def variants(self) -> Mapping[str, Sequence[str]]:
        trusting = ["--set-extra-verify", "false"]
        levels = {"no compression": "0", "compression -7": "-7", "compression 1": "1"}
        return {
            f"{name}, no extra verification": [f"--set-compression={level}", *trusting]
            for name, level in levels.items()
        }

    def prepare(self, place: Path) -> None:
        output(*self.command(place), "init", *self.settings(), environment=self.environment)

    def export(self, source: Path, place: Path) -> Job:
        command = [*self.command(place), "backup", "--no-scan", source]
        return job(place, command, environment=self.environment, sync=place)

    def verify(self, place: Path) -> Job:
        return job(place, [*self.command(place), "check", "--read-data"], environment=self.environment)

    def checkout(self, source: Path, place: Path, destination: Path) -> Job:
        command = [*self.command(place), "restore", f"latest:{source}", destination]
        return job(place, command, environment=self.environment, sync=destination)

    def command(self, place: Path) -> list[str | Path]:
        return [self.needs[0], "--no-progress", "--log-level", "warn", "--no-cache", "-r", self.stored(place)]


class Borg(Tool):
    name = "borg"
    needs = ("borg",)

    def variants(self) -> Mapping[str, Sequence[str]]:
        return {f"--compression {method}": ["--compression", method] for method in ("lz4", "none")}

    def prepare(self, place: Path) -> None:
        output("borg", "init", "-e", "repokey-blake2", self.stored(place), environment=self.environment(place))

    def export(self, source: Path, place: Path) -> Job:
        command = ["borg", "create", "--files-cache", "disabled", *self.settings(), f"{self.stored(place)}::a", "."]
        return job(source, command, environment=self.environment(place), sync=place)

    def verify(self, place: Path) -> Job:
        command: Stage = ["borg", "check", "--verify-data", self.stored(place)]
        return job(place, command, environment=self.environment(place))

    def checkout(self, source: Path, place: Path, destination: Path) -> Job:
        command = ["borg", "extract", f"{self.stored(place)}::a"]
        return job(destination, command, environment=self.environment(place), sync=destination)

    def environment(self, place: Path) -> Mapping[str, str]:
        return {"BORG_PASSPHRASE": PASSWORD, "BORG_BASE_DIR": str(place / "base")}


class Casync(Tool):
    name = "casync"
    needs = ("casync",)
    remark = "not encrypted"

    def prepare(self, place: Path) -> None:
        self.stored(place).mkdir()

    def export(self, source: Path, place: Path) -> Job:
        command = ["casync", "make", *self.where(place), source]
        return job(place, command, sync=place)

    def checkout(self, source: Path, place: Path, destination: Path) -> Job:
        command = ["casync", "extract", *self.where(place), destination]
        return job(place, command, sync=destination)

    def where(self, place: Path) -> list[str | Path]:
        store = self.stored(place)
        return ["--compression=zstd", "--with=unix", f"--store={store / 'chunks'}", store / "index.caidx"]


class Cp(Tool):
    name = "cp"
    needs = ("cp",)
    remark = "not encrypted"

    def prepare(self, place: Path) -> None:
        self.stored(place).mkdir()

    def export(self, source: Path, place: Path) -> Job:
        return self.copy(source, self.stored(place))

    def checkout(self, source: Path, place: Path, destination: Path) -> Job:
        return self.copy(self.stored(place), destination)

    @staticmethod
    def copy(source: Path, destination: Path) -> Job:
        return job(destination, ["cp", "-R", f"{source}/.", destination], sync=destination)


def same_content(one: Path, other: Path) -> None:
    """Fails unless both folders hold the same names and bytes."""
    try:
        output("diff", "-rq", one, other)
    except Failed as difference:
        raise Failed(f"what came back is not what was carried: {difference}") from None
