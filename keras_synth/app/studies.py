"""Store of a rating study: SQLite, one row an answer, nothing overwritten."""

import contextlib
import datetime
import itertools
import json
import pathlib
import random
import secrets
import sqlite3
import threading

from keras_synth.app.uncertainty import PairTally, ScoreTally

#: Name of the database in the folder of a study.
DATABASE = "study.sqlite"
#: Kinds of studies.
KINDS = ("pairs", "scores")
_AHEAD = 2  # questions that are asked before their turn, to load their images
_APART = 3  # questions between one and its repetition, at least
_SCHEMA = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE methods (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE images (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    token TEXT NOT NULL UNIQUE,
    image INTEGER NOT NULL REFERENCES images,
    role TEXT NOT NULL CHECK (role IN ('method', 'reference', 'catch')),
    method INTEGER REFERENCES methods,
    UNIQUE (image, role, method)
);
CREATE TABLE raters (
    id INTEGER PRIMARY KEY,
    link TEXT NOT NULL UNIQUE,
    since TEXT NOT NULL
);
CREATE TABLE questions (
    rater INTEGER NOT NULL REFERENCES raters,
    number INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('new', 'repeat', 'catch')),
    "left" INTEGER NOT NULL REFERENCES files,
    "right" INTEGER REFERENCES files,
    repeats INTEGER,
    PRIMARY KEY (rater, number)
) WITHOUT ROWID;
CREATE TABLE answers (
    rater INTEGER NOT NULL,
    number INTEGER NOT NULL,
    value INTEGER NOT NULL,
    seconds REAL NOT NULL,
    received TEXT NOT NULL,
    PRIMARY KEY (rater, number),
    FOREIGN KEY (rater, number) REFERENCES questions (rater, number)
) WITHOUT ROWID;
CREATE TRIGGER answers_stay BEFORE UPDATE ON answers
BEGIN SELECT RAISE(ABORT, 'answers are never changed'); END;
CREATE TRIGGER answers_remain BEFORE DELETE ON answers
BEGIN SELECT RAISE(ABORT, 'answers are never deleted'); END;
"""


class ConflictError(ValueError):
    """A question has another answer already."""


class StudyGoneError(RuntimeError):
    """The database was deleted or replaced while it was open."""


class Study:
    """A rating study in a folder: questions for raters, and their answers.

    Every answer is on the disk before `answer` returns. An answer that is sent
    again is stored once. Several threads may use one `Study`, and several
    processes the same folder.

    Args:
        folder: Path of the folder that `rate_new` made.

    Raises:
        FileNotFoundError: There is no such study.
    """

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        path = self.folder / DATABASE
        if not path.is_file():
            raise FileNotFoundError(
                f"There is no study in {folder} (keras-synth rate new makes "
                "one)"
            )
        self._lock = threading.RLock()
        self._database = connect(path)
        self._inode = path.stat().st_ino
        self.settings = {
            name: json.loads(value)
            for name, value in self._all("SELECT name, value FROM settings")
        }
        self.methods = dict(self._all("SELECT id, name FROM methods"))
        self.images = dict(self._all("SELECT id, name FROM images"))
        self._files = {
            row["id"]: dict(row) for row in self._all("SELECT * FROM files")
        }
        self._tokens = {file["token"]: file for file in self._files.values()}
        self._by_place = {
            (file["image"], file["role"], file["method"]): file["id"]
            for file in self._files.values()
        }
        self._units = self._all_units()
        self._tally = self._counted()

    def close(self):
        """Closes the database."""
        with self._lock:
            self._database.close()

    def path(self, token):
        """Path of an image by its token; None without such an image."""
        if token not in self._tokens:
            return None
        return self.folder / "images" / f"{token}.png"

    def new_rater(self):
        """Adds a rater.

        Returns:
            The secret by which the rater goes on, a str.
        """
        link = secrets.token_urlsafe(12)
        with self._transaction() as run:
            run(
                "INSERT INTO raters (link, since) VALUES (?, ?)", (link, _now())
            )
        return link

    def state(self, link):
        """What a rater is asked now.

        Args:
            link: The rater's secret.

        Returns:
            A dict: `answered`, `total`, and `questions`, a list with the
            current question and the next one. It is empty at the end.

        Raises:
            LookupError: There is no such rater.
        """
        with self._transaction() as run:
            return self._state(run, self._rater(run, link))

    def _state(self, run, rater):
        answered = _count(run, "answers", rater)
        self._ask(run, rater, answered + _AHEAD)
        rows = run(
            "SELECT * FROM questions WHERE rater = ? AND number >= ? "
            "ORDER BY number",
            (rater, answered),
        ).fetchall()
        asked = _count(run, "questions", rater)
        planned = self.settings["questions"]
        all_asked = asked < min(answered + _AHEAD, planned)
        return {
            "answered": answered,
            "total": asked if all_asked else planned,
            "questions": [self._shown(row) for row in rows],
        }

    def answer(self, link, number, value, seconds=0.0):
        """Stores an answer.

        Args:
            link: The rater's secret.
            number: Number of the question, from 0.
            value: For pairs 1 (the left image is better), 0 (no difference)
                or -1 (the right one is); otherwise a score from 1 to 5.
            seconds: How long it took.

        Returns:
            What the rater is asked now, as `state` does.

        Raises:
            ConflictError: The question has another answer already.
            LookupError: There is no such rater, or it is not the turn of the
                question.
            ValueError: There is no such answer.
        """
        allowed = (-1, 0, 1) if self.is_pairs else (1, 2, 3, 4, 5)
        if type(value) is not int or value not in allowed:
            raise ValueError(
                f"An answer must be one of {allowed}. Received: {value!r}"
            )
        if type(number) is not int or not 0 <= number < 2**31:
            raise LookupError(f"There is no question {number!r}.")
        with self._transaction() as run:
            rater = self._rater(run, link)
            place = (rater, number)
            old = run(
                "SELECT value FROM answers WHERE rater = ? AND number = ?",
                place,
            ).fetchone()
            if old is not None and old["value"] != value:
                raise ConflictError(
                    f"Question {number} has been answered already."
                )
            if old is not None:
                return self._state(run, rater)
            question = run(
                "SELECT * FROM questions WHERE rater = ? AND number = ?", place
            ).fetchone()
            if question is None or number != _count(run, "answers", rater):
                raise LookupError(f"It is not the turn of question {number}.")
            run(
                "INSERT INTO answers VALUES (?, ?, ?, ?, ?)",
                (*place, value, min(max(float(seconds), 0.0), 1e6), _now()),
            )
            # The lock of the transaction is held: no other thread counts.
            self._count(question, value)
            return self._state(run, rater)

    @property
    def is_pairs(self):
        """Whether pairs are compared; otherwise images get scores."""
        return self.settings["kind"] == "pairs"

    def answers(self):
        """All answers, in order.

        Returns:
            A list of dicts: `rater` (a number), `number`, `kind` ("new",
            "repeat" or "catch"), `image`, `left`, `right` (names of methods;
            None for the degraded copy of a catch trial), `value`, `repeats`
            (number of the question that is repeated), `seconds`, `received`.
        """
        rows = self._all(
            'SELECT rater, number, kind, "left", "right", repeats, value, '
            "seconds, received FROM answers JOIN questions "
            "USING (rater, number) ORDER BY rater, number"
        )
        return [
            {
                "rater": row["rater"],
                "number": row["number"],
                "kind": row["kind"],
                "image": self.images[self._files[row["left"]]["image"]],
                "left": self._name(row["left"]),
                "right": self._name(row["right"]),
                "value": row["value"],
                "repeats": row["repeats"],
                "seconds": row["seconds"],
                "received": row["received"],
            }
            for row in rows
        ]

    def with_reference(self):
        """Files to measure metrics on.

        Returns:
            Dict, method → list of `(path of the reference, path of the
            image)`; empty without references.
        """
        found = {}
        for file in self._files.values():
            place = (file["image"], "reference", None)
            if file["role"] == "method" and place in self._by_place:
                clean = self._files[self._by_place[place]]["token"]
                found.setdefault(self.methods[file["method"]], []).append(
                    (self.path(clean), self.path(file["token"]))
                )
        return found

    def _name(self, file):
        return file and self.methods.get(self._files[file]["method"])

    def _all(self, text, values=()):
        with self._lock:
            return self._database.execute(text, values).fetchall()

    @contextlib.contextmanager
    def _transaction(self):
        """Gives a function that runs a statement; all of them count or none."""
        with self._lock:
            path = self.folder / DATABASE
            if not path.exists() or path.stat().st_ino != self._inode:
                raise StudyGoneError("The study was deleted: nothing is kept.")
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database.execute
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def _rater(self, run, link):
        row = run("SELECT id FROM raters WHERE link = ?", (link,)).fetchone()
        if row is None:
            raise LookupError("There is no rater with this link.")
        return row["id"]

    def _shown(self, row):
        """A question as the page gets it: without names of methods."""
        left, right = self._files[row["left"]], self._files.get(row["right"])
        reference = self._by_place.get((left["image"], "reference", None))
        return {
            "number": row["number"],
            "left": left["token"],
            "right": right and right["token"],
            "reference": reference and self._files[reference]["token"],
        }

    # Which questions are asked ----------------------------------------------

    def _all_units(self):
        methods, images = sorted(self.methods), sorted(self.images)
        if self.is_pairs:
            pairs = list(itertools.combinations(methods, 2))
            return [(image, *pair) for image in images for pair in pairs]
        return list(itertools.product(images, methods))

    def _unit(self, question):
        """The unit of a question, and whether its sides are exchanged."""
        left, right = (
            self._files.get(question[side]) for side in ("left", "right")
        )
        if not self.is_pairs:
            return (left["image"], left["method"]), False
        sides = left["method"], right["method"]
        return (left["image"], *sorted(sides)), sides[0] > sides[1]

    def _counted(self):
        """What has been asked and answered so far."""
        self._tally = PairTally() if self.is_pairs else ScoreTally()
        for row in self._all("SELECT * FROM questions WHERE kind = 'new'"):
            self._tally.ask(self._unit(row)[0])
        for row in self._all(
            "SELECT * FROM questions JOIN answers USING (rater, number)"
        ):
            self._count(row, row["value"])
        return self._tally

    def _count(self, question, value):
        if question["kind"] == "new":
            unit, exchanged = self._unit(question)
            self._tally.answer(unit, -value if exchanged else value)

    def _plan(self, rater):
        """Kinds of all questions of a rater, the same at each call."""
        total = self.settings["questions"]
        randomness = self._randomness(rater, "plan")
        kinds = ["new"] * total
        later = list(range(min(_APART + 1, total), total))
        wanted = self.settings["repeats"] + self.settings["catch_trials"]
        places = randomness.sample(later, min(wanted, len(later)))
        for place, number in enumerate(places):
            catches = place < self.settings["catch_trials"]
            kinds[number] = "catch" if catches else "repeat"
        return kinds

    def _randomness(self, *what):
        return random.Random(repr((self.settings["seed"], *what)))

    def _ask(self, run, rater, until):
        """Makes sure that a rater has questions up to a number."""
        rows = run(
            "SELECT * FROM questions WHERE rater = ? ORDER BY number", (rater,)
        ).fetchall()
        asked = [dict(row) for row in rows]
        kinds = self._plan(rater)
        while len(asked) < min(until, len(kinds)):
            number = len(asked)
            question = self._next(rater, number, kinds[number], asked)
            if question is None:
                return
            question |= {"rater": rater, "number": number}
            run(
                "INSERT INTO questions VALUES (:rater, :number, :kind, :left, "
                ":right, :repeats)",
                question,
            )
            asked.append(question)
            if question["kind"] == "new":
                self._tally.ask(self._unit(question)[0])

    def _next(self, rater, number, kind, asked):
        randomness = self._randomness(rater, number)
        if kind == "catch":
            return self._catch(randomness)
        if kind == "repeat":
            done = {question["repeats"] for question in asked}
            earlier = [
                question
                for question in asked[:-_APART]
                if question["kind"] == "new" and question["number"] not in done
            ]
            if earlier:
                question = randomness.choice(earlier)
                turned = self.is_pairs
                return {
                    "kind": "repeat",
                    "left": question["right" if turned else "left"],
                    "right": question["left"] if turned else None,
                    "repeats": question["number"],
                }
        seen = {self._unit(q)[0] for q in asked if q["kind"] == "new"}
        units = [unit for unit in self._units if unit not in seen]
        if not units:
            return None
        image, *methods = self._tally.choose(units, randomness)
        randomness.shuffle(methods)
        files = [self._by_place[image, "method", each] for each in methods]
        return _question("new", *files)

    def _catch(self, randomness):
        """An image against its degraded copy, or that copy alone."""
        image = randomness.choice(sorted(self.images))
        files = [self._by_place[image, "catch", None]]
        if self.is_pairs:
            method = randomness.choice(sorted(self.methods))
            files.append(self._by_place[image, "method", method])
            randomness.shuffle(files)
        return _question("catch", *files)


def passed(answer):
    """Whether the answer of a catch trial is the right one.

    Args:
        answer: Entry of `Study.answers`, of the kind "catch".
    """
    if answer["left"] is None and answer["right"] is None:
        return answer["value"] <= 2  # a score of the degraded copy
    return answer["value"] == (1 if answer["right"] is None else -1)


def connect(path):
    """Opens a database in WAL mode, which waits for others and for the disk.

    Args:
        path: Path of the file.

    Returns:
        A `sqlite3.Connection`.
    """
    database = sqlite3.connect(
        path, timeout=30.0, isolation_level=None, check_same_thread=False
    )
    database.row_factory = sqlite3.Row
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA foreign_keys = ON")
    return database


def create(path, settings, methods, images, files):
    """Writes the database of a new study.

    Args:
        path: Path of the file.
        settings: Dict of what JSON can hold.
        methods: Names of the methods.
        images: Names of the images.
        files: List of `(token, image, role, method)`, indices of `images` and
            `methods`, or None for no method.
    """
    database = connect(path)
    with contextlib.closing(database):
        database.executescript(_SCHEMA)
        database.execute("BEGIN")
        database.executemany(
            "INSERT INTO settings VALUES (?, ?)",
            [(name, json.dumps(value)) for name, value in settings.items()],
        )
        for table, names in (("methods", methods), ("images", images)):
            database.executemany(
                f"INSERT INTO {table} VALUES (?, ?)",  # noqa: S608
                list(enumerate(names)),
            )
        database.executemany(
            "INSERT INTO files (token, image, role, method) "
            "VALUES (?, ?, ?, ?)",
            files,
        )
        database.execute("COMMIT")


def _question(kind, left, right=None):
    return {"kind": kind, "left": left, "right": right, "repeats": None}


def _count(run, table, rater):
    text = f"SELECT COUNT(*) FROM {table} WHERE rater = ?"  # noqa: S608
    return run(text, (rater,)).fetchone()[0]


def _now():
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
