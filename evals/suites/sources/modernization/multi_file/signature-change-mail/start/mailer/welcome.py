from mailer.transport import send


def welcome(user):
    return send(user["mail"], "Welcome " + user["name"], "<h1>Hello</h1>", True, None, False)


def remind(user, boss=None):
    return send(user["mail"], "Reminder", "Please answer.", False, boss and [boss], True)
