"""Makes files that bear pickles, and files that don't, in the folders `refused` and `taken` of the one that is named."""

import bz2, gzip, io, json, lzma, os, pickle, struct, sys, tarfile, zipfile, zlib
from pathlib import Path

ROOT = Path(sys.argv[1])


class Calls:
    def __reduce__(self):
        return os.system, ("true",)


def refused(name, content):
    (ROOT / "refused").mkdir(exist_ok=True)
    (ROOT / "refused" / name).write_bytes(content)


def taken(name, content):
    (ROOT / "taken").mkdir(exist_ok=True)
    (ROOT / "taken" / name).write_bytes(content)


def zipped(members, method=zipfile.ZIP_STORED, large=False):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            with archive.open(name, "w", force_zip64=large) as member:
                member.write(content)
    return out.getvalue()


def tarred(members, format=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def array(descr, payload):
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': (1,), }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + payload


CALL = pickle.dumps(Calls())
DATA = {"layers": [1, 2.5, None, True], "name": "model", "raw": ("t",)}
TEXT = b"The quick brown fox jumps over the lazy dog.\n" * 2000
TENSORS = json.dumps({"w": {"dtype": "U8", "shape": [100], "data_offsets": [0, 100]}}).encode()
SAFE = struct.pack("<Q", len(TENSORS)) + TENSORS + bytes(range(100))
LINES = b"".join(json.dumps({"text": f"line {n}"}).encode() + b"\n" for n in range(5000))

for protocol in range(6):
    refused(f"calls-{protocol}.safetensors", pickle.dumps(Calls(), protocol))
    refused(f"data-{protocol}.json", pickle.dumps(DATA, protocol))
refused("no-end", CALL[:-1] + b"\xff")
refused("two.bin", pickle.dumps(1, 0) + CALL)
magic = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
refused("torch-old.bin", magic + pickle.dumps({"little_endian": True}, 2) + CALL + b"\x00" * 1000)

torch = {"archive/data/0": b"\x00" * 5000, "archive/version": b"3\n", "archive/notes.txt": CALL}
refused("torch.safetensors", zipped(torch))
refused("torch-deflated.gguf", zipped(torch, zipfile.ZIP_DEFLATED))
refused("torch-large.bin", zipped(torch, large=True))
refused("torch-behind.txt", TEXT + zipped(torch))
refused("torch-before.bin", zipped(torch) + b"and more")
refused("zip-in-zip.bin", zipped({"inner.docx": zipped(torch)}))
refused("zip-in-deflated-zip.bin", zipped({"inner": zipped(torch)}, zipfile.ZIP_DEFLATED))
encrypted = bytearray(zipped({"secret": TEXT}))
encrypted[6] |= 1
encrypted[encrypted.rindex(b"PK\x01\x02") + 8] |= 1
refused("encrypted.zip", encrypted)
refused("method.zip", zipped({"member": TEXT}, zipfile.ZIP_LZMA))
disagreeing = bytearray(zipped({"readme.txt": TEXT}))
disagreeing[30:36] = b"weight"
refused("disagreeing.zip", disagreeing)
counted = bytearray(zipped({"one": TEXT, "two": TEXT}))
counted[-12:-10] = struct.pack("<H", 1)
refused("miscounted.zip", counted)
refused("broken.zip", zipped({"member": TEXT})[:-30])
commented = zipped({"one": TEXT})
inner = zipped({"data.pkl": CALL})
refused("two-directories.zip", commented[:-2] + struct.pack("<H", len(inner)) + inner)

refused("objects.npy", array("|O", pickle.dumps([DATA])))
refused("fields.npy", array([("a", "<f4"), ("b", "|O")], pickle.dumps([DATA])))
refused("objects.npz", zipped({"x.npy": array("<f4", b"\0" * 4), "y.npy": array("|O", b"")}))

for name, format in [("pax", tarfile.PAX_FORMAT), ("gnu", tarfile.GNU_FORMAT), ("ustar", tarfile.USTAR_FORMAT)]:
    refused(f"{name}.tar", tarred({"readme": TEXT, "n" * 90 + "/" + "x" * 20: CALL}, format))
refused("tar.gz", gzip.compress(tarred({"readme": TEXT, "weights.bin": CALL})))
refused("tar-of-zip.tar", tarred({"a": SAFE, "b": zipped(torch)}))
refused("tar-of-zip.tar.gz", gzip.compress(tarred({"a": SAFE, "b": zipped(torch, zipfile.ZIP_DEFLATED)})))
refused("broken.tar", tarred({"a": TEXT})[:3000])
refused("pickle.gz", gzip.compress(CALL))
refused("joblib.z", zlib.compress(CALL + TEXT))
refused("pickle.bz2", bz2.compress(CALL))
refused("pickle.xz", lzma.compress(CALL))
refused("pickle.lzma", lzma.compress(CALL, lzma.FORMAT_ALONE))
refused("broken.gz", gzip.compress(TEXT)[:50])
deep = TEXT
for _ in range(12):
    deep = gzip.compress(deep)
refused("deep.gz", deep)

taken("model.safetensors", SAFE)
taken("config.json", json.dumps(DATA).encode())
taken("lines.jsonl", LINES)
taken("lines.jsonl.gz", gzip.compress(LINES))
taken("text.tar.gz", gzip.compress(tarred({"readme": TEXT, "model": SAFE, "lines": LINES})))
taken("text.zip", zipped({"readme": TEXT, "folder/": b"", "model": SAFE}, zipfile.ZIP_DEFLATED))
taken("zips.zip", zipped({"a.zip": zipped({"readme": TEXT}), "b.zip": zipped({"readme": TEXT})}))
taken("floats.npy", array("<f4", b"\0" * 4))
taken("named.npy", array([("Open", "<f8"), ("O", "<i4")], b"\0" * 12))
taken("floats.npz", zipped({"x.npy": array("<f4", b"\0" * 4)}))
taken("words.txt", b"cat\ndog\nelephant\n")
taken("code.py", b"import os\nimport sys\nprint(os.name)\n")
taken("c.txt", b"comment\nc\nimport pickle\n")
taken("empty", b"")
taken("zeros", bytes(100_000))
