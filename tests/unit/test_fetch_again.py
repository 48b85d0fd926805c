"""What `cadenza fetch` says and does about data that are there already, and about its registry."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cadenza.command import main
from cadenza.command.fetching import fetch_parts
from cadenza.datasets import plan_fetch, read_registry
from cadenza.datasets.registry import Part, find_challenge
from cadenza.datasets.unpacking import unpack
from cadenza.demo.packages import tar_of, zip_of
from cadenza.errors import InputError

from .zenodo_mirror import QUICK, RECORD, Mirror, serving, status

CORE = tar_of({"data/icassp/metadata/scenes.train.json": b"{}", "data/icassp/metadata/b": b"bb"})
AUDIO = tar_of({"data/icassp/audio/a.wav": b"a" * 300})


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with serving(Mirror({"core.tgz": CORE, "audio.tgz": AUDIO})) as mirror:
        yield mirror


class Command:
    """Types `cadenza fetch`, in a folder of its own, with a registry of its own."""

    def __init__(self, mirror: Mirror, folder: Path, capsys) -> None:
        self.mirror, self.folder, self.capsys = mirror, folder / "data", capsys
        self.registry = folder / "registry.toml"
        self.describe("core.tgz", "audio.tgz")

    def describe(self, *files: str, challenge: str = "icassp_2024", more: str = "") -> None:
        """Write the registry: a part for each file, named after it."""
        parts = [
            f"[{challenge}.parts.{name.partition('.')[0]}]\nrecord={RECORD}\nfile='{name}'\n"
            f"about_bytes={len(self.mirror.files.get(name, b'')) or 1}\n"
            for name in files
        ]
        self.registry.write_text("".join(parts) + more)

    def __call__(self, *arguments: str, status: int = 0) -> str:
        """What is said to ``cadenza fetch icassp_2024 ...``; other challenges come first."""
        words = [*arguments] if arguments[0] in ("mine", "cad1_task1") else ["icassp", *arguments]
        options = ["--registry", str(self.registry), "--from", self.mirror.url]
        if "--bare" not in words:
            options += ["--to", str(self.folder)]
        assert main(["fetch", *(w for w in words if w != "--bare"), *options]) == status
        output, errors = self.capsys.readouterr()
        return output + errors


@pytest.fixture
def command(mirror, tmp_path, capsys, monkeypatch) -> Command:
    monkeypatch.setitem(plan_fetch.__kwdefaults__, "patience", QUICK)
    return Command(mirror, tmp_path, capsys)


# What is there already


def test_what_was_deleted_comes_back(command, mirror):
    command("core")
    (file,) = command.folder.rglob("scenes.train.json")
    file.unlink()
    said = command("core", "--dry-run")
    assert "1 of 2 unpacked files to be restored\n" in said
    assert "    to be restored: data/icassp/metadata/scenes.train.json\n" in said
    assert not file.exists()
    command("core")
    assert file.read_bytes() == b"{}"
    shutil.rmtree(command.folder / "data")
    command("core")
    assert file.exists()
    assert mirror.ranges == [None], "all this without another download"


def test_what_was_edited_stays_unless_it_is_repaired(command):
    command("core")
    file = command.folder / "data/icassp/metadata/b"
    file.write_bytes(b"mine")
    said = command("core")
    assert "edited since it was unpacked: data/icassp/metadata/b; --repair restores it" in said
    assert file.read_bytes() == b"mine"
    command("core", "--repair")
    assert file.read_bytes() == b"bb"
    file.write_bytes(b"xx")  # of the same size
    command("core", "--repair")
    assert file.read_bytes() == b"bb"
    assert ", unpacked\n" in command("core")


def test_an_archive_that_was_deleted_is_not_needed(command, mirror):
    command("core")
    (command.folder / "downloads/core.tgz").unlink()
    assert "the archive is gone, and not needed" in command("core")
    url, mirror.url = mirror.url, "http://127.0.0.1:9"
    assert "the archive is gone, and not needed" in command("core")
    (command.folder / "data/icassp/metadata/b").unlink()
    assert "Missing: core" in command("core", status=2)
    mirror.url = url
    command("core")
    assert (command.folder / "data/icassp/metadata/b").read_bytes() == b"bb"
    assert mirror.ranges == [None, None]


def test_an_archive_from_elsewhere_is_verified_once(command, mirror, monkeypatch):
    (command.folder / "downloads").mkdir(parents=True)
    (command.folder / "downloads/core.tgz").write_bytes(CORE)
    assert "is there and whole, to be unpacked" in command("core")
    assert mirror.ranges == []
    monkeypatch.setattr("cadenza.datasets.zenodo.hashlib.file_digest", None)
    assert "is there and whole, unpacked" in command("core")


def test_a_new_version_is_unpacked_in_the_place_of_the_old_one(command, mirror):
    command("core")
    mirror.files["core.tgz"] = tar_of({"data/icassp/metadata/scenes.train.json": b"[1]"})
    command("core")
    assert [p.read_bytes() for p in command.folder.rglob("metadata/*")] == [b"[1]"]


def test_an_old_archive_is_not_taken_for_the_new_one(command, mirror):
    command("core")
    mirror.files["core.tgz"] = AUDIO
    mirror.answers = [status(404)]
    assert "answers 404" in command("core", status=2)
    assert not (command.folder / "data/icassp/audio").exists()
    command("core")
    assert (command.folder / "data/icassp/audio/a.wav").exists()
    assert not (command.folder / "data/icassp/metadata").exists()


def test_all_of_it_without_a_connection(command, mirror):
    """Also if a record was never seen whose part the mirror lacks."""
    more = f"[icassp_2024.parts.evaluation]\nrecord={RECORD + 1}\nfile='e.tgz'\nabout_bytes=1\n"
    parts = "[icassp_2024.parts.train]\nrecord=1\nfile='t'\nabout_bytes=1\n"
    parts += "[icassp_2024.parts.validation]\nrecord=1\nfile='v'\nabout_bytes=1\n"
    command.describe("core.tgz", "audio.tgz", more=more + parts)
    mirror.record_answers = [lambda *_: False, status(404), status(404)]
    command("all")
    mirror.url = "http://127.0.0.1:9"
    said = command("all")
    assert "except train, validation, evaluation." in said
    assert "offline: " in said
    command.folder = command.folder.with_name("elsewhere")
    assert "Without a connection nothing can be fetched" in command("all", status=2)


def test_a_dry_run_writes_nothing(command, mirror, monkeypatch):
    assert "to fetch, to be unpacked" in command("core", "--dry-run")
    assert not command.folder.exists()
    command("core")
    before = {p: p.stat().st_mtime_ns for p in command.folder.rglob("*")}
    mirror.files["core.tgz"] = AUDIO
    command("core", "--dry-run")
    assert {p: p.stat().st_mtime_ns for p in command.folder.rglob("*")} == before


def test_a_dry_run_says_what_would_be_refused(command, monkeypatch):
    command("core")
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 100}))
        said = command("audio", "--dry-run", status=2)
    assert re.search(r"\d+ bytes are needed, 100 bytes are free there", said)
    (command.folder / "downloads/core.tgz").unlink()
    (command.folder / "data/icassp/metadata/b").unlink()
    command.mirror.url = "http://127.0.0.1:9"
    assert "Missing: core" in command("core", "--dry-run", status=2)
    command.folder = command.registry
    command.mirror.url = "http://127.0.0.1:9"
    assert "nothing can be fetched" in command("core", "--dry-run", status=2)


def test_the_folder_may_not_be_a_file(command):
    command.folder = command.registry
    assert "expected a folder, found a file" in command("core", status=2)


# Space


def free(monkeypatch, n_bytes: float) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": n_bytes}))


def test_archives_and_their_content_must_fit_on_the_disk(command, monkeypatch):
    n_bytes = len(AUDIO)
    free(monkeypatch, 3 * n_bytes - 1)
    assert "are needed" in command("audio", status=2)
    assert command.mirror.ranges == []
    monkeypatch.undo()
    command("audio")
    shutil.rmtree(command.folder / "data")
    free(monkeypatch, 299)
    assert "300 bytes are needed, 299 bytes are free" in command("audio", status=2)
    free(monkeypatch, 300)
    command("audio")


def test_the_space_that_the_plan_names(command, mirror, tmp_path):
    part = Part("audio", RECORD, "audio.tgz", len(AUDIO))
    plan = plan_fetch([part], tmp_path / "data", url=mirror.url)
    assert (plan.n_bytes, plan.n_disk_bytes) == (len(AUDIO), 3 * len(AUDIO))
    command("audio")
    plan = plan_fetch([part], tmp_path / "data", url=mirror.url)
    assert plan.n_bytes == plan.n_disk_bytes == 0


# What the registry expects


def test_a_file_that_the_registry_does_not_mean_is_refused(command, mirror):
    digest = hashlib.md5(CORE).hexdigest()
    command.describe("core.tgz", more=f"md5='{'1' * 32}'\n")
    for option in ([], ["--dry-run"]):
        said = command("core", *option, status=2)
        assert f"its md5 is {digest}, expected {'1' * 32}" in said
    assert mirror.ranges == []
    command.describe("core.tgz", more=f"md5='{digest.upper()}'\n")
    command("core")
    command.describe("core.tgz", more="md5='1'\n")
    assert "md5 must have 32 hexadecimal digits" in command("core", status=2)


def test_a_pin_holds_also_if_the_record_has_another_kind_of_checksum(command, mirror):
    mirror.checksums["core.tgz"] = f"sha256:{hashlib.sha256(CORE).hexdigest()}"
    command.describe("core.tgz", more=f"md5='{'1' * 32}'\n")
    assert f"its md5 is not {'1' * 32}" in command("core", status=2)
    assert not (command.folder / "data").exists()
    command.describe("core.tgz", more=f"md5='{hashlib.md5(CORE).hexdigest()}'\n")
    command("core")
    assert (command.folder / "data").exists()


@pytest.mark.parametrize(("factor", "is_told"), [(0.4, True), (0.6, False), (2.5, True)])
def test_a_size_that_is_not_as_expected_is_told(command, caplog, factor, is_told):
    command.registry.write_text(
        f"[icassp_2024.parts.core]\nrecord={RECORD}\nfile='core.tgz'\n"
        f"about_bytes={factor * len(CORE)}\n"
    )
    command("core")
    assert ("the registry expects about" in caplog.text) == is_told


def test_all_leaves_out_what_the_record_lacks(command, mirror, caplog):
    others = {
        name: f"[icassp_2024.parts.{name}]\nrecord={RECORD}\nfile='{name}.tgz'\nabout_bytes=1\n"
        for name in ("train", "validation", "evaluation")
    }
    others["evaluation"] = others["evaluation"].replace(str(RECORD), str(RECORD + 1))
    command.describe("core.tgz", "audio.tgz", more="".join(others.values()))
    mirror.record_answers = [lambda *_: False, status(404)]  # of the second record
    assert "except train, validation, evaluation." in command("all")
    assert f"record {RECORD} has no file train.tgz: left out" in caplog.text
    assert (command.folder / "data/icassp/audio/a.wav").exists()
    assert "has no file train.tgz; it has core.tgz" in command("train", status=2)
    assert "has no file train.tgz; it has core.tgz" in command("all", "train", status=2)
    mirror.record_answers = [status(404)]
    assert "records/4712: the server answers 404" in command("evaluation", status=2)
    mirror.files = {"other": b""}
    assert "the records have none of these parts" in command("all", status=2)


# Names and hints


def test_the_beginning_of_a_name_is_enough(capsys):
    assert main(["fetch", "icassp"]) == 0
    assert "ICASSP 2024:" in capsys.readouterr().out
    for name in ("cad1", "cad1_task"):
        assert main(["fetch", name]) == 2
        assert f"{name} may be cad1_task1 or cad1_task2: write" in capsys.readouterr().err
    assert find_challenge("a", ["a", "ab"]) == "a"
    with pytest.raises(InputError, match="no challenge : there are a"):
        find_challenge("", ["a"])


def test_challenges_without_a_recipe_are_listed(capsys):
    assert main(["fetch", "cad1_task2"]) == 0
    assert re.search(r"core +about 6\.5 GB", capsys.readouterr().out)
    assert main(["fetch", "cad2_task1"]) == 0
    assert re.search(r"evaluation +about 1\.5 GB", capsys.readouterr().out)


def test_the_root_of_the_challenge_is_named(command, mirror):
    """Two challenges are in one folder; the other one comes first in the alphabet."""
    mirror.files["cad1.tgz"] = tar_of({"data/z/metadata/musdb18.valid.json": b"[]"})
    command("core")
    command.describe("cad1.tgz", challenge="cad1_task1")
    said = command("cad1_task1", "cad1")
    assert f"path.root={command.folder}/data/z\n" in said
    assert f"cadenza validate cad1_task1 {command.folder}/data/z\n" in said
    mirror.files["music.tgz"] = tar_of({"music/a.wav": b"a"})
    command.describe("music.tgz", challenge="cad1_task1")
    shutil.rmtree(command.folder / "data/z")
    assert "path.root" not in command("cad1_task1", "music"), "nor the root of the other challenge"
    command.describe("core.tgz", "audio.tgz")
    assert f"cadenza validate icassp_2024 {command.folder}/data/icassp\n" in command("audio")


def test_data_without_their_metadata(command):
    said = command("audio")
    assert "path.root" not in said
    assert f"cadenza fetch icassp_2024 core --to {command.folder}\n" in said
    said = command("audio", "core")
    assert f"path.root={command.folder}/data/icassp\n" in said
    assert "also need the metadata" not in command("audio")


def test_a_challenge_of_ones_own_gets_no_hint_to_validate(command, mirror):
    command.folder = command.folder.with_name("a b,c=1")
    command.describe("core.tgz", challenge="mine")
    *_, last = command("mine", "core").splitlines()
    assert last == f"""For the recipes: 'path.root="{command.folder}/data/icassp"'"""
    mirror.files["other.tgz"] = tar_of({"more/a": b"1"})
    command.describe("other.tgz", challenge="mine")
    *_, last = command("mine", "other").splitlines()
    assert last.startswith("All of it is in")


# Parts whose files are not known


@pytest.fixture
def entrants(command, mirror) -> Command:
    mirror.files |= {"E5.zip": zip_of({"E5/a.csv": b"1"}), "scores.csv": b"1,2\n"}
    command.registry.write_text(
        f"[cad1_task1.parts.entrants]\nrecord={RECORD}\nfile='*'\ncontent='signals'\n"
    )
    return command


def test_all_files_of_a_record(entrants, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert re.search(r"entrants +size unknown +signals", entrants("cad1_task1"))
    said = entrants("cad1_task1", "entrants", "--dry-run", "--bare")
    for line in (
        r"entrants/core\.tgz \(core\.tgz, \d+ bytes\): to fetch, to be unpacked",
        r"entrants/E5\.zip \(E5\.zip, \d+ bytes\): to fetch, to be unpacked",
        r"entrants/scores\.csv \(scores\.csv, 4 bytes\): to fetch\n",
    ):
        assert re.search(line, said)
    entrants("cad1_task1", "entrants/E5.zip")
    assert (entrants.folder / "E5/a.csv").read_bytes() == b"1"
    assert [p.name for p in (entrants.folder / "downloads").iterdir()] == ["E5.zip"]
    entrants("cad1_task1", "entrants")
    assert (entrants.folder / "downloads/scores.csv").read_bytes() == b"1,2\n"
    assert "has no file E6.zip" in entrants("cad1_task1", "entrants/E6.zip", status=2)
    assert "has no part musics/E6" in entrants("cad1_task1", "musics/E6", status=2)


def test_what_all_stands_for():
    challenge = read_registry()["icassp_2024"]
    assert [p.name for p in challenge.choose(["all"])] == [
        *("core", "train", "validation", "evaluation"),
    ]
    assert [p.name for p in challenge.choose(["all", "entrants"])][-1] == "entrants"
    assert [p.name for p in challenge.choose(["train", "core"])] == ["core", "train"]


def test_repair_needs_to_be_wanted(command, monkeypatch):
    """Neither the command nor the plan repairs by itself."""
    wanted = []
    monkeypatch.setattr(
        "cadenza.datasets.fetching.unpack",
        lambda *arguments, repair: wanted.append(repair) or unpack(*arguments, repair=repair),
    )
    command("core")
    shutil.rmtree(command.folder / "data")
    command("core", "--repair")
    assert wanted == [False, True]
    with pytest.raises(TypeError):
        fetch_parts(challenge="icassp", parts=(), repairs=True)
