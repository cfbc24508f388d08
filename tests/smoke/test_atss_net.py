"""The whole workflow of atss_net at scale smoke."""

import json
import signal

import pandas as pd
import pytest
import torch

from conftest import Checkout
from sepflow.jobs.requeue import WarnedError
from sepflow.models.artefact import load_model, read_uses
from sepflow.planning.workflow import FORMATS
from sepflow.training.train import train
from test_ending import check_same, signalled
from test_training import one_thread

__all__ = ["one_thread"]  # a fixture
NAME = "atss_net"
ROWS = {"speaker": 1, "table2": 3, "table3": 4, "selection": 4, "enhancement": 3}


def cells(checkout: Checkout, table: str) -> pd.DataFrame:
    return pd.read_csv(checkout.root / f"results/smoke/tables/{NAME}/{table}.csv")


def model(checkout: Checkout, label: str):
    return checkout.root / f"results/runs/{checkout.planned_here().find(label).name}/model.safetensors"


@pytest.mark.parametrize("table", ROWS)
def test_every_table_has_all_its_rows(finished, table):
    found = cells(finished, table)
    assert found.iloc[:, 0].nunique() == ROWS[table]
    assert all(
        (finished.root / f"results/smoke/tables/{NAME}/{table}{end}").stat().st_size > 200 for end in FORMATS
    )
    numbers = found[~found["metric"].isin(["entropy", "parameters"])]
    assert numbers["ours"].notna().all() and (numbers["ci_low"] <= numbers["ci_high"]).all()


def test_a_share_is_one_and_an_sdr_goes_together(finished):
    shares = cells(finished, "selection").set_index("metric")["ours"]
    assert shares[["right_speaker", "chosen_right", "swapped_right"]].between(0, 100).all()
    entropy = cells(finished, "selection").query("metric == 'entropy'").set_index("Model")["ours"]
    assert entropy[["Atss-Net", "Atss-Net (PIT)"]].between(0, 100).all()
    assert entropy[["VoiceFilter", "Atss-Net (w/o Att)"]].isna().all()
    table = cells(finished, "table3").pivot(index="Model", columns="metric", values="ours")
    found = table["target_sdr"] - table["target_sdr_before"]
    assert found.to_numpy() == pytest.approx(table["target_sdri"].to_numpy(), abs=0.002)
    assert table["target_sdr_before"].nunique() == 1


def test_each_extraction_is_saved_with_the_speaker_network_as_it_was_trained(finished):
    speaker, _ = load_model(model(finished, "speaker"))
    for label in ("atss_net", "voicefilter", "pit", "atss_net_enhancing"):
        weights, _ = load_model(model(finished, label))
        own = {key.removeprefix("uses.speaker."): x for key, x in weights.items() if key.startswith("uses.")}
        assert own.keys() == speaker.keys() and list(read_uses(model(finished, label))) == ["speaker"]
        assert all(torch.equal(x, speaker[key]) for key, x in own.items())


@pytest.mark.parametrize(("where", "moment"), [("training_step", 3), ("validation_step", 1)])
@pytest.mark.parametrize("label", ["speaker", "atss_net", "pit"])
def test_a_training_told_to_end_goes_on_to_the_same_model(
    finished, tmp_path, monkeypatch, label, where, moment
):
    """Batches of random lengths, batch norms, trials that are counted in bins, a frozen speaker network."""
    whole = model(finished, label).parent
    spec, out = json.loads((whole / "spec.json").read_text()), tmp_path / "broken"
    with monkeypatch.context() as patch, pytest.raises(WarnedError, match="saved at step"):
        signalled(patch, where, signal.SIGTERM, moment)
        train(spec, out, finished.root / "results")
    assert not (out / "model.safetensors").exists()
    train(spec, out, finished.root / "results")
    check_same(whole, out)
