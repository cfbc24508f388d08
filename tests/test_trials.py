"""`sepflow score verification`: scored trials on disk."""

import json

import numpy as np
import pandas as pd
import pytest

from sepflow.cli import main
from sepflow.metrics.aggregates import eer


def trials(count: int = 200, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    speakers = rng.integers(0, 10, (count, 2))
    speakers[::2, 1] = speakers[::2, 0]
    same = (speakers[:, 0] == speakers[:, 1]).astype(int)
    score = rng.normal(same, 0.7).round(3)
    names = [f"s{k}" for k in range(10)]
    return pd.DataFrame({"score": score, "same": same, "speaker_1": np.take(names, speakers[:, 0]),
                         "speaker_2": np.take(names, speakers[:, 1])})  # fmt: skip


def scored(tmp_path, capsys, table: pd.DataFrame, *more: str) -> tuple[int, str, str]:
    table.to_csv(tmp_path / "scores.csv", index=False)
    code = main(["score", "verification", "--scores", str(tmp_path / "scores.csv"), *more])
    return code, *capsys.readouterr()


def test_the_error_rate_has_an_interval_over_speakers_where_they_are_known(tmp_path, capsys):
    code, out, _ = scored(tmp_path, capsys, trials(), "--det", str(tmp_path / "det.svg"))
    found = json.loads(out)
    table = trials()
    exact = eer(np.full((1, 200), 1 / 200), table[["score", "same"]].to_numpy(float))[0]
    assert code == 0 and found["eer"] == pytest.approx(100 * exact) and found["trials"] == 200
    assert found["interval_over"] == "speakers" and found["same"] == table["same"].sum()
    low, high = found["eer_interval"]
    assert low < found["eer"] < high and 0 < found["min_dcf"] <= 1
    assert "misses (%)" in (tmp_path / "det.svg").read_text()
    alone = json.loads(scored(tmp_path, capsys, trials()[["score", "same"]])[1])
    assert alone["interval_over"] == "trials" and alone["eer"] == found["eer"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop(columns="same"), "no column same"),
        (lambda t: t.assign(score=np.nan), "line 2: score: no finite number"),
        (lambda t: t.assign(same=2), "line 2: same: neither 1 nor 0"),
        (lambda t: t[t["same"] == 1], "trials of one sort alone"),
        (lambda t: t.head(1), "trials of one sort alone"),
        (lambda t: t.drop(columns="speaker_2"), "speaker_1 alone"),
        (lambda t: t.assign(same=1 - t["same"]), "same is not what the speakers say"),
    ],
)
def test_what_is_no_trial_is_told(tmp_path, capsys, change, said):
    code, out, error = scored(tmp_path, capsys, change(trials()))
    assert code == 1 and said in error and not out
