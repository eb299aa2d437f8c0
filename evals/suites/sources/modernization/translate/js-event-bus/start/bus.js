class Bus {
  constructor() { this.listeners = new Map(); this.errors = []; }

  on(name, listener) {
    if (!this.listeners.has(name)) this.listeners.set(name, []);
    this.listeners.get(name).push(listener);
    let active = true;
    return () => { if (active) { active = false; this.off(name, listener); } };
  }

  once(name, listener) {
    const wrapper = (...args) => { this.off(name, wrapper); return listener(...args); };
    wrapper.original = listener;
    return this.on(name, wrapper);
  }

  // removes the registration made last
  off(name, listener) {
    const list = this.listeners.get(name) || [];
    for (let i = list.length - 1; i >= 0; i--) {
      if (list[i] === listener || list[i].original === listener) {
        const copy = list.slice();
        copy.splice(i, 1);
        if (copy.length) this.listeners.set(name, copy); else this.listeners.delete(name);
        return true;
      }
    }
    return false;
  }

  // "user:login" also reaches listeners of "user:*", then those of "*"; returns the number of listeners that did not throw
  emit(name, ...args) {
    const group = name.includes(':') ? name.split(':')[0] + ':*' : null;
    let n = 0;
    for (const key of [name, group, '*']) {
      if (key === null) continue;
      const list = this.listeners.get(key) || [];
      const length = list.length;
      for (let i = 0; i < length; i++) {
        try { list[i](...args); n++; } catch (e) { this.errors.push(e); }
      }
    }
    return n;
  }

  listenerCount(name) { return (this.listeners.get(name) || []).length; }
}
module.exports = Bus;
