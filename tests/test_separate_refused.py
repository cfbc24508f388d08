"""What `sepflow separate` refuses with the cause, before anything is written; outputs come all or none."""

import os

import numpy as np
import pytest
import soundfile

from pretraining import RATE, TASKS, build
from sepflow.applying.outputs import write_loudest
from sepflow.applying.recordings import Options, find_model
from sepflow.applying.separate import separate
from sepflow.cli import main
from sepflow.errors import SepflowError
from sepflow.models.artefact import save_model
from test_contrastive import CONV_TASNET


def model(folder, task):
    """A model of `task`, untrained."""
    said, sources = TASKS[task]
    spec = {"task": task, "seed": 3, "data": {"mix": {"corpus": {"rate": RATE}}}}
    spec |= {"model": CONV_TASNET | {"sources": sources}} | said
    path = folder / task / "model.safetensors"
    save_model(path, build(task).weights(), spec)
    return path


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(900), RATE)
    return path


@pytest.mark.parametrize("task", TASKS)
def test_a_model_that_separates_nothing_is_refused_by_its_task(tmp_path, recording, capsys, task):
    words = ["separate", str(model(tmp_path, task)), str(recording), "--out", str(tmp_path / "out")]
    separates = task in ("separation", "multi_task")
    assert main([*words, "--device", "cpu"]) == (0 if separates else 1)
    assert (tmp_path / "out").exists() == separates
    if not separates:
        said = capsys.readouterr().err
        assert f"a model of the task {task}, which is for others to begin with and separates nothing" in said


def written(outputs):
    """What is written where two estimates have the samples 1, 1 and 2, 2."""
    write_loudest([np.float32([[1, 1], [2, 2]])], outputs, RATE, RATE, 2)
    return [soundfile.read(path)[0][0] for path in outputs]


def test_outputs_are_replaced_all_or_none(tmp_path):
    outputs = [tmp_path / "a_1.wav", tmp_path / "a_2.wav"]
    assert written(outputs) == [1, 2]
    outputs[0].write_text("old")
    outputs[1].unlink()
    outputs[1].mkdir()
    with pytest.raises(SepflowError, match=r"a_1\.wav: cannot be written"):
        written(outputs)
    assert outputs[0].read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a_1.wav", "a_2.wav"]
    outputs[1].rmdir()
    assert written(outputs) == [1, 2]


def test_outputs_may_have_names_that_are_not_utf8(tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    write_loudest([np.float32([[1, 1]])], [folder / "a_1.wav"], RATE, RATE, 2)
    assert (folder / "a_1.wav").stat().st_size > 8


@pytest.mark.parametrize("name", [b"caf\xe9.wav", b"\x1b[2J.wav", "\u202egnp.wav".encode()])
def test_no_name_of_a_file_harms_the_terminal(tmp_path, recording, capsys, name):
    odd = tmp_path / os.fsdecode(name)
    recording.rename(odd)
    out, chosen = tmp_path / "out", str(model(tmp_path, "separation"))
    words = ["separate", chosen, "--out", str(out), "--device", "cpu"]
    assert main([*words, str(odd)]) == 0
    assert main([*words, str(odd), str(odd.with_name("b" + odd.name))]) == 1
    said = capsys.readouterr()
    assert "no such file" in said.err and (out / f"{odd.stem}_1.wav").exists()
    assert not set("\x1b\udce9\u202e") & set(said.out + said.err)


@pytest.mark.parametrize("rate", [1, 999, 2_000_000_000])
def test_rates_that_no_recording_has_are_refused(tmp_path, recording, rate):
    with pytest.raises(SepflowError, match=f"--rate: a rate of {rate} Hz: 1000 to 10000000 Hz"):
        list(
            separate(model(tmp_path, "separation"), [recording], tmp_path / "out", Options("cpu", rate=rate))
        )
    assert not (tmp_path / "out").exists()


def test_links_in_a_circle_and_paths_too_long_are_messages(tmp_path):
    (tmp_path / "x.wav").symlink_to("x.wav")
    bad = [tmp_path / "x.wav", tmp_path / ("y" * 300), tmp_path / ("z/" * 2500)]
    with pytest.raises(SepflowError) as caught:
        list(separate(model(tmp_path, "separation"), bad, tmp_path / "out", Options("cpu")))
    for path, reason in zip(bad, ["leads back to itself", "name too long", "name too long"], strict=True):
        assert f"{path}: " in str(caught.value) and reason in str(caught.value)
    for path in bad:
        with pytest.raises(SepflowError, match="no such file"):
            find_model(str(path), dict, tmp_path)


def test_a_number_of_sources_without_a_selection_is_refused(tmp_path, recording):
    with pytest.raises(SepflowError, match="--selection none keeps all"):
        list(
            separate(
                model(tmp_path, "separation"),
                [recording],
                tmp_path / "out",
                Options("cpu", selection="none", sources=1),
            )
        )
