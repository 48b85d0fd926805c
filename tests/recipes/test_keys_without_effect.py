"""Keys on the command line that only another script of the recipe uses."""

from __future__ import annotations

import pytest

from cadenza.challenges.options import Cad1Task1, Cad2Task2, Icassp2024
from cadenza.runner.options import without_effect

from .command_line import recipe

__all__ = ["recipe"]


@pytest.mark.parametrize(
    ("options", "script", "others"),
    [
        (Cad1Task1, "evaluate", ["enhance", "test", "pack_submission", "merge_batches_results"]),
        (Cad2Task2, "evaluate", ["enhance", "merge_batches_results"]),
        (Icassp2024, "enhance", ["merge_batches_results"]),
        (Icassp2024, "evaluate", []),
    ],
)
def test_the_release_is_known_to_have_no_effect_in_some_scripts(options, script, others):
    given = {"release", "split"}
    assert without_effect(options, script, given) == []
    assert without_effect(options, script, set()) == []
    for other in others:
        (message,) = without_effect(options, other, given)
        assert message.startswith(f"release has no effect in {other}.py; it is for ")
        assert f"{script}.py" in message


def test_a_key_without_effect_is_a_warning_if_it_is_given(recipe):
    assert recipe("release=published") == 0
    assert "has no effect" not in recipe.seen
    merge = {"name": "merge_batches_results.py"}
    assert recipe(**merge) == 0
    assert "has no effect" not in recipe.seen
    assert recipe("release=published", **merge) == 0
    warning = "release has no effect in merge_batches_results.py; it is for enhance.py and evaluate"
    assert recipe.seen.count(f"warning: {warning}") == 1
