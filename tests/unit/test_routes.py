"""Requests that sound like examples."""

from __future__ import annotations

import pytest

from routerkit import Request, Router, RouterState
from routerkit.catalog import Pool
from routerkit.config import parse
from routerkit.decision import Decision
from routerkit.errors import ConfigError
from routerkit.phrases import Phrases
from routerkit.routes import Route, RouteBook
from routerkit.testing import make_target
from tests.unit.config_text import GOOD

MIGRATIONS = Route("migrations", ("port this module to python 3", "migrate the project to the new api"), kind="migrate", prefer=("big",))
TESTS = Route("tests", ("write unit tests for this class", "add test coverage"), only=("small",))
QUERIES = Route("queries", ("why is this query slow", "add an index to the table"), avoid=("small",))
ROUTES = (MIGRATIONS, TESTS, QUERIES)


def decide(text: str, *routes: Route, kind: str | None = None, model: str = "pool") -> Decision:
    pool = Pool("pool", (make_target("small", usd=1.0), make_target("big", usd=9.0)), "cheapest")
    router = Router(RouterState({"pool": pool}, {}, routes=RouteBook(routes or ROUTES)))
    return router.decide(Request(model, ({"role": "user", "content": text},), kind=kind))


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("Could you please port this script to Python 3.12?", "migrations"),
        ("we are migrating our service to the new API version", "migrations"),
        ("I need unit test coverage for billing", "tests"),
        ("Our slow query needs an index", "queries"),
        ("Unit tests for the class below, better covrage", "tests"),
        ("Hello!\n\nThis belongs to the shop. Please add test coverage.\n```\ndef migrate_project_to_new_api(): ...\n```", "tests"),
        ("Some context first. " * 300 + "\nNow port the module to Python 3.", "migrations"),
    ],
)
def test_request_finds_the_route_whose_examples_it_sounds_like(text, route):
    """Other inflections, typos, politeness around it and code below it do not matter; the first match is the one that applies."""
    assert (route, True) == (decide(text).matches[0].route, decide(text).matches[0].is_met)


@pytest.mark.parametrize(
    "text",
    ["", "Write a poem about the sea", "What is the weather in Paris?", "Here is my class:", "def write_unit_tests(): pass", "东京", "🙂"],
)
def test_request_about_something_else_matches_nothing(text):
    """Neither do single words in common."""
    assert not any(m.is_met for m in decide(text).matches)


def test_route_sets_the_kind_and_acts_like_a_rule():
    """`prefer` outweighs the policy, and the decision names the route in both places."""
    decision = decide("port this module to python 3")
    assert ("big", "migrate", "route migrations", "route migrations") == (
        decision.picked,
        decision.features.kind,
        decision.features.kind_source,
        decision.rule,
    )
    assert "route 'migrations': 1.00 >= 0.50, like 'port this module to python 3'" in decision.explain()


def test_kind_that_the_caller_names_wins():
    """A route may guess; whoever asks knows."""
    facts = decide("port this module to python 3", kind="explain").features
    assert ("explain", "hint") == (facts.kind, facts.kind_source)


def test_only_of_a_route_drops_the_others():
    """The candidate says which route it was."""
    big = decide("add test coverage").candidate("big")
    assert ("rule", "rule 'route tests' allows only small") == big.drop


def test_most_similar_of_several_routes_applies_and_the_others_are_shown():
    """Routes do not add up as rules do."""
    decision = decide("add test coverage for the slow query, and add an index to the table")
    assert ["queries", "tests"] == [m.route for m in decision.matches]
    assert "route queries" == decision.rule


def test_route_that_comes_close_is_shown_and_does_not_apply():
    """Whoever tunes a threshold wants to see what missed it."""
    strict = Route("migrations", MIGRATIONS.utterances, threshold=0.9, prefer=("big",))
    decision = decide("port the script to python 3.12", strict, TESTS)
    assert ("small", None) == (decision.picked, decision.rule)
    assert "route 'migrations': 0.6" in decision.explain()
    assert "< 0.90, like 'port this module to python 3'" in decision.explain()


def test_matches_survive_the_ledger():
    """A stored decision explains itself as the live one did."""
    decision = decide("port this module to python 3")
    assert decision.explain() == Decision.from_dict(decision.to_dict()).explain()


def test_every_phrase_is_wholly_like_itself_and_order_of_words_does_not_matter():
    """Scores are at most 1, and 1 for the same words."""
    texts = [*(u for route in ROUTES for u in route.utterances), "refactor", "refactor the query"]
    phrases = Phrases([[text] for text in texts])
    for i, text in enumerate(texts):
        backwards = " ".join(reversed(text.split()))
        assert (1.0, text) == (pytest.approx(phrases.likeness(backwards)[i].score), phrases.likeness(text)[i].phrase)
        assert all(0.0 <= likeness.score <= 1.0 for likeness in phrases.likeness(text))


ROUTED = GOOD + '\n[[routes]]\nname = "port"\nutterances = ["port this module to python 3"]\nprefer = ["mini"]\n'


def test_classifier_without_routes_is_refused():
    """It would have nothing to choose among."""
    with pytest.raises(ConfigError, match=r"classifier: there are no routes to choose among; add \[\[routes\]\]"):
        parse(GOOD + '[classifier]\ntarget = "mini"\n')


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('prefer = ["mini"]\n', "", "routes[0]: route 'port' does nothing; add kind, or only, prefer or avoid"),
        ('utterances = ["port this module to python 3"]\n', "", "routes[0]: route 'port' matches nothing; add utterances"),
        ('"port this module to python 3"', '"?!"', "routes[0].utterances: '?!' has no word in it"),
        ('prefer = ["mini"]\n', 'prefer = ["min"]\n', "routes[0].prefer: unknown target 'min'; did you mean 'mini'?"),
        ('prefer = ["mini"]\n', 'kind = "migrat"\n', "routes[0].kind: unknown task kind 'migrat'; did you mean 'migrate'?"),
        ('prefer = ["mini"]\n', 'prefer = ["mini"]\navoid = ["mini"]\n', "routes[0].avoid: 'mini' is also wanted by only or prefer"),
        ('prefer = ["mini"]\n', 'prefer = ["mini"]\nthreshold = 0.0\n', "routes[0].threshold: 0.0 should be greater than 0"),
        ('prefer = ["mini"]\n', 'prefer = ["mini"]\nutterence = "x"\n', "routes[0].utterence: unknown key; did you mean 'utterances'?"),
        (
            'prefer = ["mini"]\n',
            'prefer = ["mini"]\n[classifier]\ntarget = "min"\n',
            "classifier.target: unknown target 'min'; did you mean",
        ),
        (
            'prefer = ["mini"]\n',
            'prefer = ["mini"]\n[[routes]]\nname = "port"\nutterances = ["x y"]\nkind = "migrate"\n',
            "routes[1].name: 'port' is also the name of route 1",
        ),
        (
            'prefer = ["mini"]\n',
            'prefer = ["mini"]\n[[routes]]\nname = "up"\nutterances = ["Port the module to Python 3, please"]\nkind = "migrate"\n',
            "routes[0].utterances: 'port this module to python 3' is nearly the same as 'Port the module to Python 3, please' of route",
        ),
    ],
)
def test_route_that_cannot_work_is_refused_in_one_line(old, new, told):
    """With line, key, value and remedy."""
    rules, routes = ROUTED.split("[[routes]]", 1)
    with pytest.raises(ConfigError) as caught:
        parse(f"{rules}[[routes]]{routes.replace(old, new, 1)}")
    assert told in str(caught.value)
    assert 1 == len(str(caught.value).splitlines())
