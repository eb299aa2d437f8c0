from mailer.message import Message
from mailer.transport import send


def welcome(user):
    return send(Message(user["mail"], "Welcome " + user["name"], "<h1>Hello</h1>", html=True))


def remind(user, boss=None):
    cc = (boss,) if boss else ()
    return send(Message(user["mail"], "Reminder", "Please answer.", cc=cc), urgent=True)
