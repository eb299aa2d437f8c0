def run(values):
    log = []
    try:
        for value in values:
            try:
                log.append(f"try {value}")
                result = 8 // value
            except ZeroDivisionError:
                log.append("zero")
                continue
            except ValueError:
                log.append("value")
            else:
                log.append(f"else {result}")
            finally:
                log.append("end")
    except Exception as exc:
        log.append(f"outer {type(exc).__name__}")
    return log
