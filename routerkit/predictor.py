"""What the text of a request says about which target will get it right: a small linear correction to the measured table.

Fitted by `routerkit scores fit`, used here with the standard library only: no tokenizer, no network, well under a millisecond.
It speaks only about texts like those it was fitted on, and its words only for kinds of work where they have proven a gain; otherwise it
says why not, and the table, or the table and the length of the text, stand alone.
"""

from __future__ import annotations

import math
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

from routerkit.errors import ConfigError
from routerkit.lengths import Lengths

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA: Final = "rk-predictor/1"
N_SLOTS: Final = 1 << 14
"""Hash buckets. 2^14 loses nothing measurable against 2^16 on 7,000 prompts and keeps a head at 64 KiB."""
READ_CHARS: Final = 2_000
"""How much of a text is read; keeps the slowest text under a millisecond."""
_WORD: Final = re.compile(rb"[a-z]+|[0-9]+|[^\sa-z0-9]")
"""Over bytes: one encoding per text instead of one per word; other scripts become single bytes and their pairs."""
_PAIR: Final = b" ".join
_CLIP: Final = 3.0
"""Largest correction of a log-odds; a linear model that claims more is extrapolating."""

WordVector = dict[int, float]
"""Slot to weight, of length one."""


class Correction(NamedTuple):
    """What to add to the log-odds of success of each target."""

    by_target: Mapping[str, float]
    why_not: str = ""
    """Why the words add nothing; the length may."""
    is_strange: bool = False
    """Whether it is silent because the text is unlike those it was fitted on."""


SILENT: Final = Correction({})
"""No predictor, nothing to say, and nothing to explain."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Where the predictor may speak: one group of task kinds, and what its fit proved there.

    Raises:
        ValueError, TypeError, OverflowError: a number is none, or is not finite.
    """

    kinds: frozenset[str]
    n_labels: int
    """Labelled items behind the verdict."""
    gain: float
    """Quality gained over the table on items outside the fit, averaged over all operating points."""
    gain_low: float
    """One-sided 95 % lower bound of `gain`."""
    scale: float
    """Factor that makes the correction calibrated on such items."""
    reach: float
    """Least likeness to the fitted texts, 0..1; below it a text is out of domain."""
    is_open: bool
    """Whether `gain_low` is above 0 on enough labels."""

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.n_labels, self.gain, self.gain_low, self.scale, self.reach))):
            raise ValueError(f"a gate holds something that is not a number: {self}")


@dataclass(frozen=True, eq=False)
class Predictor:
    """Per-target corrections learned from recorded outcomes. Immutable."""

    heads: Mapping[str, array[float]]
    """Weight per slot, by target."""
    idf: array[float]
    """Rarity per slot: log((1 + texts) / (1 + texts with it)) + 1."""
    anchors: tuple[WordVector, ...]
    """Centres of the fitted texts, of length one."""
    gates: tuple[Gate, ...]
    lengths: Lengths = field(default_factory=Lengths)
    sources: Mapping[str, str] = field(default_factory=dict)
    """Provenance: files, n, date, command."""

    def correction(self, text: str, kind: str | None) -> Correction:
        """What `text` adds to each target's log-odds of success on this kind of work."""
        gate = self.gate(kind)
        if gate is None:
            return Correction({}, f"the predictor has never seen {kind or 'work of unknown kind'}")
        vector = word_vector(text, self.idf)
        # Most texts are near one of the first centres; only strangers are compared with all.
        if not any(_cosine(vector, anchor) >= gate.reach for anchor in self.anchors):
            return Correction({}, f"out of domain: likeness {self.likeness(vector):.2f} is below {gate.reach:.2f}", is_strange=True)
        by_length = self.lengths.by_target(text, kind or "")
        if not gate.is_open:
            return Correction(by_length, f"no proven gain over the table (lower bound {gate.gain_low:+.3f} on {gate.n_labels} labels)")
        return Correction({t: _clipped(gate.scale * dot(vector, head) + by_length.get(t, 0.0)) for t, head in self.heads.items()})

    def gate(self, kind: str | None) -> Gate | None:
        """The gate that decides about a kind; None when the fit has not seen it."""
        return next((g for g in self.gates if (kind or "") in g.kinds), None)

    def likeness(self, vector: WordVector) -> float:
        """Cosine to the nearest centre of the fitted texts, 0..1."""
        return max([_cosine(vector, anchor) for anchor in self.anchors], default=0.0)

    def to_json(self) -> str:
        """Text of a predictor file, with a hash over its contents."""
        import json  # only those who save or load a predictor need it, and base64 and hashlib

        body = _body(self)
        return json.dumps({"schema": SCHEMA, "sha256": _digest(body), **body}) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str = "predictor") -> Predictor:
        """Parse a predictor file.

        Raises:
            ConfigError: not a predictor, another schema, impossible numbers, or contents that do not match their hash.
        """
        import json  # as in `to_json`

        try:
            body = json.loads(text)
            schema, digest = body.pop("schema", None), body.pop("sha256", None)
            if schema != SCHEMA:
                raise ConfigError(f"{where}: schema {schema!r} is not {SCHEMA!r}; fit it again with `routerkit scores fit`")
            if digest != _digest(body):
                raise ConfigError(f"{where}: contents do not match their sha256; it was changed or cut; fit it again")
            return _parsed(body)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as exc:
            raise ConfigError(f"{where}: not a predictor ({exc}); fit it again with `routerkit scores fit`") from exc


def load_predictor(path: Path) -> Predictor:
    """Read a fitted predictor.

    Raises:
        ConfigError: the file cannot be read, is not a predictor, or fails its hash.
    """
    try:
        return Predictor.from_json(path.read_text("utf-8"), str(path))
    except FileNotFoundError as exc:
        raise ConfigError(f"{path}: no predictor there; make one with `routerkit scores fit`") from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path}: cannot read the predictor ({exc})") from exc


def slot_counts(text: str) -> dict[int, int]:
    """How often each hashed word and pair of words occurs. The same in every process: CRC-32, not `hash`."""
    words = _WORD.findall(text[:READ_CHARS].encode("utf-8", "replace").lower())
    return Counter([crc32(term) % N_SLOTS for term in chain(words, map(_PAIR, pairwise(words)))])


def word_vector(text: str, idf: array[float]) -> WordVector:
    """TF-IDF with logarithmic counts, scaled to length one; empty for a text without words.

    Source: Salton and Buckley 1988, weighting `ltc`.
    """
    raw = {slot: idf[slot] if n == 1 else (1.0 + math.log(n)) * idf[slot] for slot, n in slot_counts(text).items()}
    length = math.sqrt(sum([v * v for v in raw.values()]))
    return {slot: v / length for slot, v in raw.items()} if length else {}


def dot(vector: WordVector, head: array[float]) -> float:
    """Inner product of a text and a head."""
    return sum([v * head[slot] for slot, v in vector.items()])


def _cosine(vector: WordVector, anchor: WordVector) -> float:
    return sum([vector[s] * anchor[s] for s in anchor.keys() & vector.keys()])


def _clipped(value: float) -> float:
    return max(-_CLIP, min(_CLIP, value))


def _body(predictor: Predictor) -> dict[str, object]:
    return {
        "heads": {target: _packed(head) for target, head in predictor.heads.items()},
        "idf": _packed(predictor.idf),
        "anchors": [{str(slot): round(v, 5) for slot, v in anchor.items()} for anchor in predictor.anchors],
        "lengths": asdict(predictor.lengths),
        "gates": [{**{name: getattr(g, name) for name in g.__slots__}, "kinds": sorted(g.kinds)} for g in predictor.gates],
        "sources": dict(predictor.sources),
    }


def _parsed(body: Mapping[str, object]) -> Predictor:
    heads, anchors, gates, lengths, sources = (body[name] for name in ("heads", "anchors", "gates", "lengths", "sources"))
    if not (isinstance(heads, dict) and isinstance(anchors, list) and isinstance(gates, list)):
        raise TypeError("a part has the wrong type")
    if not (isinstance(lengths, dict) and isinstance(sources, dict)):
        raise TypeError("a part has the wrong type")
    return Predictor(
        {target: _unpacked(text) for target, text in heads.items()},
        _unpacked(body["idf"]),
        tuple({int(slot): float(v) for slot, v in anchor.items()} for anchor in anchors),
        tuple(Gate(**{**g, "kinds": frozenset(g["kinds"])}) for g in gates),
        Lengths(**lengths),
        sources,
    )


def _packed(values: Iterable[float]) -> str:
    import base64  # as in `to_json`
    import sys

    floats = array("f", values)
    if sys.byteorder == "big":
        floats.byteswap()  # files hold little-endian floats
    return base64.b64encode(floats.tobytes()).decode()


def _unpacked(text: object) -> array[float]:
    import base64  # as in `to_json`
    import sys

    if not isinstance(text, str):
        raise TypeError("weights are not text")
    floats = array("f")
    floats.frombytes(base64.b64decode(text, validate=True))
    if sys.byteorder == "big":
        floats.byteswap()
    if len(floats) != N_SLOTS or not all(map(math.isfinite, floats)):
        raise ValueError(f"{len(floats)} weights, or weights that are not numbers; expected {N_SLOTS} finite ones")
    return floats


def _digest(body: Mapping[str, object]) -> str:
    import hashlib  # as in `to_json`
    import json

    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
