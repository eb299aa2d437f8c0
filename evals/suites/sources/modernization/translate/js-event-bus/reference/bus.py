class Bus:
    def __init__(self):
        self._listeners = {}
        self.errors = []

    def on(self, name, listener):
        return self._add(name, listener, listener)

    def once(self, name, listener):
        def call(*args):
            self.off(name, call)
            listener(*args)

        return self._add(name, listener, call)

    def _add(self, name, original, call):
        self._listeners[name] = [*self._listeners.get(name, []), (original, call)]
        active = True

        def stop():
            nonlocal active
            if active:
                active = False
                self.off(name, call)

        return stop

    def off(self, name, listener):
        """Removes the registration made last."""
        entries = self._listeners.get(name, [])
        for i in reversed(range(len(entries))):
            if listener in entries[i]:
                self._listeners[name] = entries[:i] + entries[i + 1 :]
                return True
        return False

    def emit(self, name, *args):
        keys = [name, name.split(":")[0] + ":*", "*"] if ":" in name else [name, "*"]
        n = 0
        for key in keys:
            for _, call in self._listeners.get(key, []):
                try:
                    call(*args)
                    n += 1
                except Exception as exc:
                    self.errors.append(exc)
        return n

    def listener_count(self, name):
        return len(self._listeners.get(name, []))
