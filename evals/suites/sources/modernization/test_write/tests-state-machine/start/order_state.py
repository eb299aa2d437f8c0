class StateError(Exception):
    pass


STEPS = {
    ("new", "pay"): "paid",
    ("new", "cancel"): "cancelled",
    ("paid", "ship"): "shipped",
    ("paid", "cancel"): "cancelled",
    ("shipped", "deliver"): "delivered",
}


class Order:
    """An order on its way: new, paid, shipped, delivered; it can be cancelled until it is shipped, and paid money is given back."""

    def __init__(self, cents):
        self.cents = cents
        self.state = "new"
        self.history = ["new"]
        self.refunded = 0
        self.listeners = []

    def handle(self, event):
        """Take the next step and return the new state.

        Listeners are called as `listener(state before, state after)` when the step is done. An event that does not fit raises
        StateError and changes nothing.
        """
        target = STEPS.get((self.state, event))
        if target is None:
            raise StateError(f"cannot {event} an order that is {self.state}")
        if event == "cancel" and self.state == "paid":
            self.refunded = self.cents
        before = self.state
        self.state = target
        self.history.append(target)
        for listener in self.listeners:
            listener(before, target)
        return target

    @property
    def is_open(self):
        """Whether anything can still happen."""
        return self.state not in ("delivered", "cancelled")
