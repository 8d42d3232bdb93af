"""`keras-synth rate ACTION`: studies in which people rate images."""

from keras_synth.cli.command import Command

WHAT, GROUP = "ACTION STUDY ...", "Other"
HELP = """\
Lets people rate images: new study, answers, report.

`keras-synth serve --study STUDY` shows the study in the browser.
"""
EXAMPLES = (
    "keras-synth rate new study --images bm3d unet --reference clean",
    "keras-synth serve --study study",
    "keras-synth rate report study report",
)


def _new(facts):
    yield (
        f"study: {facts['study']} ({len(facts['methods'])} methods, "
        f"{facts['num_images']} images, {facts['questions']} questions a rater)"
    )
    yield f"ask people: keras-synth serve --study {facts['study']}"
    yield from (f"note: {note}" for note in facts["notes"])


def _exported(facts):
    yield f"exported: {facts['target']} ({facts['num_answers']} answers)"


def _report(facts):
    yield (
        f"report: {facts['target']} ({facts['num_answers']} answers of "
        f"{facts['num_raters']} raters)"
    )
    yield f"best first: {', '.join(facts['ranking'])}"
    yield from (f"note: {note}" for note in facts["notes"])


def _action(name, lines, *examples):
    return Command(
        name=name,
        package="app",
        function=f"rate_{name}",
        group="Actions",
        examples=tuple(f"keras-synth rate {name} {each}" for each in examples),
        lines=lines,
    )


COMMANDS = (
    _action(
        "new",
        _new,
        "study --images bm3d unet --reference clean",
        "study --images bm3d unet --kind scores --questions 60",
    ),
    _action("export", _exported, "study answers.csv", "study answers.json"),
    _action("report", _report, "study report", "study report --overwrite"),
)
