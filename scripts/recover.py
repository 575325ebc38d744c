#!/usr/bin/env python3
"""Restores a gapvault bundle's files from its medium and an age identity, by formats/SPEC.md (numbers: its sections).

usage: recover.py BUNDLE_FOLDER... --identity member.key --out DIR [--artifact NAME:VERSION]
Needs parity.py beside it, python3, age (1.3 or later where the suite is age-pq), zstd, and room beside DIR for twice the
files and the packs that are mended.
DIR must not exist; it appears when all was verified: every file of the bundle that was used or mended against the seal,
every restored file against the catalogue. Packs that are damaged or missing are mended where there is enough parity.
NOT checked: the signature over the seal (do that first, RECOVER.txt says how), the chunks' ids (python has no BLAKE3),
policy and what only it needs, the seal's line breaks, extra files on the medium, names that only other systems confuse.
"""

import argparse
import array
import contextlib
import hashlib
import io
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

sys.dont_write_bytecode = True

import parity  # noqa: E402

KIB, MIB, GIB, MAGIC = 2**10, 2**20, 2**30, bytes.fromhex("28b52ffd")
ARTIFACT = "X(/X)*:X".replace("X", "[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
PREDICATE = "format:int label:str nonce:str exporter:str created:str expires:str number:int destinations:list "
PREDICATE += "suite:str stanzas:dict stream:dict volumes:list parity:dict|NoneType builds_on:list "
PREDICATE += "supersedes:str|NoneType"
SUITES = {"age-x25519": "AGE-SECRET-KEY-1", "age-pq": "AGE-SECRET-KEY-PQ-1"}
KEYS = r"# gapvault keys 1\n# nonce: (.{64})\n# tent: (.+)\n# tent-key: [0-9a-f]{64}\n(AGE-SECRET-KEY-[0-9A-Z-]+)\n"
TOO_OLD = " (this bundle is of the suite age-pq, which takes an identity AGE-SECRET-KEY-PQ-1 and age 1.3 or later)"
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
    names, types = zip(*(field.split(":") for field in layout.split()))
    found = [type(item).__name__ for item in value.values()]
    good = tuple(value) == names and all(one in several.split("|") for one, several in zip(found, types))
    require(good, f"{list(zip(value, found))} where there should be {layout}")
    return list(value.values())


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
        least = {24: 24, 25: 2**8, 26: 2**16, 27: 2**32}[value] if value >= 24 else 0
        value = int.from_bytes(self.take(1 << value - 24), "big") if least else value
        good = value >= least and major in (0, 2, 3, 4, 5) and (major != 2 or value == 32) and depth < 6
        require(good, "a number that is not in its shortest form, or a type, length or depth that records don't have")
        if major == 4:
            return [self.item(depth + 1) for _ in range(value)]
        if major == 5:
            pairs = [(self.item(depth + 1), self.item(depth + 1)) for _ in range(value)]
            require(len(dict(pairs)) == len(pairs), "a field twice")
            return dict(pairs)
        return value if major == 0 else self.take(value) if major == 2 else self.take(value).decode()

    def record(self, layouts: dict[str, str]) -> tuple[str, list[Any]]:
        """The kind and fields of the next record, which must be one of these."""
        self.left = MIB
        ((kind, record),) = self.item().items()
        require(kind in layouts, f"a record {kind!a} where there should be one of {', '.join(layouts)}")
        return kind, fields(record, layouts[kind])


@contextlib.contextmanager
def unzstd(path: Path) -> Any:
    """What the zstd frames in a file decode to, no more than is read."""
    with subprocess.Popen(["zstd", "-dcq", "--memory=8MB", str(path)], stdout=subprocess.PIPE) as process:
        yield process.stdout  # closed at an error, which ends zstd
        require(not process.stdout.read(1) and process.wait() == 0, f"{path.name}: zstd fails or finds too much")


def one_frame(data: bytes) -> bool:
    """Whether this is just one zstd frame, going by the headers of frame and blocks (RFC 8878, 3.1.1)."""
    flags, last = data[4], 0
    at = 6 - (flags >> 5 & 1) + (0, 1, 2, 4)[flags & 3] + (flags >> 5 & 1, 2, 4, 8)[flags >> 6]
    while not last and at < len(data):
        block = int.from_bytes(data[at : at + 3], "little")
        last, at = block & 1, at + 3 + (1 if block >> 1 & 3 == 1 else block >> 3)
    return last == 1 and data.startswith(MAGIC) and at + (flags & 4) == len(data)


def decoder(coding: str, coded: bytes, length: int, frames: BinaryIO) -> Any:
    """Takes a coded chunk apart (5.2), its frames to a file; returns what makes a chunk of what zstd makes of them."""
    if coding != "planes":  # as if of one plane
        coded = bytes([1, 0, 0, 2 if coding == "zstd" else 0]) + len(coded).to_bytes(4, "little") + coded
    source = io.BytesIO(coded)
    w, p, r = source.read(3)
    require(p < w <= min(64, length - p) and r <= (w in (2, 4, 8)), "a chunk with wrong w, p or r")
    end, heads, pieces = length - (length - p) % w, [source.read(5) for _ in range(w)], []
    planes = [(kind, int.from_bytes(size, "little"), slice(p + j, end, w)) for j, (kind, *size) in enumerate(heads)]
    for kind, size, place in [(0, p, slice(p)), (0, length - end, slice(end, length)), *planes]:
        data = source.read(size)
        good = kind == 0 or (kind == 1 and size == 1) or (kind == 2 and one_frame(data))
        require(good and len(data) == size, "a plane of a wrong kind or size, or not of one frame")
        frames.write(data if kind == 2 else b"")
        pieces.append((kind, b"" if kind == 2 else data, place, len(range(length)[place])))
    require(not source.read(1), "a chunk with coded bytes left over")

    def chunk(zstd: Any) -> bytes:
        plain = bytearray(length)
        for kind, data, place, count in pieces:
            data = zstd.read(count) if kind == 2 else data * count if kind == 1 else data
            require(len(data) == count, "a chunk or plane that is shorter or longer than the index says")
            plain[place] = data
        if r:  # all elements at once: the lowest bit of each was its highest
            number = int.from_bytes(plain[p:end], "little")
            low = number & int.from_bytes(b"\1".ljust(w, b"\0") * ((end - p) // w), "little")
            plain[p:end] = (number >> 1 ^ low >> 1 | low << 8 * w - 1).to_bytes(end - p, "little")
        return plain
    return chunk


def parts_of(path: str) -> tuple[str, ...]:
    """The components of a path that leads down (6.4)."""
    parts = path.split("/")
    good = all(part not in ("", ".", "..") and len(part.encode()) <= 255 for part in parts) and len(parts) <= 128
    require(good and len(path.encode()) <= 4000 and not re.search(r"[\\\0-\x1f\x7f-\x9f]", path), f"path {path!a}")
    return tuple(parts)


class Bundle:
    """The folders that hold a bundle's volumes, and a work folder that nobody else can write to."""

    def __init__(self, folders: list[Path], identity: str, work: Path) -> None:
        self.folders, self.work, self.identity, self.mended = folders, work, b"", dict[str, Path]()
        with self.open("seal.json") as file:
            data = file.read(256 * MIB + 1)
        self.id, seal = hashlib.sha256(data).hexdigest(), json.loads(data)
        form = json.dumps(seal, ensure_ascii=False, separators=(",", ":"))  # but for its line breaks
        _, subjects, kind, predicate = fields(seal, "_type:str subject:list predicateType:str predicate:dict")
        version, _, self.nonce, *_, self.suite, _, stream, volumes, parities, base, _ = fields(predicate, PREDICATE)
        good = (kind, version, base) == ("gapvault:seal:v1", 1, []) and len(data) <= 256 * MIB
        good = good and self.suite in SUITES and form.encode() == data.replace(b"\n", b"")
        require(good, "seal.json: not in the form that this reads")
        self.length, self.pack = fields(stream, "length:int pack:int")
        packs = -(-self.length // self.pack) if self.pack in range(64 * KIB, GIB + 1, 64 * KIB) else 0
        sums = [f"SHA256SUMS.{fields(volume, 'name:str packs:list')[0]}" for volume in volumes]
        require(0 < packs <= 999_999 and "/" not in "".join(sums), "seal.json: lengths of stream and packs, or volumes")
        self.packs = [f"packs/{n // 1000:04}/{n:06}.age" for n in range(packs)]
        groups, parity_packs = self.group_names(parities, sums) if parities is not None else ([], [])
        names = ["RECOVER.txt", "catalogue.age", "index.age", "keys.age", *sums, *self.packs, *parity_packs]
        require([subject["name"] for subject in subjects] == sorted(names), "seal.json: subjects")
        said = [fields(subject, "name:str digest:dict annotations:dict") for subject in subjects]
        self.files = {name: fields(digest, "sha256:str") + fields(notes, "size:int") for name, digest, notes in said}
        self.groups = {}
        for group in groups:
            self.groups |= dict.fromkeys(group[0], self.group(*group))
        for name in self.files.keys() - [*self.packs, *parity_packs]:
            self.copy_verified(name)
        keys: Any = re.fullmatch(KEYS, self.decrypted("keys.age", identity, "keys").read_text())
        require(keys and keys[1] == self.nonce, "keys.age: not the keys of this bundle")
        require(keys[3].startswith(SUITES[self.suite]), f"keys.age: its identity is not of the suite {self.suite}")
        self.tent, self.identity = keys[2], keys[3].encode()

    def group_names(self, parities: dict[str, Any], sums: list[str]) -> tuple[list[Any], list[str]]:
        """The data packs and parity packs of each group, and all parity packs (4.1, 5.6)."""
        said, volumes = fields(parities, "groups:list volumes:list")
        held = [f"SHA256SUMS.{fields(volume, 'name:str packs:list')[0]}" for volume in volumes]
        require(held == sums, "seal.json: other volumes of parity packs")
        groups: list[Any] = []
        grouped, parity_packs = set[str](), list[str]()
        for ranges, count in (fields(group, "packs:list parity:int") for group in said):
            inside = all(0 <= first < end <= len(self.packs) and step > 0 for first, end, step in ranges)
            names = (name for first, end, step in ranges for name in self.packs[first:end:step])
            packs, before = list(itertools.islice(names, 1024)) if inside else [], len(grouped)
            grouped |= set(packs)
            require(0 < count <= len(packs) <= 1024 - count, "seal.json: a group of too few or too many packs")
            require(len(grouped) == before + len(packs), "seal.json: a pack is in two groups")
            own = range(len(parity_packs), len(parity_packs) + count)
            groups.append((packs, [f"parity/{n // 1000:04}/{n:06}.rs" for n in own]))
            parity_packs += groups[-1][1]
        return groups, parity_packs

    def group(self, packs: list[str], parity_packs: list[str]) -> tuple[list[str], parity.Group]:
        """The files of a group, and what mends it."""
        names = packs + parity_packs

        def read(shard: int, offset: int, length: int) -> bytes:
            with contextlib.suppress(OSError, ValueError), self.open(names[shard]) as file:
                file.seek(offset)
                return file.read(length)
            return b""
        group = parity.Group([self.files[name][1] for name in packs], len(parity_packs), read)
        good = all(self.files[name][1] == group.file_size for name in parity_packs) and group.file_size <= 2 * GIB
        require(good, f"seal.json: the size of {parity_packs[0]} or of another parity pack of its group")
        return names, group

    def open(self, name: str) -> BinaryIO:
        """A regular file on whichever volume has it; never through a link, never waiting for a pipe (2)."""
        folder = next((folder for folder in self.folders if os.path.lexists(folder / name)), self.folders[0])
        file = os.fdopen(os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
        require(os.path.isfile(file.fileno()), f"{name}: not a regular file")
        return file

    def copy_verified(self, name: str) -> Path:
        """A copy of a file of the bundle, mended if need be."""
        with contextlib.suppress(OSError, ValueError):
            return self.copy(name)
        if name in self.groups and name not in self.mended:
            self.mend(*self.groups[name])
        return self.copy(name)

    def copy(self, name: str) -> Path:
        """Reads a file of the bundle once, into a copy that is used only if its digest is the seal's (4.4)."""
        copy, digest, (expected, size) = self.work / "copy", hashlib.sha256(), self.files[name]
        source = self.mended[name].open("rb") if name in self.mended else self.open(name)
        with source, copy.open("wb") as target:
            while target.tell() <= size and (data := source.read(MIB)):
                digest.update(data)
                target.write(data)
            require((target.tell(), digest.hexdigest()) == (size, expected), f"{name}: not the file in the seal")
        return copy

    def mend(self, names: list[str], group: parity.Group) -> None:
        """Makes the bad data packs of a group anew; whoever takes one holds it to the seal, as any other file."""
        bad = []
        for shard, name in enumerate(names):
            try:
                self.copy(name)
            except (OSError, ValueError):
                bad.append(shard)
        paths = {shard: self.work / f"mended-{shard}-of-{Path(names[0]).name}" for shard in bad if shard < group.data}
        with contextlib.ExitStack() as stack:
            targets = {shard: stack.enter_context(path.open("wb")) for shard, path in paths.items()}
            try:
                for stripes in group.mended(bad):
                    for shard, stripe in stripes.items():
                        targets[shard].write(stripe[: group.sizes[shard] - targets[shard].tell()])
            except ValueError as fault:
                raise ValueError(f"{', '.join(names[shard] for shard in bad)}: {fault}") from None
        self.mended |= {names[shard]: path for shard, path in paths.items()}
        print("mended from parity packs:", *(names[shard] for shard in paths))

    def decrypted(self, name: str, identity: str = "-", plain: str = "plain") -> Path:
        """Appends the plaintext of a file of the bundle to a work file."""
        command = ["age", "-d", "-i", identity, str(self.copy_verified(name))]
        with (self.work / plain).open("ab") as target:
            failed = subprocess.run(command, input=self.identity, stdout=target).returncode
        require(not failed, f"{name}: age fails{TOO_OLD if self.suite == 'age-pq' else ''}")
        return self.work / plain

    def restore(self, tree: Path) -> dict[str, int]:
        """Writes the artifacts; returns the catalogue's totals."""
        self.tree, self.ends = tree, array.array("Q", [0])  # content[ends[n]:ends[n + 1]] is chunk n
        tables = [self.decrypted(f"{name}.age", plain=name) for name in ("catalogue", "index")]
        with unzstd(tables[0]) as catalogue, unzstd(tables[1]) as index, open(self.work / "content", "w+b") as content:
            self.catalogue, self.index, self.content = Table(catalogue), Table(index), content
            _, (version, nonce, tent, _, _, _, totals) = self.catalogue.record({"head": CATALOGUE_HEAD})
            require((version, nonce.hex(), tent) == (1, self.nonce, self.tent), "catalogue.age: its head")
            _, (version, index_nonce, stream_end, chunks, files) = self.index.record({"head": INDEX_HEAD})
            require((version, index_nonce, files) == (1, nonce, fields(totals, TOTALS)[1]), "index.age: its head")
            for number, name in enumerate(self.packs, 1):  # the stream is their plaintexts, joined (5.5)
                path, end = self.decrypted(name, plain="stream"), min(self.pack * number, self.length)
                require(path.stat().st_size == end, f"{name}: not the length of stream that the seal says")
            with path.open("rb") as stream:
                room = shutil.disk_usage(tree).free - totals["bytes"]
                for first in range(0, chunks, 16):
                    self.decode(stream, min(16, chunks - first), room)
                require(stream.tell() == stream_end, "index.age: chunks that end before the stream")
            path.unlink()
            self.write_entries(totals)
            require(self.index.record({"end": INDEX_END})[1] == [chunks, files], "index.age: totals")
        return dict(totals)

    def decode(self, stream: BinaryIO, count: int, room: int) -> None:
        """Appends the next chunks of the stream to the content (5.2, 7.2); one zstd process for all of them."""
        path, decoders = self.work / "frames", []
        with path.open("wb") as frames:
            frames.write(MAGIC + bytes.fromhex("2000010000"))  # a frame of nothing: zstd takes no empty file
            for _ in range(count):
                _, (_, offset, stored, length, coding) = self.index.record({"chunk": CHUNK})
                good = stored == length if coding == "store" else coding in ("zstd", "planes") and 0 < stored < length
                require(good and offset == stream.tell() and 0 < length <= 4 * MIB, "index.age: the numbers of a chunk")
                self.ends.append(self.ends[-1] + length)
                require(self.ends[-1] <= room, "no room for the chunks")
                decoders.append(decoder(coding, stream.read(stored), length, frames))
        with unzstd(path) as zstd:
            self.content.writelines(chunk(zstd) for chunk in decoders)

    def write_entries(self, totals: dict[str, int]) -> None:
        """The rest of the catalogue (6.2 to 6.6)."""
        left, artifact, parts, folders, locked = dict(totals), "", (), [], []
        while (record := self.catalogue.record(ENTRIES))[0] != "end":
            (kind, (name, *values)), last = record, parts
            if kind == "artifact":
                artifact, last, values = "{}:{}".format(*fields(name, "name:str version:str")), (), [0o777]
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
                self.write_file(path, totals["files"] - left["files"] - 1, *values)
            else:
                path.mkdir(values[0] | 0o700, parents=kind == "artifact")
                folders.append(parts)
                locked += [(path, values[0])] if values[0] & 0o700 != 0o700 else []
        for path, mode in reversed(locked):
            path.chmod(path.stat().st_mode & mode)
        require(record[1] == list(totals.values()) and not any(left.values()), "catalogue.age: totals")

    def write_file(self, path: Path, number: int, mode: int, size: int, sha256: bytes) -> None:
        """Joins the chunks of a file's recipe (7.3)."""
        digest, more = hashlib.sha256(), True
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
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


if __name__ == "__main__":
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
            totals = (bundle := Bundle(arguments.folders, arguments.identity, Path(work))).restore(tree)
            done = tree / (arguments.artifact or "")
            require(re.fullmatch(ARTIFACT, arguments.artifact or "A:1") and done.is_dir(), "no such artifact there")
            os.sync()
            done.rename(arguments.out)
    except (OSError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as fault:
        raise SystemExit(f"error: {fault}\nnothing was restored") from None
    print(f"restored {totals['files']} files, {totals['bytes']} bytes, each file with the SHA-256 in the catalogue")
    print("NOT checked: chunk ids, and the signature over this seal (RECOVER.txt says how):", bundle.id)
