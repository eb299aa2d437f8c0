"""The order of those who wait: criticality first, then tenants in turn, then first come, first served."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from routerkit.fair_queue import PRIORITIES, FairQueue, Priority, Ticket


def joined(queue: FairQueue, tenant: str, priority: Priority = "agent", *, at_most: int | None = None) -> Ticket:
    ticket = queue.join(priority, tenant, at_most=at_most)
    assert ticket is not None
    return ticket


def served(queue: FairQueue, tickets: list[Ticket]) -> list[Ticket]:
    """All tickets in the order of their turns."""
    order = []
    while len(queue):
        (first,) = [t for t in tickets if not t.is_shed and t not in order and queue.n_before(t) == 0]
        queue.leave(first)
        order.append(first)
    return order


def test_what_matters_more_comes_first():
    queue = FairQueue()
    tickets = [joined(queue, "a", priority) for priority in ("batch", "agent", "interactive", "batch")]
    assert [2, 1, 0, 3] == [tickets.index(t) for t in served(queue, tickets)]


def test_tenant_with_one_request_does_not_wait_for_all_of_another():
    queue = FairQueue()
    many = [joined(queue, "many") for _ in range(50)]
    one = joined(queue, "one")
    assert 1 == queue.n_before(one)
    assert 1 == served(queue, [*many, one]).index(one)


def test_turns_already_taken_do_not_count_for_ever():
    """Who was served a hundred times while nobody else waited is not behind a newcomer by a hundred turns."""
    queue = FairQueue()
    for _ in range(100):
        queue.leave(joined(queue, "old"))
    old, new = [joined(queue, "old") for _ in range(2)], [joined(queue, "new") for _ in range(2)]
    order = served(queue, [*old, *new])
    assert [old[0], new[0], old[1], new[1]] == order


def test_full_queue_sheds_what_matters_least():
    queue = FairQueue()
    batch = [joined(queue, "a", "batch", at_most=3) for _ in range(3)]
    assert queue.join("batch", "a", at_most=3) is None
    joined(queue, "a", "interactive", at_most=3)
    assert [False, False, True] == [t.is_shed for t in batch]
    assert 3 == len(queue)


def test_full_queue_sheds_the_tenant_with_most_in_it():
    """And goes on doing so: being shed gives nobody a better turn."""
    queue = FairQueue()
    many = [joined(queue, "many", at_most=10) for _ in range(10)]
    few = [joined(queue, "few", at_most=10) for _ in range(5)]
    assert [5, 0] == [sum(t.is_shed for t in tickets) for tickets in (many, few)]
    assert queue.join("agent", "many", at_most=10) is None


@given(st.lists(st.tuples(st.sampled_from(PRIORITIES), st.sampled_from("abc"), st.booleans()), max_size=40))
def test_queue_is_bounded_and_every_ticket_ends_once(steps):
    """Whatever comes and goes: never more than the bound, nobody is behind a ticket that matters less, all can leave."""
    queue, tickets = FairQueue(), []
    for priority, tenant, gives_up in steps:
        if (ticket := queue.join(priority, tenant, at_most=5)) is not None:
            tickets.append(ticket)
        if gives_up and tickets:
            queue.leave(tickets.pop(0))
    assert len(queue) <= 5
    waiting = [t for t in tickets if not t.is_shed]
    assert len(waiting) == len(queue)
    order = served(queue, waiting)
    assert sorted(t.rank for t in order) == [t.rank for t in order]
