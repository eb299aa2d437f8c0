import unittest

from order_state import Order, StateError


class OrderTest(unittest.TestCase):
    def setUp(self):
        self.order = Order(500)

    def run_events(self, *events):
        return [self.order.handle(event) for event in events]

    def test_way_of_an_order(self):
        self.assertTrue(self.order.is_open)
        self.assertEqual(self.run_events("pay", "ship", "deliver"), ["paid", "shipped", "delivered"])
        self.assertEqual(self.order.history, ["new", "paid", "shipped", "delivered"])
        self.assertFalse(self.order.is_open)
        self.assertEqual(self.order.refunded, 0)

    def test_cancel_new_order(self):
        self.assertEqual(self.run_events("cancel"), ["cancelled"])
        self.assertEqual(self.order.refunded, 0)
        self.assertFalse(self.order.is_open)

    def test_cancel_paid_order(self):
        self.assertEqual(self.run_events("pay", "cancel"), ["paid", "cancelled"])
        self.assertEqual(self.order.refunded, 500)

    def test_shipped_order_cannot_be_cancelled(self):
        self.run_events("pay", "ship")
        with self.assertRaises(StateError):
            self.order.handle("cancel")
        self.assertEqual(self.order.state, "shipped")

    def test_wrong_event_changes_nothing(self):
        for event in ("ship", "deliver", "fly"):
            with self.assertRaises(StateError):
                self.order.handle(event)
        self.assertEqual((self.order.state, self.order.history), ("new", ["new"]))

    def test_listeners(self):
        seen = []
        self.order.listeners.append(lambda before, after: seen.append((before, after, self.order.state, list(self.order.history))))
        self.order.handle("pay")
        self.assertEqual(seen, [("new", "paid", "paid", ["new", "paid"])])
