"""Makes damaged and lost packs anew from parity packs, by formats/SPEC.md (5.6); recover.py uses it.

Plain linear algebra: no transforms, no packages. A whole stripe is multiplied at once, through tables of 256 bytes.
BLAKE3 is only needed, and slow (a megabyte a second), where more files of a group are bad than it has parity packs.
"""

import functools
import struct
from collections.abc import Callable, Collection, Iterator

STRIPE, SUM = 65536, 8
BASIS = (0x0001, 0xACCA, 0x3C0E, 0x163E, 0xC582, 0xED2E, 0x914C, 0x4012)
BASIS += (0x6C98, 0x10D8, 0x6A72, 0xB900, 0xFDB8, 0xFB34, 0xFF38, 0x991E)
ELEMENT = [0]  # e(s) for each symbol s
for basis in BASIS:
    ELEMENT += [basis ^ element for element in ELEMENT]
SYMBOL = sorted(range(65536), key=ELEMENT.__getitem__)
POWER, LOG = [1], [0] * 65536  # of x, whose powers are all elements but zero
for exponent in range(65535):
    LOG[POWER[exponent]] = exponent
    POWER.append(POWER[exponent] << 1 ^ (0x1002D if POWER[exponent] >> 15 else 0))


def multiply(a: int, b: int) -> int:
    return POWER[(LOG[a] + LOG[b]) % 65535] if a and b else 0


def divide(a: int, b: int) -> int:
    return POWER[(LOG[a] - LOG[b]) % 65535] if a else 0


def factor(i: int, j: int, parity: int) -> int:
    """Of data shard j in recovery shard i."""
    width = 1 << (parity - 1).bit_length()
    return divide(ELEMENT[1 + j // width], ELEMENT[i ^ (width + j)])


def inverse(matrix: list[list[int]]) -> list[list[int]]:
    """By elimination."""
    size = len(matrix)
    rows = [row + [int(at == n) for at in range(size)] for n, row in enumerate(matrix)]
    for at in range(size):
        pivot = next(n for n in range(at, size) if rows[n][at])
        rows[at], rows[pivot] = rows[pivot], rows[at]
        rows[at] = [divide(value, rows[at][at]) for value in rows[at]]
        for n in range(size):
            if n != at and (times := rows[n][at]):
                rows[n] = [value ^ multiply(times, by) for value, by in zip(rows[n], rows[at], strict=True)]
    return [row[size:] for row in rows]


@functools.lru_cache(16)
def weights(lost: tuple[int, ...], used: tuple[int, ...], data: int, parity: int) -> list[dict[int, int]]:
    """For each lost data shard, what the others and the used recovery shards, as many as are lost, count in it."""
    solution, kept = inverse([[factor(i, j, parity) for j in lost] for i in used]), set(range(data)).difference(lost)
    result = []
    for row in solution:
        result.append({data + i: by for i, by in zip(used, row, strict=True)})
        for j in kept:
            products = (multiply(by, factor(i, j, parity)) for i, by in zip(used, row, strict=True))
            result[-1][j] = functools.reduce(int.__xor__, products)
    return result


@functools.lru_cache(8192)
def tables(constant: int) -> tuple[bytes, bytes, bytes, bytes]:
    """The products of a constant with all low halves of a symbol, low and high half of each, and with all high ones."""
    products = [[SYMBOL[multiply(constant, ELEMENT[n << shift])] for n in range(256)] for shift in (0, 8)]
    low, high = ([bytes(n >> shift & 255 for n in row) for shift in (0, 8)] for row in products)
    return low[0], low[1], high[0], high[1]


def weighed_sum(stripes: dict[int, bytes], by: dict[int, int], length: int) -> bytes:
    """The sum of stripes, each multiplied with its constant."""
    mask = int.from_bytes((b"\xff" * 32 + bytes(32)) * (length // 64), "little")
    total = 0
    for shard, constant in by.items():
        # Stripes as numbers, first byte lowest: the high halves of 32 symbols stand 256 bits above the low ones.
        number = int.from_bytes(stripes[shard], "little")
        low, high = (half.to_bytes(length, "little") for half in (number & mask, number >> 256 & mask))
        products = zip((low, low, high, high), tables(constant), strict=True)
        parts = [int.from_bytes(half.translate(table), "little") for half, table in products]
        total ^= parts[0] ^ parts[2] ^ (parts[1] ^ parts[3]) << 256
    return total.to_bytes(length, "little")


def blake3_sum(data: bytes) -> bytes:
    """The first bytes of the BLAKE3 of a stripe."""
    def mix(v: list[int], a: int, b: int, c: int, d: int, x: int, y: int) -> None:
        for word, left, right in ((x, 16, 12), (y, 8, 7)):
            v[a] = v[a] + v[b] + word & 0xFFFFFFFF
            turned = v[d] ^ v[a]
            v[d] = (turned >> left | turned << 32 - left) & 0xFFFFFFFF
            v[c] = v[c] + v[d] & 0xFFFFFFFF
            turned = v[b] ^ v[c]
            v[b] = (turned >> right | turned << 32 - right) & 0xFFFFFFFF

    def compress(chain: tuple[int, ...], block: bytes, counter: int, flags: int) -> tuple[int, ...]:
        words = struct.unpack("<16I", block.ljust(64, b"\0"))
        v = [*chain, *START[:4], counter & 0xFFFFFFFF, counter >> 32, len(block), flags]
        for _ in range(7):
            for n in range(8):  # the columns, then the diagonals
                turn = n // 4
                a, b, c, d = n % 4, 4 + (n + turn) % 4, 8 + (n + 2 * turn) % 4, 12 + (n + 3 * turn) % 4
                mix(v, a, b, c, d, words[2 * n], words[2 * n + 1])
            words = tuple(words[n] for n in (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8))
        return tuple(v[n] ^ v[n + 8] for n in range(8))

    def tree(data: bytes, chunk: int, root: int) -> tuple[int, ...]:
        if len(data) <= 1024:
            chain, last = START, max(len(data) - 1, 0) // 64
            for n in range(last + 1):
                flags = (n == 0) | (n == last) << 1 | (root if n == last else 0)
                chain = compress(chain, data[64 * n : 64 * n + 64], chunk, flags)
            return chain
        half = 1 << ((len(data) - 1) // 1024).bit_length() - 1
        parts = tree(data[: half * 1024], chunk, 0) + tree(data[half * 1024 :], chunk + half, 0)
        return compress(START, struct.pack("<16I", *parts), 0, 4 | root)

    return struct.pack("<8I", *tree(data, 0, 8))[:SUM]


START = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)


class Group:
    """Data packs of these sizes and their parity packs. `read(shard, offset, length)` gives the bytes of a pack's file,
    data packs first, or fewer where it has no more or can't be read."""

    def __init__(self, sizes: list[int], parity: int, read: Callable[[int, int, int], bytes]) -> None:
        if not (1 <= parity <= len(sizes) <= 1024 - parity and 0 < max(sizes) <= 2**31):
            raise ValueError("a group of packs with too few, too many or too long ones")
        self.sizes, self.data, self.parity, self.read = sizes, len(sizes), parity, read
        self.shard = -(-max(sizes) // 64) * 64
        self.stripes = -(-self.shard // STRIPE)
        self.file_size = self.shard + SUM * (self.data + parity) * self.stripes

    def stripe(self, shard: int, number: int) -> bytes | None:
        """A stripe of a shard, or none where its file has not all of it."""
        start = number * STRIPE
        length = min(STRIPE, self.shard - start)
        there = min(length, max(0, self.sizes[shard] - start)) if shard < self.data else length
        found = self.read(shard, start, there) if there else b""
        return found.ljust(length, b"\0") if len(found) == there else None

    def sounds_good(self, shard: int, number: int, stripe: bytes) -> bool:
        """Whether the table of any parity pack has the sum of this stripe."""
        at, right = self.shard + SUM * (shard * self.stripes + number), blake3_sum(stripe)
        return any(self.read(self.data + i, at, SUM) == right for i in range(self.parity))

    def mended(self, bad: Collection[int]) -> Iterator[dict[int, bytes]]:
        """For each stripe what the bad data shards have there. Nothing proves that it is right but their digests."""
        for number in range(self.stripes):
            found = {shard: self.stripe(shard, number) for shard in range(self.data + self.parity)}
            stripes = {shard: stripe for shard, stripe in found.items() if stripe is not None and shard not in bad}
            if len(bad) > self.parity:  # what is left of them is needed
                rest = {shard: stripe for shard, stripe in found.items() if stripe is not None and shard in bad}
                stripes |= {shard: stripe for shard, stripe in rest.items() if self.sounds_good(shard, number, stripe)}
            lost = tuple(shard for shard in range(self.data) if shard not in stripes)
            used = tuple(i for i in range(self.parity) if self.data + i in stripes)[: len(lost)]
            if len(used) < len(lost):
                raise ValueError(f"stripe {number}: {len(lost)} bad packs and {len(used)} good parity packs")
            length = min(STRIPE, self.shard - number * STRIPE)
            for shard, by in zip(lost, weights(lost, used, self.data, self.parity), strict=True):
                stripes[shard] = weighed_sum(stripes, by, length)
            yield {shard: stripes[shard] for shard in bad if shard < self.data}
