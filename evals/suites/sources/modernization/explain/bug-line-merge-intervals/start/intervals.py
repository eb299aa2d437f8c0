def merge(intervals):
    """Joined intervals in ascending order."""
    out = []
    for start, end in sorted(intervals):
        if start > end:
            raise ValueError("interval ends before it starts")
        if not out:
            out.append((start, end))
            continue
        last_start, last_end = out[-1]
        if start <= last_end:
            out[-1] = (last_start, end)
        else:
            out.append((start, end))
    return out
