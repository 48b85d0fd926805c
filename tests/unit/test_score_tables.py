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

    def read(*texts: str | bytes, labels=LABELS) -> Table:
        files = [tmp_path / f"{number}.csv" for number in range(len(texts))]
        for file, text in zip(files, texts, strict=True):
            content = text if isinstance(text, bytes) else text.encode()
            file.write_bytes(content)
        return read_scores(files, labels, tmp_path)

    return read


@pytest.mark.parametrize(
    "text",
    [
        OURS,
        "scene,song,listener,left_haaqi,right_haaqi,avg_haaqi\nS1,a,L1,0.1,0.2,0.15\n",
        "Scene ID;Listener ID;Left;Right;Average\ns1;l1;0.1;0.2;0.15\n",
        "\ufeffteam\tscene\tlistener\tmean\tright\tleft\nE005\tS1 \tL1\t0.15\t0.2\t0.1\n\n",
        OURS.replace("\n", "\r\n"),
        OURS.replace("\n", "\r"),
        OURS.encode("utf-16"),
        "scene;listener;left;right;score\nS1;L1;0,1;0,2;0,15\n",
        'scene,listener,left,right,score\nS1,L1,"0,1","0,2",0.15\n',
        "scene,listener,left,right,score,\nS1,L1,0.1,0.2,0.15,,\n",
    ],
)
def test_columns_have_many_names(table, text):
    found = table(text)
    assert found.columns == ("left", "right", "score")
    assert found.rows == {("s1", "l1"): {"left": 0.1, "right": 0.2, "score": 0.15}}


def test_tables_are_put_together_and_others_are_passed_over(table):
    batch = "scene,listener,score\nS2,L1,0.3\nS1,L1,0.15\n"
    others = ("scene,listener,clipped_fraction\nS1,L1,0.5\n", "item,reason\nS1,x\n", "", "\x00\x01")
    others += (b"\xff\x81", '"' + "x" * 200_000)
    found = table(OURS, *others, batch)
    assert [file.name for file in found.files] == ["0.csv", "7.csv"]
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
            ("item,reason\na,b\n", ""),
            (
                r"no table of scores: .* columns scene and listener, and left, right or score; "
                r"found 0\.csv \(item, reason\), 1\.csv \(no table\)"
            ),
        ),
        (
            (OURS, OURS.replace("0.15", "0.16")),
            r"1\.csv: line 2: score: 0.16, but 0.15 for the same pair in .*0\.csv: line 2",
        ),
        ((OURS + OURS.splitlines()[1].replace("0.15", "0.16"),), "line 3: score: 0.16, but 0.15"),
        (
            (OURS.replace("0.15", "good"),),
            "line 2: score: expected a score, 1 at most, found 'good'",
        ),
        ((OURS.replace("0.15", "15"),), "line 2: score: expected a score, 1 at most, found '15'"),
        ((OURS.replace("0.15", "inf"),), "line 2: score: expected a score, 1 at most, found 'inf'"),
        (
            ("scene,listener,score\nS1,L1,0,15\n",),
            "line 2: 4 cells, but the heading has 3; with decimal commas, separate col",
        ),
        (
            ("scene,listener,HAAQI,average\nS1,L1,0.1,0.2\n",),
            "two columns for score: HAAQI and average; remove one",
        ),
        (
            ("scene,scene_id,listener,score\nS1,1,L1,0.1\n",),
            "two columns for scene: scene and scene_id; remove one",
        ),
    ],
)
def test_what_is_refused(table, texts, message):
    with pytest.raises(InputError, match=message):
        table(*texts)


def test_a_pair_may_be_listed_twice_with_the_same_scores(table):
    found = table(OURS + OURS.splitlines()[1], OURS)
    assert found.rows == {("s1", "l1"): {"left": 0.1, "right": 0.2, "score": 0.15}}


def test_a_table_that_is_all_wrong_does_not_fill_the_screen(table):
    with pytest.raises(InputError) as caught:
        table("scene,listener,score\n" + "".join(f"S{i},L1,x\n" for i in range(5000)))
    assert len(caught.value.problems) == 11
    assert caught.value.problems[-1] == "and 4990 more like these"


def test_titles_in_the_code_page_of_a_spreadsheet(table):
    text = "song;listener;score\nCafé;L1;0,5\n".encode("cp1252")
    assert table(text, labels=("song", "listener")).rows == {("café", "l1"): {"score": 0.5}}


def of(rows: dict[str, dict[str, float]], *columns: str) -> Table:
    """A table with the columns of its first row, unless they are given."""
    names = columns or tuple(next(iter(rows.values())))
    return Table((), names, {(key,): row for key, row in rows.items()})


def test_differences_of_scores_that_both_have():
    theirs = of({"a": {"left": 0.5, "right": 0.1, "score": 0.3}, "b": {"left": 1}})
    ours = of({"a": {"left": 0.25, "score": math.pi}, "c": {"left": 1}})
    assert list(differences(theirs, ours)) == [
        Difference(("a",), "left", 0.5, 0.25),
        Difference(("a",), "score", 0.3, math.pi),
    ]


def test_scores_that_only_one_table_has():
    """Of pairs that both have; a silent stem has no score in either."""
    theirs = of({"a": {"left": 0.5}, "b": {"right": 0.5}, "c": {}, "d": {}}, "left", "right")
    ours = of({"a": {"right": 0.5}, "b": {"right": 0.5}, "c": {}}, "left", "right")
    found = {
        (key, name): (theirs, ours) for (key,), name, theirs, ours in differences(theirs, ours)
    }
    assert found == {
        ("a", "left"): (0.5, pytest.approx(math.nan, nan_ok=True)),
        ("a", "right"): (pytest.approx(math.nan, nan_ok=True), 0.5),
        ("b", "right"): (0.5, 0.5),
    }


def test_an_ear_is_the_mean_of_its_stems():
    ours = of({"a": {"left_bass": 0.1, "left_drums": 0.2, "right_bass": 0.4}})
    theirs = of({"a": {"left": 0.5, "right": 0.5, "left_drums": 0.25}})
    found = {difference.column: difference.ours for difference in differences(theirs, ours)}
    assert found == {"left": pytest.approx(0.15), "right": 0.4, "left_drums": 0.2}
