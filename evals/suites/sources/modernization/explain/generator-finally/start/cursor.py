log = []


def rows(n):
    log.append("open")
    try:
        for i in range(1, n + 1):
            yield i
        log.append("all")
    finally:
        log.append("close")


def main():
    source = rows(5)
    for row in source:
        log.append(row)
        if row == 2:
            break
    source.close()
    log.append("done")
    return log
