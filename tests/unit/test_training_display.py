"""Progress on the screen, and what the memory allocator is told."""

from __future__ import annotations

import logging
import subprocess
import sys

from cadenza.training.display import EpochDisplay


def test_progress_without_a_terminal_is_logged_now_and_then(monkeypatch, caplog):
    clock = iter(range(0, 10_000, 25))
    monkeypatch.setattr("cadenza.training.display.time.monotonic", lambda: next(clock))
    caplog.set_level(logging.INFO)
    with EpochDisplay(3, n_batches=20, n_done=10) as display:
        for n_done in range(11, 21):
            display.batch(n_done, 0.5 / n_done)
    assert [record.message for record in caplog.records] == [
        "epoch 3: 13 of 20 batches, training loss 0.03846, 3 min left",
        "epoch 3: 16 of 20 batches, training loss 0.03125, 2 min left",
        "epoch 3: 19 of 20 batches, training loss 0.02632, 25 s left",
    ]


def test_progress_on_a_terminal_is_a_bar_with_the_loss(monkeypatch, capsys):
    monkeypatch.setattr(type(sys.stderr), "isatty", lambda _self: True, raising=False)
    with EpochDisplay(3, n_batches=4, n_done=1) as display:
        display._bar.mininterval = 0
        display.batch(2, 0.25)
    shown = capsys.readouterr().err
    assert "epoch 3:  50%" in shown
    assert "2/4" in shown
    assert "loss=0.25000" in shown


def test_the_allocator_is_told_on_linux():
    program = "from cadenza.training.allocator import reuse_freed_memory as f; print(f())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    expected = sys.platform.startswith("linux")
    assert done.stdout.strip() == str(expected), done.stderr
