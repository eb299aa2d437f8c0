import glob
import os


def backup_name(path, stamp):
    folder, name = os.path.split(path)
    stem, ext = os.path.splitext(name)
    return os.path.join(folder, "%s-%s%s" % (stem, stamp, ext))


def logs(folder):
    found = glob.glob(os.path.join(folder, "*.log"))
    return sorted(found, key=lambda p: os.path.basename(p).lower())


def tree_size(folder):
    total = 0
    for base, dirs, files in os.walk(folder):
        for name in files:
            full = os.path.join(base, name)
            if not os.path.islink(full):
                total += os.path.getsize(full)
    return total


def move_into(path, target):
    if not os.path.isdir(target):
        os.makedirs(target)
    new = os.path.join(target, os.path.basename(path))
    if os.path.exists(new):
        raise OSError("already there: " + os.path.basename(new))
    os.rename(path, new)
    return new


def relative_parts(path, root):
    rel = os.path.relpath(path, root)
    return rel.split(os.sep)


def read_notes(folder):
    notes = {}
    for name in sorted(os.listdir(folder)):
        full = os.path.join(folder, name)
        if os.path.isfile(full) and name.endswith(".txt"):
            f = open(full, "r")
            try:
                notes[os.path.splitext(name)[0]] = f.read().strip()
            finally:
                f.close()
    return notes
