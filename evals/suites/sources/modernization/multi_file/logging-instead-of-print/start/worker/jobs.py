from worker import output


def run(jobs):
    done = 0
    for name, job in jobs:
        output.whisper("start %s" % name)
        try:
            job()
            done += 1
        except Exception as exc:
            print("ERROR: %s failed: %s" % (name, exc))
    output.say("%d of %d jobs done" % (done, len(jobs)))
    return done
