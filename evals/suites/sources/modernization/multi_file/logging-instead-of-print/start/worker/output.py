VERBOSE = False


def say(text):
    print(text)


def whisper(text):
    if VERBOSE:
        print(text)
