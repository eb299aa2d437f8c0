SETTINGS = {"agent": "bot", "depth": 2, "hosts": [], "delay_s": 0.5}


def load(text):
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if not line:
            continue
        key, _, value = line.partition("=")
        key, value = key.strip(), value.strip()
        if key == "hosts":
            SETTINGS[key] = [h.strip() for h in value.split(",") if h.strip()]
        elif key == "depth":
            SETTINGS[key] = int(value)
        elif key == "delay_s":
            SETTINGS[key] = float(value)
        else:
            SETTINGS[key] = value
