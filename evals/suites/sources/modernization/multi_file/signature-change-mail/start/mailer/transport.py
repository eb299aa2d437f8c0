outbox = []


def send(to, subject, body, html, cc, urgent):
    if "@" not in to:
        raise ValueError("bad address %s" % to)
    if cc is None:
        cc = []
    if urgent:
        subject = "[!] " + subject
    outbox.append({"to": to, "subject": subject, "body": body, "html": html, "cc": list(cc)})
    return len(outbox)
