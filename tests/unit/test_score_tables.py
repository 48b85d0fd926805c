"""Tables of scores by anyone: which columns are found, and what is refused."""

from __future__ import annotations

import math

import pytest

from cadenza.datasets.score_tables import Difference, Table, differences, read_scores
from cadenza.errors import InputError

LABELS = ("scene", "listener")
OURS = "scene,song,listener,left_score,right_score,score\nS1,a,L1,0.1,0.2,0.15\n"


@pytest.fixture
def table(tmp_path):
    """Writes a table and reads it."""

    def read(*texts: str, labels=LABELS) -> Table:
        files = [tmp_path / f"{number}.csv" for number in range(len(texts))]
        for file, text in zip(files, texts, strict=True):
            file.write_text(text, encoding="utf-8")
        return read_scores(files, labels)

    return read


@pytest.mark.parametrize(
    "text",
    [
        OURS,
        "scene,song,listener,left_haaqi,right_haaqi,avg_haaqi\nS1,a,L1,0.1,0.2,0.15\n",
        "Scene ID;Listener ID;Left;Right;Average\ns1;l1;0.1;0.2;0.15\n",
        "\ufeffteam\tscene\tlistener\tmean\tright\tleft\nE005\tS1 \tL1\t0.15\t0.2\t0.1\n\n",
    ],
)
def test_columns_have_many_names(table, text):
    found = table(text)
    assert found.columns == ("left", "right", "score")
    assert found.rows == {("s1", "l1"): {"left": 0.1, "right": 0.2, "score": 0.15}}


def test_tables_are_put_together_and_others_are_passed_over(table):
    batch = "scene,listener,score\nS2,L1,0.3\nS1,L1,0.15\n"
    others = ("scene,listener,clipped_fraction\nS1,L1,0.5\n", "item,reason\nS1,x\n", "", "\x00\x01")
    found = table(OURS, *others, batch)
    assert [file.name for file in found.files] == ["0.csv", "5.csv"]
    assert set(found.rows) == {("s1", "l1"), ("s2", "l1")}


def test_a_score_may_be_missing(table):
    found = table("scene,listener,left,right\nS1,L1,,0.2\nS2,L1,nan\nS3,L1,N/A,0.4\n")
    assert found.rows == {
        ("s1", "l1"): {"right": 0.2},
        ("s2", "l1"): {},
        ("s3", "l1"): {"right": 0.4},
    }


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            ("item,reason\na,b\n",),
            "no table of scores: expected a .csv file with the columns scene",
        ),
        ((OURS, OURS.replace("0.15", "0.16")), "line 2: score: 0.16 for s1 and l1, elsewhere 0.15"),
        ((OURS.replace("0.15", "good"),), "line 2: score: expected a number, found 'good'"),
    ],
)
def test_what_is_refused(table, texts, message):
    with pytest.raises(InputError, match=message):
        table(*texts)


def test_differences_of_scores_that_both_have():
    theirs = Table((), (), {("a",): {"left": 0.5, "right": 0.1, "score": 0.3}, ("b",): {"left": 1}})
    ours = Table((), (), {("a",): {"left": 0.25, "score": math.pi}, ("c",): {"left": 1}})
    assert list(differences(theirs, ours)) == [
        Difference(("a",), "left", 0.5, 0.25),
        Difference(("a",), "score", 0.3, math.pi),
    ]


def test_an_ear_is_the_mean_of_its_stems():
    stems = {"left_bass": 0.1, "left_drums": 0.2, "right_bass": 0.4}
    ours = Table((), (), {("a",): stems})
    theirs = Table((), (), {("a",): {"left": 0.5, "right": 0.5, "left_drums": 0.25}})
    found = {difference.column: difference.ours for difference in differences(theirs, ours)}
    assert found == {"left": pytest.approx(0.15), "right": 0.4, "left_drums": 0.2}
