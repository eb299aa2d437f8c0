outbox = []


def send(message, *, urgent=False):
    if "@" not in message.to:
        raise ValueError(f"bad address {message.to}")
    subject = f"[!] {message.subject}" if urgent else message.subject
    outbox.append({"to": message.to, "subject": subject, "body": message.body, "html": message.html, "cc": list(message.cc)})
    return len(outbox)
