"""Recordings of any length: chunks in one order, files in and out, and what is refused."""

import io
import json
import resource
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import soxr
import torch
import yaml

from conftest import environment
from sepflow.applying.chunks import best_order, chunks, separate_chunks
from sepflow.applying.inference import Estimator
from sepflow.applying.recordings import Options
from sepflow.applying.separate import separate
from sepflow.applying.streams import resampled
from sepflow.cli import main
from sepflow.errors import SepflowError
from sepflow.models.artefact import save_model
from sepflow.planning import plan
from sepflow.tasks.built import build
from sepflow.tasks.selection import select_by_energy

RATE = 8000


def spec(sources: int, objective: str) -> dict:
    return {
        "task": "separation",
        "model": {"name": "conv_tasnet", "sources": sources, "filters": 16, "kernel": 32, "stride": 16,
                  "bottleneck": 8, "hidden": 16, "skip": 8, "conv_kernel": 3, "blocks": 2, "repeats": 1,
                  "mask": "relu"},
        "objective": {"name": objective, "loss": "thresholded_snr", "max_snr": 30.0, "consistency": True},
        "data": {"mix": {"corpus": {"rate": RATE}}},
    }  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """{objective: path of a small model}: pit with two outputs, mixit with four."""
    folder, paths = tmp_path_factory.mktemp("models"), {}
    for objective, sources in {"pit": 2, "mixit": 4}.items():
        torch.manual_seed(0)
        paths[objective] = folder / objective / "model.safetensors"
        trained = spec(sources, objective)
        save_model(paths[objective], build(trained).model.state_dict(), trained)
    return paths


def noise(*shape, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32) * 0.1


def write(path, samples, rate=RATE, **how):
    soundfile.write(path, samples, rate, **({"subtype": "FLOAT"} if path.suffix == ".wav" else {}) | how)
    return path


def read(*paths) -> np.ndarray:
    return np.stack([soundfile.read(path, dtype="float32")[0] for path in paths])


def run(model, files, out, **options):
    return list(separate(model, files, out, Options(**options)))


def cut(signal, lengths):
    """A signal in blocks of these lengths, over and over."""
    at, turn = 0, 0
    while at < len(signal):
        yield signal[at : at + lengths[turn % len(lengths)]]
        at, turn = at + lengths[turn % len(lengths)], turn + 1


# Chunks


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize(
    ("length", "size", "overlap"),
    [(50_000, 4000, 800), (50_000, 4000, 3000), (4001, 4000, 800), (4000, 4000, 800), (7200, 4000, 800),
     (7201, 4000, 800), (10, 4000, 800), (9999, 1000, 1)],
)  # fmt: skip
def test_channels_that_change_places_in_every_chunk_come_out_in_order(channels, length, size, overlap):
    """A model that knows the sources, but shuffles them anew in each chunk: not a sample may differ."""
    rng = np.random.default_rng(length + channels)
    sources = noise(channels, length, seed=3)
    orders = []

    def shuffled(chunk):
        orders.append(rng.permutation(channels))
        begin = int(chunk[0])  # the signal counts its samples
        return sources[orders[-1], begin : begin + len(chunk)]

    clock = np.arange(length, dtype=np.float32)
    blocks = list(separate_chunks(cut(clock, [1, 700, 13_000, 5]), shuffled, size, overlap))
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), sources[orders[0]])
    assert len(orders) == max(1, -(-(length - overlap) // (size - overlap)))


@pytest.mark.parametrize("length", [1, 999, 1000, 1001, 1800, 1801, 25_000])
def test_chunks_are_whole_and_tell_what_they_share(length):
    signal, end = np.arange(length, dtype=np.float32), 0
    for chunk, known in chunks(cut(signal, [333, 4096]), 1000, 200):
        begin = end - known
        np.testing.assert_array_equal(chunk, signal[begin : begin + len(chunk)])
        assert len(chunk) == min(1000, length) and known >= (200 if end else 0)
        end = begin + len(chunk)
    assert end == length


def test_neighbours_fade_into_each_other_and_sum_to_the_mixture():
    """Two chunks that disagree: the seam has no step, and each sample's estimates sum to the mixture."""
    levels = iter([0.25, 0.75])

    def constant(chunk):
        level = next(levels)
        return np.stack([level * chunk, (1 - level) * chunk])

    mixture = np.ones(1500, np.float32)
    # In order of the first, the second chunk's louder channel is the second.
    found = np.concatenate(list(separate_chunks([mixture], constant, 1000, 500)), axis=1)
    np.testing.assert_allclose(found.sum(0), mixture, atol=1e-6)
    np.testing.assert_allclose(found[0], 0.25, atol=1e-6)
    levels = iter([0.25, 0.35])
    found = np.concatenate(list(separate_chunks([mixture], constant, 1000, 500)), axis=1)
    assert found[0, 499] == pytest.approx(0.25, abs=1e-4) and found[0, 1001] == pytest.approx(0.35, abs=1e-4)
    assert found[0, 750] == pytest.approx(0.30, abs=1e-3)
    assert np.abs(np.diff(found[0])).max() < 1e-3


def test_where_nothing_is_heard_the_order_stays():
    silent, loud = np.zeros((4, 100), np.float32), noise(4, 100)
    for wanted, given in [(silent, silent), (silent, loud), (loud, silent), (loud[:1].repeat(4, 0),) * 2]:
        np.testing.assert_array_equal(best_order(wanted, given), range(4))
    faint = 1e-12 * loud
    np.testing.assert_array_equal(best_order(faint, faint[[2, 0, 3, 1]]), [1, 3, 0, 2])


# Resampling


@pytest.mark.parametrize(
    "rates", [(16000, 8000), (44100, 8000), (8000, 44100), (11025, 16000), (48000, 8000)]
)
@pytest.mark.parametrize("length", [1, 1001, 200_003])
def test_a_stream_is_resampled_as_the_whole(rates, length):
    source, target = rates
    signal, wanted = noise(length, 2), -(-length * target // source)
    found = np.concatenate(list(resampled(cut(signal, [65536, 7]), source, target, wanted)))
    assert found.shape == (wanted, 2)
    silence = np.zeros((source, 2), np.float32)
    whole = soxr.resample(np.concatenate([signal, silence]), source, target, quality="VHQ")
    np.testing.assert_allclose(found, whole[:wanted], atol=1e-5)
    assert sum(map(len, resampled(cut(signal, [65536, 7]), source, target, wanted // 2))) == wanted // 2


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_there_and_back_there_is_no_delay(rate):
    """What fits the lower band comes back to where it was, to the sample."""
    time = np.arange(3 * rate + 17) / rate
    signal = (np.sin(2 * np.pi * 440 * time) * np.hanning(len(time))).astype(np.float32)
    length = -(-len(signal) * RATE // rate)
    down = resampled(cut(signal, [4096]), rate, RATE, length)
    back = np.concatenate(list(resampled(down, RATE, rate, len(signal))))
    np.testing.assert_allclose(back, signal, atol=1e-4)


# Files


def test_a_short_recording_is_what_the_separator_gives(models, tmp_path):
    mixture = noise(7 * RATE + 3)
    run(models["pit"], [write(tmp_path / "a.wav", mixture)], tmp_path / "out", device="cpu")
    found = read(tmp_path / "out/a_1.wav", tmp_path / "out/a_2.wav")
    np.testing.assert_array_equal(found, Estimator(models["pit"], "cpu")(mixture).numpy())
    assert soundfile.info(tmp_path / "out/a_1.wav").subtype == "FLOAT"


@pytest.mark.parametrize(
    ("name", "rate", "seconds"),
    [("a.wav", 8000, 23.4567), ("a.flac", 16000, 12.00013), ("a.ogg", 44100, 11.111),
     ("a.wav", 44100, 0.00001), ("a.flac", 11025, 10.0), ("a.wav", 8000, 0.0002)],
)  # fmt: skip
def test_outputs_are_as_long_as_the_recording_and_sum_to_it(models, tmp_path, name, rate, seconds):
    length = max(1, int(seconds * rate))
    # In a band that all of the rates hold, so that nothing is lost on the way.
    signal = soxr.resample(noise(-(-length * 4000 // rate) + 4000), 4000, rate)[:length] * 0.5
    signal *= np.minimum(1, np.minimum(np.arange(length), np.arange(length)[::-1]) / 400)
    path = write(tmp_path / name, signal, rate)
    heard = read(path)[0]
    (done,) = run(models["pit"], [path], tmp_path / "out", device="cpu")
    found = read(*done.outputs)
    assert found.shape == (2, length) and soundfile.info(done.outputs[0]).samplerate == rate
    edge = 200 if name == "a.ogg" else 0  # lossy: it ends on a step
    np.testing.assert_allclose(found.sum(0)[edge : length - edge], heard[edge : length - edge], atol=2e-4)


def test_a_loud_recording_is_not_clipped(models, tmp_path):
    loud = 20 * noise(RATE)
    (done,) = run(models["pit"], [write(tmp_path / "a.wav", loud)], tmp_path / "out", device="cpu")
    np.testing.assert_allclose(read(*done.outputs).sum(0), loud, atol=1e-4)


def test_the_outputs_may_have_another_rate(models, tmp_path):
    path = write(tmp_path / "a.wav", noise(2 * 44100 + 1), 44100)
    (done,) = run(models["pit"], [path], tmp_path / "out", device="cpu", rate=RATE)
    assert soundfile.info(done.outputs[0]).samplerate == RATE
    followed = np.append(read(path)[0], np.zeros(44100, np.float32))
    mixture = soxr.resample(followed, 44100, RATE, quality="VHQ")[: 2 * RATE + 1]
    wanted = Estimator(models["pit"], "cpu")(mixture)
    np.testing.assert_allclose(read(*done.outputs), wanted, atol=1e-5)


def test_silence_stays_finite(models, tmp_path):
    signal = np.concatenate([np.zeros(12 * RATE, np.float32), noise(RATE), np.zeros(12 * RATE, np.float32)])
    (done,) = run(models["pit"], [write(tmp_path / "a.wav", signal)], tmp_path / "out", device="cpu")
    np.testing.assert_allclose(read(*done.outputs).sum(0), signal, atol=1e-5)


@pytest.mark.parametrize(("channel", "heard"), [(0, [1, 0]), (1, [0, 1]), ("mean", [0.5, 0.5])])
def test_of_several_channels_the_one_asked_for_is_heard(models, tmp_path, channel, heard):
    stereo = noise(9000, 2)
    path = write(tmp_path / "a.wav", stereo)
    (done,) = run(models["pit"], [path], tmp_path / "out", device="cpu", channel=channel)
    np.testing.assert_allclose(read(*done.outputs).sum(0), stereo @ np.float32(heard), atol=1e-5)


def test_the_loudest_are_those_of_the_whole_recording(models, tmp_path, monkeypatch):
    """Four estimates; the first and last are loudest in all, though the others are in the first chunk."""
    length = 40 * RATE
    sources = noise(4, length, seed=5) * np.float32([[1.0], [0.3], [0.3], [0.8]])
    sources[:, : 8 * RATE] *= np.float32([[0.1], [2.0], [2.0], [0.1]])
    rng = np.random.default_rng(1)

    def shuffled(_, chunk):
        order = rng.permutation(4) if chunk[0] else range(4)
        return torch.from_numpy(sources[order, int(chunk[0]) : int(chunk[0]) + len(chunk)])

    monkeypatch.setattr(Estimator, "__call__", shuffled)
    path = write(tmp_path / "a.wav", np.arange(length, dtype=np.float32))
    (two,) = run(models["mixit"], [path], tmp_path / "two", device="cpu")
    np.testing.assert_allclose(read(*two.outputs), sources[[0, 3]], atol=1e-7)
    wanted = select_by_energy(torch.from_numpy(sources), 3).numpy()
    (three,) = run(models["mixit"], [path], tmp_path / "three", device="cpu", sources=3)
    np.testing.assert_allclose(read(*three.outputs), wanted, atol=1e-7)
    (every,) = run(models["mixit"], [path], tmp_path / "all", device="cpu", selection="none")
    np.testing.assert_allclose(read(*every.outputs), sources, atol=1e-7)
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == ["a_1.wav", "a_2.wav"]


def test_memory_does_not_grow_with_the_recording(models, tmp_path):
    """Twenty minutes at 16 kHz are 77 MB a signal: the peak may not be 25 MB over that of one minute."""
    script = (
        "import resource, sys; from sepflow.cli import main\n"
        "for name in ('1.wav', '20.wav'):\n"
        "    assert main(['separate', sys.argv[1], name, '--out', 'out', '--device', 'cpu']) == 0\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    for minutes in (1, 20):
        write(tmp_path / f"{minutes}.wav", np.tile(noise(16000), 60 * minutes), 16000)
    command = [sys.executable, "-c", script, str(models["pit"])]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert soundfile.info(tmp_path / "out/20_2.wav").frames == 20 * 60 * 16000
    short, long = (int(line) / 1024 for line in done.stdout.splitlines()[1::2])
    assert long - short < 25, (short, long)


# What is refused


def test_all_bad_files_are_told_at_once_and_nothing_is_separated(models, tmp_path):
    whole = write(tmp_path / "good.wav", noise(9000))
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.wav").write_text("not audio")
    (tmp_path / "cut.wav").write_bytes(whole.read_bytes()[:9000])
    for name, place, value in [
        ("nan.wav", 10, np.nan),
        ("inf.wav", 99_000, np.inf),
    ]:  # in a first, a last block
        broken = noise(100_000)
        broken[place] = value
        write(tmp_path / name, broken)
    write(tmp_path / "empty.wav", noise(0))
    write(tmp_path / "stereo.wav", noise(900, 2))
    write(tmp_path / "folder/good.flac", noise(900))
    names = ["good.wav", "missing.wav", "folder", "text.wav", "cut.wav", "nan.wav", "inf.wav", "empty.wav",
             "stereo.wav", "folder/good.flac"]  # fmt: skip
    with pytest.raises(SepflowError) as caught:
        run(models["pit"], [tmp_path / name for name in names], tmp_path / "out", device="cpu")
    lines = str(caught.value).splitlines()
    wanted = ["no such file", "a directory", "does not decode", "cut short", "holds NaN", "holds NaN",
              "no samples", "--channel mean", f"names of those of {whole}"]  # fmt: skip
    assert "9 problems" in lines[0]
    for name, reason, line in zip(names[1:], wanted, lines[1:-1], strict=True):
        assert line.startswith(f"  {tmp_path / name}: ") and reason in line
    assert not (tmp_path / "out").exists()


def test_no_recording_is_written_over(models, tmp_path):
    paths = [write(tmp_path / name, noise(900)) for name in ("talk.wav", "talk_2.wav")]
    with pytest.raises(SepflowError, match=r"talk_2\.wav: an output would be written over it"):
        run(models["pit"], paths, tmp_path, device="cpu")
    with pytest.raises(SepflowError, match="no channel 1"):
        run(models["pit"], paths[:1], tmp_path, device="cpu", channel=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"chunk": 1.0}, "--overlap 2"), ({"overlap": 0.0}, "--overlap 0"), ({"sources": 3}, "--sources 3"),
     ({"chunk": float("nan")}, "--overlap 2"), ({"chunk": float("inf")}, "--chunk inf --overlap 2")],
)  # fmt: skip
def test_options_that_make_no_sense_are_refused(models, tmp_path, options, message):
    with pytest.raises(SepflowError, match=message):
        run(models["pit"], [write(tmp_path / "a.wav", noise(900))], tmp_path / "out", device="cpu", **options)


def test_a_failure_on_the_way_leaves_the_old_outputs(models, tmp_path, monkeypatch):
    """Those of the recording before are whole, nothing half-written lies about."""
    paths = [write(tmp_path / f"{name}.wav", noise(30 * RATE)) for name in "ab"]
    run(models["pit"], paths[1:], tmp_path / "out", device="cpu")
    before, separator, calls = read(tmp_path / "out/b_1.wav"), Estimator.__call__, iter(range(99))
    monkeypatch.setattr(
        Estimator, "__call__", lambda *x: separator(*x) * (np.nan if next(calls) == 5 else 0.5)
    )
    with pytest.raises(SepflowError, match=r"b\.wav: the model gives NaN"):
        run(models["pit"], paths, tmp_path / "out", device="cpu")
    found = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert found == ["a_1.wav", "a_2.wav", "b_1.wav", "b_2.wav"]
    np.testing.assert_array_equal(read(tmp_path / "out/b_1.wav"), before)
    np.testing.assert_allclose(read(tmp_path / "out/a_1.wav"), before / 2, atol=1e-7)


def test_what_cannot_be_written_is_said(models, tmp_path):
    path = write(tmp_path / "a.wav", noise(900))
    (tmp_path / "taken").write_text("")
    with pytest.raises(SepflowError, match="taken: "):
        run(models["pit"], [path], tmp_path / "taken", device="cpu")
    path = write(tmp_path / "long.wav", noise(30 * RATE))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))  # as if the disk were full
    try:
        with pytest.raises(SepflowError, match=r"long_1\.wav: cannot be written"):
            run(models["pit"], [path], tmp_path / "out", device="cpu")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list((tmp_path / "out").iterdir()) == []


# The command


def test_the_command_separates(models, tmp_path, capsys):
    for name in ("a.wav", "b.flac"):
        write(tmp_path / name, noise(16_000, 2) * np.float32([0, 1]), 16_000)
    words = ["separate", str(models["pit"].parent), str(tmp_path / "a.wav"), str(tmp_path / "b.flac")]
    words += ["--out", str(tmp_path / "out"), "--device", "cpu", "--channel", "mean", "--chunk", "0.5"]
    assert main([*words, "--overlap", "0.1", "--rate", "8000"]) == 0
    lines = capsys.readouterr()
    for line, name in zip(lines.out.splitlines(), ("a.wav", "b.flac"), strict=True):
        outputs = [tmp_path / "out" / f"{name[0]}_{k}.wav" for k in (1, 2)]
        assert line.startswith(f"{tmp_path / name}: 1.0 s, {outputs[0]} {outputs[1]}, ")
        assert line.endswith(" times real time") and read(*outputs).shape == (2, 8000)
    assert lines.err == ""  # no bar but on a terminal
    mean = read(*outputs).sum(0)
    assert main([*words, "--overlap", "0.1", "--rate", "8000", "--channel", "1"]) == 0
    np.testing.assert_allclose(read(*outputs).sum(0), 2 * mean, atol=1e-4)
    assert np.abs(mean).max() > 0.01
    capsys.readouterr()
    assert main([*words, "--overlap", "0.6"]) == 1
    assert "error: --chunk 0.5 --overlap 0.6" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*words, "--channel", "left"])
    assert "neither mean nor a number" in capsys.readouterr().err


def test_on_a_terminal_a_bar_shows_how_far_it_is(models, tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    run(models["pit"], [write(tmp_path / "a.wav", noise(30 * RATE))], tmp_path / "out", device="cpu")
    assert "a.wav |" in sys.stderr.getvalue() and "/30 s of audio" in sys.stderr.getvalue()


def save_planned(checkout, path) -> None:
    """An untrained model at `path`, of the run in whose directory this is."""
    config = yaml.safe_load((checkout.root / "config/config.yaml").read_text())
    planned = plan.load(config, checkout.root).runs[path.parent.name].spec
    save_model(path, build(planned).weights(), planned)


def test_the_command_finds_the_run_of_a_plan(models, checkout, tmp_path, capsys):
    path = write(tmp_path / "a.wav", noise(900))
    tail = [str(path), "--out", str(tmp_path / "out"), "--device", "cpu", "--directory", str(checkout.root)]

    def message(name):
        assert main(["separate", name, *tail]) == 1
        return capsys.readouterr().err

    found = message("finetuned")
    assert "finetuned: not trained yet at scale tiny" in found
    assert "snakemake results/runs/" in found and "--config scale=tiny" in found
    place = checkout.root / found.split("snakemake ")[1].split()[0]
    place.parent.mkdir(parents=True)
    assert "no model.safetensors in it" in message(str(place.parent))
    place.write_bytes(models["pit"].read_bytes())
    assert "the model of another run" in message("finetuned")
    save_planned(checkout, place)
    for name in ("finetuned", place.parent.name[:8], str(place.parent), str(place)):
        assert main(["separate", name, *tail]) == 0
        assert json.dumps(str(tmp_path / "out/a_2.wav"))[1:-1] in capsys.readouterr().out
    assert "finetunde" in message("finetunde") and "no such file" in message("some/model.safetensors")
    place.write_text("no model")
    assert "not a whole model file" in message("finetuned")
