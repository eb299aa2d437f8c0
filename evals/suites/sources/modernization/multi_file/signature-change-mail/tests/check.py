import dataclasses
import inspect

from checklib import *

from mailer import bulk, jobs, transport, welcome
from mailer.message import Message

signature = inspect.signature(transport.send)
same([(p.name, p.kind.name) for p in signature.parameters.values()], [("message", "POSITIONAL_OR_KEYWORD"), ("urgent", "KEYWORD_ONLY")])
assert dataclasses.is_dataclass(Message)
m = Message("a@b", "s", "b")
same((m.html, m.cc), (False, ()))
assert raises(dataclasses.FrozenInstanceError, setattr, m, "to", "x")
assert "isinstance" not in calls("mailer/transport.py")
box = transport.outbox
same(transport.send(m), 1)
same(box.pop(), {"to": "a@b", "subject": "s", "body": "b", "html": False, "cc": []})
same(transport.send(Message(to="a@b", subject="s", body="b", html=True, cc=("c@d",)), urgent=True), 1)
same(box.pop(), {"to": "a@b", "subject": "[!] s", "body": "b", "html": True, "cc": ["c@d"]})
same(m.subject, "s")
assert raises(TypeError, transport.send, "a@b", "s", "b", False, None, False) and raises(TypeError, transport.send, m, True)
same(str(error(ValueError, transport.send, Message("nobody", "s", "b"))), "bad address nobody")
same(box, [])
user = {"mail": "u@x", "name": "Uma"}
same(welcome.welcome(user), 1)
same(box.pop(), {"to": "u@x", "subject": "Welcome Uma", "body": "<h1>Hello</h1>", "html": True, "cc": []})
welcome.remind(user)
welcome.remind(user, boss="b@x")
same([x["cc"] for x in box], [[], ["b@x"]])
same(box[0], {"to": "u@x", "subject": "[!] Reminder", "body": "Please answer.", "html": False, "cc": []})
box.clear()
same(bulk.newsletter(["a@a", "wrong", "b@b"], 7), 2)
same([(x["to"], x["subject"], x["body"]) for x in box], [("a@a", "News 7", "Read on."), ("b@b", "News 7", "Read on.")])
box.clear()
bulk.alarm(["a@a", "b@b", "c@c"], "fire")
bulk.alarm(iter(["z@z"]), "smoke")
same(box, [{"to": "a@a", "subject": "[!] Alarm", "body": "fire", "html": False, "cc": ["b@b", "c@c"]},
           {"to": "z@z", "subject": "[!] Alarm", "body": "smoke", "html": False, "cc": []}])
box.clear()
jobs.run("invoice", {"mail": "i@i", "no": 12, "text": "pay", "copies": ["k@k"]})
jobs.run("invoice", {"mail": "i@i", "no": 13, "text": "pay", "html": True, "copies": None})
# Data of raw jobs is stored in old queues: its form cannot change.
jobs.run("raw", {"to": "r@r", "subject": "raw", "body": "x", "html": True, "cc": None, "urgent": True})
jobs.run("raw", {"to": "r@r", "subject": "raw", "body": "x", "html": False, "cc": ["q@q"], "urgent": False})
same(box, [{"to": "i@i", "subject": "Invoice 12", "body": "pay", "html": False, "cc": ["k@k"]},
           {"to": "i@i", "subject": "Invoice 13", "body": "pay", "html": True, "cc": []},
           {"to": "r@r", "subject": "[!] raw", "body": "x", "html": True, "cc": []},
           {"to": "r@r", "subject": "raw", "body": "x", "html": False, "cc": ["q@q"]}])
same(sorted(jobs.HANDLERS), ["invoice", "raw"])
