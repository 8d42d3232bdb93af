"""Rating studies: the store, who is asked what, and the report."""

import csv
import json
import math
import sqlite3
import threading

import numpy as np
import pytest

from keras_synth import app, degradations, evaluation, metrics
from keras_synth.app.studies import ConflictError, passed
from keras_synth.cli.main import main
from keras_synth.io import read_image
from keras_synth.restoration import median
from tests.app.conftest import QUALITY, answered, quality_of


def prefers_better(study):
    """Always right: the image with less noise."""
    quality = quality_of(study)

    def decide(question):
        left, right = (quality(question[side]) for side in ("left", "right"))
        return int(np.sign(right - left))

    return decide


def test_a_rater_is_asked_as_many_questions_as_planned(new_study):
    study = app.Study(new_study())
    link = study.new_rater()
    assert answered(study, link, prefers_better(study)) == 12
    state = study.state(link)
    assert state == {"answered": 12, "total": 12, "questions": []}
    kinds = [answer["kind"] for answer in study.answers()]
    assert kinds.count("repeat") == kinds.count("catch") == 2
    assert all(passed(a) for a in study.answers() if a["kind"] == "catch")


def test_repeats_exchange_the_sides_and_new_questions_do_not_come_twice(
    new_study,
):
    study = app.Study(new_study(questions=20, repeats=4))
    answered(study, study.new_rater(), prefers_better(study))
    answers = study.answers()
    for answer in answers:
        if answer["kind"] == "repeat":
            first = answers[answer["repeats"]]
            assert first["kind"] == "new" and answer["number"] > first["number"]
            for side, other in (("left", "right"), ("right", "left")):
                assert answer[side] == first[other]
            assert answer["image"] == first["image"]
            assert answer["value"] == -first["value"]
    new = [
        (a["image"], *sorted((a["left"], a["right"])))
        for a in answers
        if a["kind"] == "new"
    ]
    assert len(set(new)) == len(new) == 14


def test_order_and_sides_differ_from_rater_to_rater_and_are_seeded(new_study):
    study = app.Study(new_study(questions=18))
    for _ in range(12):
        answered(study, study.new_rater(), prefers_better(study))
    answers = study.answers()
    orders = {
        tuple((a["image"], a["left"]) for a in answers if a["rater"] == rater)
        for rater in range(1, 13)
    }
    assert len(orders) == 12
    left = [a["value"] == 1 for a in answers]
    assert 0.35 < np.mean(left) < 0.65
    one = study._plan(1), study._plan(2)
    assert one == (study._plan(1), study._plan(2)) and one[0] != one[1]


def test_questions_are_asked_where_the_answer_is_uncertain(new_study):
    """One method beats all; the two others are alike to the raters."""
    study = app.Study(new_study(questions=10, repeats=0, catch_trials=0))
    right = prefers_better(study)

    def decide(question):
        methods = [
            study.methods[study._tokens[question[side]]["method"]]
            for side in ("left", "right")
        ]
        if "best" in methods:
            return right(question)
        return 1 if question["number"] % 2 else -1

    for _ in range(40):
        answered(study, study.new_rater(), decide)
    alike = sum("best" not in (a["left"], a["right"]) for a in study.answers())
    assert alike > 0.45 * 400  # a third, if all pairs were alike


def test_an_answer_is_stored_once_and_never_changed(new_study):
    path = new_study()
    study = app.Study(path)
    link = study.new_rater()
    study.state(link)
    study.answer(link, 0, 1)
    study.answer(link, 0, 1)  # sent again
    with pytest.raises(ConflictError, match="answered already"):
        study.answer(link, 0, -1)
    with pytest.raises(LookupError, match="not the turn"):
        study.answer(link, 2, 1)
    with pytest.raises(LookupError, match="no rater"):
        study.answer("nobody", 0, 1)
    for value in (2, True, "1", 1.0, None):
        with pytest.raises(ValueError, match="must be one of"):
            study.answer(link, 1, value)
    assert [a["value"] for a in study.answers()] == [1]
    database = sqlite3.connect(path / "study.sqlite")
    assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    for text in ("UPDATE answers SET value = -1", "DELETE FROM answers"):
        with pytest.raises(sqlite3.IntegrityError, match="answers are never"):
            database.execute(text)


def test_a_rater_goes_on_where_it_stopped(new_study):
    path = new_study()
    study = app.Study(path)
    link = study.new_rater()
    answered(study, link, prefers_better(study), until=5)
    before = study.state(link)
    study.close()
    again = app.Study(path)
    assert again.state(link) == before and before["answered"] == 5
    # What it knows of earlier answers is the same, too.
    assert again._tally._asked == study._tally._asked
    assert again._tally._for_first == study._tally._for_first


def test_threads_lose_and_double_nothing(new_study):
    study = app.Study(new_study())

    def rate():
        answered(study, study.new_rater(), prefers_better(study))

    threads = [threading.Thread(target=rate) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    places = [(a["rater"], a["number"]) for a in study.answers()]
    assert len(places) == len(set(places)) == 8 * 12


def test_scores(new_study, tmp_path):
    study = app.Study(new_study(kind="scores", questions=14))
    quality = quality_of(study)
    generator = np.random.default_rng(1)

    def decide(question):
        assert question["right"] is None and question["reference"]
        score = 5.2 - 10 * quality(question["left"]) + generator.normal() / 3
        return int(np.clip(round(score), 1, 5))

    for _ in range(6):
        answered(study, study.new_rater(), decide)
    report = app.rate_report(study.folder, tmp_path / "report")
    assert report.ranking == ("best", "good", "poor")
    facts = json.loads((tmp_path / "report" / "report.json").read_text())
    of_best = {}
    for answer in study.answers():
        if (answer["left"], answer["kind"]) == ("best", "new"):
            of_best.setdefault(answer["rater"], []).append(answer["value"])
    expected = np.mean([np.mean(values) for values in of_best.values()])
    assert facts["methods"][0]["score"] == pytest.approx(expected)
    assert facts["alpha"] > 0.5 and facts["catch_trials_passed"] == 1.0


def test_report_of_pairs_ranks_and_leaves_out_who_does_not_look(
    new_study, tmp_path, capsys
):
    study = app.Study(new_study(questions=16))
    right = prefers_better(study)
    quality, generator = quality_of(study), np.random.default_rng(2)

    def usually(question):
        seen = [quality(question[side]) for side in ("left", "right")]
        certain = 9.0 in seen  # a catch trial
        errs = generator.choice([1, 1, 1, 1, 0, -1])
        return right(question) * (1 if certain else int(errs))

    for _ in range(12):
        answered(study, study.new_rater(), usually)
    answered(study, study.new_rater(), lambda q: -right(q))
    words = ["rate", "report", str(study.folder), str(tmp_path / "report")]
    assert main(words) == 0
    assert "best first: best, good, poor" in capsys.readouterr().out
    facts = json.loads((tmp_path / "report" / "report.json").read_text())
    assert facts["left_out"] == [13] and facts["raters"] == 12
    assert facts["answers"] == 12 * 12 and facts["bootstrap"] == "raters"
    found = {row["metric"]: row for row in facts["correlations"]}
    assert found["PSNR"]["spearman"] == found["SSIM"]["kendall"] == 1.0
    strengths = [row["strength"] for row in facts["methods"]]
    assert math.fsum(strengths) == pytest.approx(0.0, abs=1e-9)
    text = (tmp_path / "report" / "report.md").read_text()
    assert "| best |" in text and "report.png" in text
    assert read_image(tmp_path / "report" / "report.png").shape[1] > 600
    assert main(words) == 2
    assert main([*words, "--overwrite"]) == 0
    assert main([*words[:3], str(study.folder), "--overwrite"]) == 2
    assert (study.folder / "study.sqlite").exists()


def test_metrics_of_a_file_are_compared(new_study, tmp_path):
    study = app.Study(new_study())
    for _ in range(4):
        answered(study, study.new_rater(), prefers_better(study))
    table = tmp_path / "lpips.csv"
    table.write_text("method,lpips\nbest,0.1\ngood,0.2\npoor,0.4\nother,1\n")
    app.rate_report(study.folder, tmp_path / "one", metrics_file=str(table))
    facts = json.loads((tmp_path / "one" / "report.json").read_text())
    assert {
        "metric": "lpips",
        "spearman": -1.0,
        "kendall": -1.0,
        "methods": 3,
    } in facts["correlations"]
    table.write_text("method,lpips\nbest,unknown\n")
    with pytest.raises(ValueError, match="must be a number"):
        app.rate_report(study.folder, tmp_path / "two", metrics_file=str(table))


def test_export(new_study, tmp_path):
    study = app.Study(new_study())
    answered(study, study.new_rater(), prefers_better(study))
    for name in ("answers.csv", "answers.json"):
        words = ["rate", "export", str(study.folder), str(tmp_path / name)]
        assert main(words) == 0 and main(words) == 2
    with (tmp_path / "answers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    data = json.loads((tmp_path / "answers.json").read_text())
    assert data["answers"] == study.answers()
    for row, answer in zip(rows, study.answers(), strict=True):
        shown = {k: "" if v is None else str(v) for k, v in answer.items()}
        assert row == shown
    with pytest.raises(ValueError, match="must end in one of"):
        app.rate_export(study.folder, tmp_path / "answers.txt")


def test_the_images_of_a_study_are_those_of_the_folders(new_study, folders):
    study = app.Study(new_study())
    for file in study._files.values():
        copied = read_image(study.path(file["token"]))
        name = study.images[file["image"]]
        if file["role"] != "catch":
            method = study.methods.get(file["method"], "clean")
            original = read_image(folders / method / f"{name}.png")
            np.testing.assert_array_equal(copied, original)
            assert method not in str(study.path(file["token"]).name)
    assert len(study._files) == 6 * 5
    assert study.path("../../study.sqlite") is None


def test_a_study_from_a_comparison(tmp_path):
    clean = np.random.default_rng(3).random((3, 16, 16, 1)).astype("float32")
    comparison = evaluation.compare(
        {"median": median(3), "nothing": lambda images: images},
        clean,
        degradations.GaussianNoise(0.1),
        metrics.PSNR(name="psnr"),
        num_shown=3,
        verbose=0,
    )
    made = app.rate_new(tmp_path / "study", images=comparison)
    assert set(made.methods) == {"degraded", "median", "nothing"}
    assert made.num_images == 3 and made.questions == 3 * 3 + 4
    study = app.Study(tmp_path / "study")
    expected = {row["method"]: row["psnr"] for row in comparison.rows}
    assert study.settings["metrics"]["psnr"] == pytest.approx(expected)
    assert study.state(study.new_rater())["questions"][0]["reference"]


@pytest.mark.parametrize(
    "options, match",
    [
        ({"questions": 100}, "must be from 5 to 22"),
        ({"questions": 4}, "must be from 5 to 22"),
        ({"kind": "stars"}, "pairs, scores"),
        ({"repeats": -1}, "at least 0"),
    ],
)
def test_studies_that_cannot_be_are_refused(new_study, options, match):
    with pytest.raises(ValueError, match=match):
        new_study(**options)


def test_folders_that_do_not_fit_are_refused(folders, tmp_path):
    best = str(folders / "best")
    with pytest.raises(ValueError, match="two methods"):
        app.rate_new(tmp_path / "a", images=[best])
    with pytest.raises(ValueError, match="different names"):
        app.rate_new(tmp_path / "a", images=[best, best])
    with pytest.raises(FileNotFoundError, match="no folder"):
        app.rate_new(tmp_path / "a", images=[best, "missing"])
    with pytest.raises(FileNotFoundError, match="no study"):
        app.Study(tmp_path / "a")
    (tmp_path / "a").mkdir()
    with pytest.raises(FileExistsError):
        app.rate_new(tmp_path / "a", images=[best])
    assert list(QUALITY) == ["best", "good", "poor"]
