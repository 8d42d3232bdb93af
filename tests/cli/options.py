"""Options of the tests of commands."""


def overridden(words, more):
    """Options and their values, where `more` replaces those of its names."""
    words = [str(word) for word in words]
    for name in (word for word in more if word.startswith("--")):
        if name in words:
            at = words.index(name)
            del words[at : at + 2]
    return [*words, *more]
