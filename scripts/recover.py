#!/usr/bin/env python3
"""Restores the files of a gapvault bundle from its medium and an age identity, without gapvault.

usage: recover.py BUNDLE_FOLDER... --identity member.key --out DIR [--artifact NAME:VERSION]

Needs python3, age, zstd, and room beside DIR for twice the files. DIR must not exist; it appears when all was verified:
the form of the seal, every file of the bundle against the seal, every restored file against the catalogue.
NOT checked: the signature over the seal (do that first, RECOVER.txt says how), the chunks' ids (python has no BLAKE3),
policy and what only it needs, extra files on the medium, names that only other systems confuse.
Written from formats/SPEC.md; numbers in comments are its sections.
"""

import argparse
import array
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

KIB, MIB, GIB = 2**10, 2**20, 2**30
ARTIFACT = "X(/X)*:X".replace("X", "[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
STATEMENT = '{"_type":"https://in-toto.io/Statement/v1","subject":[\n%s\n],"predicateType":"gapvault:seal:v1",\n'
PREDICATE = "format:int label:str nonce:str exporter:str created:str expires:str number:int destinations:list "
PREDICATE += "suite:str stanzas:dict stream:dict volumes:list parity:NoneType builds_on:list supersedes:NoneType"
KEYS = r"# gapvault keys 1\n# nonce: (.{64})\n# tent: (.+)\n# tent-key: [0-9a-f]{64}\n(AGE-SECRET-KEY-1[0-9A-Z]+)\n"
CATALOGUE_HEAD = "format:int nonce:bytes tent:str site:str person:str readers:list totals:dict"
TOTALS = "artifacts:int files:int folders:int links:int bytes:int"
ENTRIES = {"artifact": "artifact:dict provenance:dict", "folder": "path:str mode:int", "link": "path:str target:str"}
ENTRIES |= {"file": "path:str mode:int size:int sha256:bytes", "end": TOTALS}
INDEX_HEAD, INDEX_END = "format:int nonce:bytes stream:int chunks:int files:int", "chunks:int files:int"
CHUNK, RECIPE = "id:bytes offset:int stored:int length:int coding:str", "file:int runs:list more:bool"


def require(condition: object, fault: str) -> None:
    if not condition:
        raise ValueError(fault)


def fields(value: Any, layout: str) -> list[Any]:
    """The values of a map with just these fields, in this order, of these types."""
    found = [f"{name}:{type(item).__name__}" for name, item in value.items()]
    require(found == layout.split(), f"{found} where there should be {layout}")
    return list(value.values())


class Seal:
    """seal.json (4.1)."""

    def __init__(self, data: bytes) -> None:
        _, subjects, _, predicate = fields(json.loads(data), "_type:str subject:list predicateType:str predicate:dict")
        encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
        form = STATEMENT % ",\n".join(map(encode, subjects)) + f'"predicate":{encode(predicate)}}}\n'
        require(form.encode() == data, "seal.json: not its one encoding")
        version, _, self.nonce, *_, suite, _, stream, volumes, _, base, _ = fields(predicate, PREDICATE)
        require((version, suite, base) == (1, "age-x25519", []), "seal.json: not of the format that this reads")
        self.length, self.pack = fields(stream, "length:int pack:int")
        packs = -(-self.length // self.pack) if self.pack in range(64 * KIB, GIB + 1, 64 * KIB) else 0
        sums = [f"SHA256SUMS.{fields(volume, 'name:str packs:list')[0]}" for volume in volumes]
        require(0 < packs <= 999_999 and "/" not in "".join(sums), "seal.json: lengths of stream and packs, or volumes")
        self.packs = [f"packs/{n // 1000:04}/{n:06}.age" for n in range(packs)]
        names = ["RECOVER.txt", "catalogue.age", "index.age", "keys.age", *sums, *self.packs]
        self.files: dict[str, tuple[str, int]] = {}
        for subject in subjects:
            name, digest, notes = fields(subject, "name:str digest:dict annotations:dict")
            self.files[name] = (fields(digest, "sha256:str")[0], fields(notes, "size:int")[0])
        require(list(self.files) == sorted(names) and len(names) == len(subjects), "seal.json: subjects")


class Table:
    """The records of catalogue or index: CBOR in one encoding (3.2)."""

    def __init__(self, source: Any) -> None:
        self.source, self.left = source, 0

    def take(self, count: int) -> bytes:
        self.left -= count
        data: bytes = self.source.read(count) if self.left >= 0 else b""
        require(len(data) == count, "a record over 1 MiB or cut short")
        return data

    def item(self, depth: int = 0) -> Any:
        major, value = divmod(self.take(1)[0], 32)
        if major == 7:
            return {20: False, 21: True, 22: None}[value]
        if value >= 24:
            least = {24: 24, 25: 2**8, 26: 2**16, 27: 2**32}[value]
            value = int.from_bytes(self.take(1 << value - 24), "big")
            require(value >= least, "a number that is not in its shortest form")
        require(major in (0, 2, 3, 4, 5) and depth < 6, "a type or depth that records don't have")
        if major == 4:
            return [self.item(depth + 1) for _ in range(value)]
        if major == 5:
            pairs = [(self.item(depth + 1), self.item(depth + 1)) for _ in range(value)]
            require(len(dict(pairs)) == len(pairs), "a field twice")
            return dict(pairs)
        require(major != 2 or value == 32, "bytes that are no digest, id or nonce")
        return value if major == 0 else self.take(value) if major == 2 else self.take(value).decode()

    def record(self, layouts: dict[str, str]) -> tuple[str, list[Any]]:
        """The kind and fields of the next record, which must be one of these."""
        self.left = MIB
        ((kind, record),) = self.item().items()
        require(kind in layouts, f"a record {kind!a} where there should be one of {', '.join(layouts)}")
        return kind, fields(record, layouts[kind])


class Bundle:
    """The folders that hold a bundle's volumes, and a work folder that nobody else can write to."""

    def __init__(self, folders: list[Path], identity: str, work: Path) -> None:
        self.folders, self.work, self.identity = folders, work, b""
        with self.open("seal.json") as file:
            data = file.read(256 * MIB + 1)
        require(len(data) <= 256 * MIB, "seal.json: over 256 MiB")
        self.id, self.seal = hashlib.sha256(data).hexdigest(), Seal(data)
        for name in self.seal.files.keys() - self.seal.packs:
            self.copy_verified(name)
        found: Any = re.fullmatch(KEYS, self.decrypted("keys.age", identity).read_text())
        (work / "plain").unlink()
        require(found and found[1] == self.seal.nonce, "keys.age: not the keys of this bundle")
        self.nonce, self.tent, self.identity = found[1], found[2], found[3].encode()

    def open(self, name: str) -> BinaryIO:
        """A regular file on whichever volume has it; never through a link, never waiting for a pipe (2)."""
        folder = next((folder for folder in self.folders if os.path.lexists(folder / name)), self.folders[0])
        file = os.fdopen(os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
        require(os.path.isfile(file.fileno()), f"{name}: not a regular file")
        return file

    def copy_verified(self, name: str) -> Path:
        """Reads a file of the bundle once, into a copy that is used only if its digest is the seal's (4.4)."""
        copy, digest, (expected, size) = self.work / "copy", hashlib.sha256(), self.seal.files[name]
        with self.open(name) as source, copy.open("wb") as target:
            while target.tell() <= size and (data := source.read(MIB)):
                digest.update(data)
                target.write(data)
            require(target.tell() == size, f"{name}: not of the size in the seal")
        require(digest.hexdigest() == expected, f"{name}: its SHA-256 is not the one in the seal")
        return copy

    def decrypted(self, name: str, identity: str = "-", plain: str = "plain") -> Path:
        """Appends the plaintext of a file of the bundle to a work file."""
        command = ["age", "-d", "-i", identity, str(self.copy_verified(name))]
        with (self.work / plain).open("ab") as target:
            done = subprocess.run(command, input=self.identity, stdout=target, check=False)
        require(done.returncode == 0, f"{name}: age can't open it")
        return self.work / plain

    def stream(self) -> Path:
        """The plaintexts of all packs, joined (5.5)."""
        for number, name in enumerate(self.seal.packs, 1):
            stream = self.decrypted(name, plain="stream")
            length = min(self.seal.pack * number, self.seal.length)
            require(stream.stat().st_size == length, f"{name}: not the length of stream that the seal says")
        return stream


@contextlib.contextmanager
def unzstd(path: Path) -> Iterator[Any]:
    """What the zstd frames in a file decode to, no more than is read."""
    with subprocess.Popen(["zstd", "-dcq", "--memory=8MB", str(path)], stdout=subprocess.PIPE) as process:
        try:
            yield process.stdout
            require(not process.stdout.read(1) and process.wait() == 0, f"{path.name}: zstd fails or finds too much")
        finally:
            process.kill()


def parts_of(path: str) -> tuple[str, ...]:
    """The components of a path that leads down (6.4)."""
    parts = path.split("/")
    good = all(part not in ("", ".", "..") and len(part.encode()) <= 255 for part in parts) and len(parts) <= 128
    require(good and len(path.encode()) <= 4000 and not re.search(r"[\\\0-\x1f\x7f-\x9f]", path), f"path {path!a}")
    return tuple(parts)


class Restoration:
    """Writes a bundle's artifacts, under a folder that nobody else can write to."""

    def __init__(self, bundle: Bundle, catalogue: Table, index: Table, content: BinaryIO, tree: Path) -> None:
        self.bundle, self.catalogue, self.index, self.content, self.tree = bundle, catalogue, index, content, tree
        self.ends = array.array("Q", [0])  # chunk n stands in the content from ends[n] to ends[n + 1]

    def run(self) -> dict[str, int]:
        _, (version, nonce, tent, _, _, _, totals) = self.catalogue.record({"head": CATALOGUE_HEAD})
        require((version, nonce.hex(), tent) == (1, self.bundle.nonce, self.bundle.tent), "catalogue.age: its head")
        _, (version, index_nonce, stream_end, chunks, files) = self.index.record({"head": INDEX_HEAD})
        require((version, index_nonce, files) == (1, nonce, fields(totals, TOTALS)[1]), "index.age: its head")
        with self.bundle.stream().open("rb") as stream:
            room = shutil.disk_usage(self.tree).free - totals["bytes"]
            for first in range(0, chunks, 32):
                self.decode(stream, min(32, chunks - first), room)
            require(stream.tell() == stream_end, "index.age: chunks that end before the stream")
        os.unlink(stream.name)
        self.write_entries(totals)
        require(self.index.record({"end": INDEX_END})[1] == [chunks, files], "index.age: totals")
        return dict(totals)

    def decode(self, stream: BinaryIO, count: int, room: int) -> None:
        """Appends the next chunks of the stream to the content (5.2, 7.2); one zstd process for all of them."""
        frames, chunks = self.bundle.work / "frames", []
        with frames.open("wb") as coded:
            coded.write(bytes.fromhex("28b52ffd2000010000"))  # a frame of nothing: zstd takes no empty file
            for _ in range(count):
                _, (_, offset, stored, length, coding) = self.index.record({"chunk": CHUNK})
                good = stored == length if coding == "store" else coding == "zstd" and 0 < stored < length
                require(good and offset == stream.tell() and 0 < length <= 4 * MIB, "index.age: the numbers of a chunk")
                self.ends.append(self.ends[-1] + length)
                require(self.ends[-1] <= room, "no room for the chunks")
                data = stream.read(stored)
                coded.write(data if coding == "zstd" else b"")
                chunks.append((length, data if coding == "store" else b""))
        with unzstd(frames) as plain:
            for length, data in chunks:
                require(self.content.write(data or plain.read(length)) == length, "a chunk shorter than in the index")

    def write_entries(self, totals: dict[str, int]) -> None:
        """The rest of the catalogue (6.2 to 6.6)."""
        left, artifact, parts, folders, locked = dict(totals), "", (), [], []
        while (record := self.catalogue.record(ENTRIES))[0] != "end":
            (kind, (name, *values)), last = record, parts
            if kind == "artifact":
                artifact, last, values = "{}:{}".format(*fields(name, "name:str version:str")), (), [0o755]
                require(re.fullmatch(ARTIFACT, artifact), f"catalogue.age: artifact {artifact!a}")
            parts = (artifact,) if kind == "artifact" else (artifact, *parts_of(name))
            while folders and folders[-1] != parts[:-1]:
                folders.pop()
            good = parts > last and (folders or kind == "artifact") and (kind == "link" or values[0] <= 0o777)
            require(good, f"catalogue.age: {parts!a} is out of order or has a wrong mode")
            left[kind + "s"], left["bytes"] = left[kind + "s"] - 1, left["bytes"] - (values[1] if kind == "file" else 0)
            require(min(left.values()) >= 0, f"catalogue.age: more than its head says, from {parts!a} on")
            path = self.tree.joinpath(*parts)
            if kind == "link":
                ups, rest = re.findall(r"\A((?:\.\.(?:/|\Z))*)(.*)\Z", values[0], re.DOTALL)[0]
                inside = ups.count("..") < len(parts) - 1 and (parts_of(rest) if rest else ups.endswith(".."))
                require(inside, f"catalogue.age: {parts!a} links to {values[0]!a}")
                path.symlink_to(values[0])
            elif kind == "file":
                self.write_file(path, totals["files"] - left["files"] - 1, *values[1:])
                path.chmod(values[0])
            else:
                path.mkdir(parents=kind == "artifact")
                path.chmod(values[0] | 0o700)
                folders.append(parts)
                locked += [(path, values[0])] if values[0] & 0o700 != 0o700 else []
        for path, mode in reversed(locked):
            path.chmod(mode)
        require(record[1] == list(totals.values()) and not any(left.values()), "catalogue.age: totals")

    def write_file(self, path: Path, number: int, size: int, sha256: bytes) -> None:
        """Joins the chunks of a file's recipe (7.3)."""
        digest, more = hashlib.sha256(), True
        with path.open("xb") as file:
            while more:
                _, (file_number, runs, more) = self.index.record({"recipe": RECIPE})
                require(file_number == number and (runs or not more), "index.age: a recipe out of order")
                for first, count in (fields(run, "first:int count:int") for run in runs):
                    require(0 < count and first + count < len(self.ends), "index.age: a recipe with an unknown chunk")
                    for start in range(self.ends[first], self.ends[first + count], MIB):
                        self.content.seek(start)
                        data = self.content.read(min(MIB, self.ends[first + count] - start))
                        digest.update(data)
                        require(file.tell() + file.write(data) <= size, f"{path.name!a}: more than its size")
            require(file.tell() == size and digest.digest() == sha256, f"{path.name!a}: its SHA-256 or size is wrong")


def main() -> None:
    parser = argparse.ArgumentParser(description="Restores a gapvault bundle's files without gapvault.")
    parser.add_argument("folders", nargs="+", type=Path, metavar="BUNDLE_FOLDER", help="one for each volume")
    parser.add_argument("--identity", required=True, metavar="FILE", help="a member's age identity")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="made by this run; must not exist")
    parser.add_argument("--artifact", metavar="NAME:VERSION", help="its files, to DIR; else all, to DIR/NAME:VERSION")
    arguments = parser.parse_args()
    try:
        require(not os.path.lexists(arguments.out), f"{arguments.out} exists")
        with tempfile.TemporaryDirectory(prefix=".recover-", dir=arguments.out.parent) as work:
            (tree := Path(work, "tree")).mkdir()
            bundle = Bundle(arguments.folders, arguments.identity, Path(work))
            tables = [bundle.decrypted(f"{name}.age", plain=name) for name in ("catalogue", "index")]
            with unzstd(tables[0]) as catalogue, unzstd(tables[1]) as index, open(f"{work}/content", "w+b") as content:
                totals = Restoration(bundle, Table(catalogue), Table(index), content, tree).run()
            done = tree / (arguments.artifact or "")
            require(re.fullmatch(ARTIFACT, arguments.artifact or "A:1") and done.is_dir(), "no such artifact there")
            os.sync()
            done.rename(arguments.out)
    except (OSError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as fault:
        raise SystemExit(f"error: {fault}\nnothing was restored") from None
    print(f"restored {totals['files']} files, {totals['bytes']} bytes, each file with the SHA-256 in the catalogue")
    print("NOT checked: chunk ids, and the signature over this seal (RECOVER.txt says how):", bundle.id)


if __name__ == "__main__":
    main()
