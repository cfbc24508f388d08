"""The plan of ssl_pretraining: the paper's settings and numbers, and the fairness of its comparisons."""

import pytest

from conftest import ROOT
from sepflow.identity import digest, parts_of
from sepflow.mixes.recipes import unlabelled
from sepflow.planning import plan

NAME = "ssl_pretraining"
SCALES = ("paper", "demo", "smoke")

# Names that users have on disk; of `cc` and `pt_ft_cc` not yet.
FROZEN = {
    "se": "902eacc1a166",
    "mama": "0913e533bb80",
    "scratch": "d36ded15477f",
    "pt_ft": "6ffa792f5fd9",
    "pt_ft_mama": "0100d7bea2b6",
    "multi_task": "55126c401307",
    "scratch_libri": "45b3eb32ac46",
    "pt_ft_libri": "4b916316d8f2",
    "multi_task_libri": "61206bdaf5f5",
    "scratch_200": "daf2ad53231e",
    "pt_ft_200": "a44b128fa2d5",
    "se_dprnn": "029f27b42e99",
    "scratch_dprnn": "353705a052f3",
    "pt_ft_dprnn": "1bbde14c8c2b",
    "se_dptnet": "6801d44e06ae",
    "scratch_dptnet_4": "2fd6e27abddc",
    "pt_ft_dptnet_4": "9e1d619b5380",
    "scratch_dptnet_1": "2de93499da48",
    "pt_ft_dptnet_1": "7e1cb7552d87",
}

# Sections 4 and 5.3, and the authors' configurations.
NETWORKS = {
    "conv_tasnet": {"filters": 512, "kernel": 16, "stride": 8},
    "dprnn": {"filters": 64, "kernel": 2, "stride": 1, "chunk": 250},
    "dptnet": {"filters": 64, "kernel": 2, "stride": 1},
}
SECONDS = {"conv_tasnet": 3.0, "dprnn": 2.0, "dptnet": 4.0}

# Tables 1-3 of the paper's text, row by row: SI-SNRi, SDRi. Of (g) it says that they are SI-SNR and SDR.
TABLE1 = [(15.6, 15.8), (16.3, 16.5), (16.2, 16.5), (15.5, 15.8)]
TABLE2 = [(13.2, 13.6), (14.1, 14.6), (13.7, 14.1), (15.6, 15.8), (16.3, 16.5), (15.7, 16.0)]
TABLE3 = {
    "a": ("Conv-TasNet", "", 4, "-", 15.3, 15.6), "b": ("Conv-TasNet", 24, 3, "-", 15.6, 15.8),
    "c": ("Conv-TasNet", 24, 3, "SE", 16.3, 16.5), "d": ("DPRNN", "", 4, "-", 18.8, 19.0),
    "e": ("DPRNN", 24, 2, "-", 17.0, 17.3), "f": ("DPRNN", 24, 2, "SE", 18.6, 18.9),
    "g": ("DPTNet", "", 4, "-", 20.2, 20.6), "h": ("DPTNet", 4, 4, "-", 20.4, 20.6),
    "i": ("DPTNet", 4, 4, "SE", 20.8, 21.0), "j": ("DPTNet", 1, 4, "-", 20.7, 20.9),
    "k": ("DPTNet", 1, 4, "SE", 21.3, 21.5), "l": ("Sandglasnet", "", 4, "-", 21.0, 21.2),
}  # fmt: skip


def load(scale: str = "paper", *papers: str, root=ROOT) -> plan.Plan:
    return plan.load({"scale": scale, "papers": list(papers or [NAME])}, root)


def spec_of(found: plan.Plan, label: str) -> dict:
    return found.find(label).spec


def rows_of(found: plan.Plan, table: str) -> dict[str, dict]:
    return {row["id"]: row for row in found.tables[NAME, table]["rows"]}


def run_of(found: plan.Plan, row: dict) -> plan.Run:
    (name,) = row["runs"]
    return found.runs[name]


class TestThePaper:
    def test_names_are_frozen(self):
        names = {run.label: run.name for run in load().runs.values()}
        assert {x: names[x] for x in names if x not in ("cc", "pt_ft_cc")} == FROZEN

    @pytest.mark.parametrize("label", [*FROZEN, "cc", "pt_ft_cc"])
    def test_networks_batches_and_segments(self, label):
        spec = spec_of(load(), label)
        model = spec["model"]
        wanted = NETWORKS[model["name"]]
        assert {key: model[key] for key in wanted} == wanted
        assert model["name"] == next((x for x in ("dprnn", "dptnet") if x in label), "conv_tasnet")
        assert model["sources"] == (1 if label.split("_")[0] in ("se", "mama", "cc") else 2)
        assert spec["segment"] == SECONDS[model["name"]]
        assert spec["batch"] == {"dptnet": 1 if label.endswith("_1") else 4}.get(model["name"], 24)
        assert spec["seed"] == 42 and spec["patience"] == 30 and spec["precision"] == "32"

    @pytest.mark.parametrize("label", [*FROZEN, "cc", "pt_ft_cc"])
    def test_optimisers(self, label):
        settings = spec_of(load(), label)["optimizer"]
        assert (settings["name"], settings["clip"]) == ("adam", 5.0)
        if "dptnet" in label:
            assert settings["plateau"] is None
            assert (settings["lr"], settings["warmup"]) == (4e-4, 4000)
            assert settings["noam"] == {"scale": 0.2, "features": 64}
        else:
            assert settings["lr"] == 1e-3 and settings["warmup"] == 0 and settings["noam"] is None
            assert settings["plateau"] == {"factor": 0.5, "patience": 5}

    def test_epochs_of_the_separations(self):
        found = load()
        epochs = {
            run.label: run.spec["steps"] / -(-mixtures(run.spec) // run.spec["batch"])
            for run in found.runs.values()
            if run.stage != "pretrain"
        }
        for table in ("table1", "table2"):
            assert {epochs[run_of(found, row).label] for row in rows_of(found, table).values()} == {100}
        third = {key: row for key, row in rows_of(found, "table3").items() if row["runs"]}
        assert {key: epochs[run_of(found, row).label] for key, row in third.items()} == {
            **dict.fromkeys("bcef", 200),
            **dict.fromkeys("hijk", 100),
        }

    def test_what_is_trained_and_tested_on(self):
        found = load()
        mixes = {
            "se": ("librimix", "train-clean-360", 1, True),
            "scratch_libri": ("librimix", "train-clean-100", 2, False),
            "scratch": ("wsj0mix", None, 2, False),
        }
        for label, wanted in mixes.items():
            mix = spec_of(found, label)["data"]["mix"]
            assert (mix["kind"], mix.get("subset"), mix["speakers"], "noise" in mix) == wanted
            assert (mix["rate"], mix["length"], mix["split"]) == (8000, "min", "train")
        for label in ("mama", "cc", "se_dprnn", "se_dptnet"):
            assert spec_of(found, label)["data"]["mix"] == spec_of(found, "se")["data"]["mix"]
        for label in ("multi_task", "multi_task_libri"):
            assert spec_of(found, label)["joint"]["mix"] == spec_of(found, "se")["data"]["mix"]
            alone = label.replace("multi_task", "scratch")
            assert spec_of(found, label)["data"]["mix"] == spec_of(found, alone)["data"]["mix"]

    def test_each_fine_tuning_begins_with_its_pre_training(self):
        found = load()
        inits = {"pt_ft_mama": "mama", "pt_ft_cc": "cc", "pt_ft_dprnn": "se_dprnn"}
        inits |= {"pt_ft_dptnet_4": "se_dptnet", "pt_ft_dptnet_1": "se_dptnet"}
        for run in found.runs.values():
            wanted = inits.get(run.label, "se") if run.stage == "finetune" else None
            assert run.spec["init"] == (wanted and found.find(wanted).name)

    def test_published_numbers(self):
        found = load()
        for table, numbers in (("table1", TABLE1), ("table2", TABLE2)):
            rows = rows_of(found, table).values()
            assert [tuple(row["published"].values()) for row in rows] == numbers
            assert {tuple(row["published"]) for row in rows} == {("si_snri", "sdri")}
        rows = rows_of(found, "table3")
        said = {key: (*row["cells"][1:], *row["published"].values()) for key, row in rows.items()}
        assert said == TABLE3
        assert [row["cells"][0] for row in rows.values()] == [f"({key})" for key in TABLE3]

    def test_reported_rows(self):
        rows = rows_of(load(), "table3")
        assert [key for key, row in rows.items() if row["reported"]] == ["a", "d", "g", "l"]
        assert all(bool(row["runs"]) != row["reported"] for row in rows.values())
        assert rows["g"]["metrics"] == ["si_snr", "sdr"] == list(rows["g"]["published"])
        assert all(row["metrics"] == ["si_snri", "sdri"] for key, row in rows.items() if key != "g")

    def test_trained_rows_are_what_their_cells_say(self):
        found = load()
        names = {"Conv-TasNet": "conv_tasnet", "DPRNN": "dprnn", "DPTNet": "dptnet"}
        for row in rows_of(found, "table3").values():
            if row["runs"]:
                spec, (_, model, batch, seconds, pretrained) = run_of(found, row).spec, row["cells"]
                assert (spec["model"]["name"], spec["batch"]) == (names[model], batch)
                assert spec["segment"] == seconds and bool(spec["init"]) == (pretrained == "SE")

    def test_rows_of_table2_have_their_own_test_mixes(self):
        found = load()
        table = found.tables[NAME, "table2"]
        kinds = {key: found.mixes[row["mix"]]["kind"] for key, row in rows_of(found, "table2").items()}
        assert kinds == {
            key: "librimix" if key.endswith("libri") else "wsj0mix" for key in rows_of(found, "table2")
        }
        for row in table["rows"]:
            assert row["scores"] == [f"results/runs/{run}/scores/{row['mix']}.csv" for run in row["runs"]]
            assert found.mixes[row["mix"]]["split"] == "test"


def mixtures(spec: dict) -> int:
    return spec["data"]["first"] or unlabelled(spec["data"]["mix"])["mixtures"]


@pytest.mark.parametrize("scale", SCALES)
class TestFairness:
    """Section 4.2: the same number of update steps in training the separation, whatever the strategy."""

    def test_strategies_of_one_corpus_have_the_same_updates(self, scale):
        found, alike = load(scale), {}
        for table in {"table1", "table2"} & {table for _, table in found.tables}:
            for row in rows_of(found, table).values():
                spec = run_of(found, row).spec
                corpus = "libri" if "libri" in row["id"] else "wsj"
                key = (spec["steps"], spec["batch"], spec["segment"], digest(spec["data"]["mix"]))
                alike.setdefault(corpus, set()).add(key)
        assert set(alike) == {"libri", "wsj"} and all(len(keys) == 1 for keys in alike.values())

    def test_pairs_of_table_3_have_the_same_updates(self, scale):
        found = load(scale)
        if (NAME, "table3") not in found.tables:
            pytest.skip("not made at this scale")
        rows = rows_of(found, "table3")
        for better, than in ("cb", "fe", "ih", "kj"):
            specs = [run_of(found, rows[key]).spec for key in (better, than)]
            assert len({(x["steps"], x["batch"], x["segment"]) for x in specs}) == 1
            assert specs[0]["model"] == specs[1]["model"] and specs[0]["data"] == specs[1]["data"]

    def test_every_comparison_of_strategies_asks_for_it(self, scale):
        asked = 0
        for table in load(scale).tables.values():
            for x in table["comparisons"]:
                if not x["claim"].startswith(("BS 1", "pre-trained with BS 4")):
                    assert x["alike"] == ["steps", "batch", "segment"], x["claim"]
                    asked += 1
        assert asked >= 6

    def test_no_separation_hears_speakers_of_its_pre_training(self, scale):
        found = load(scale)
        asking = [run for run in found.runs.values() if run.stage in ("finetune", "multi_task")]
        assert len(asking) >= 4
        for run in asking:
            assert run.spec["disjoint_speakers"]
            assert bool(run.spec["init"]) != bool(run.spec["joint"])

    def test_shares_of_the_speakers_do_not_overlap(self, scale):
        mixes = {digest(run.spec[part]["mix"]): run.spec[part]["mix"] for run in load(scale).runs.values()
                 for part in parts_of(run.spec) if part != "validation"}  # fmt: skip
        assert len(mixes) == 3
        if scale == "paper":
            lists = {mix["subset"] for mix in mixes.values() if "subset" in mix}
            assert lists == {"train-clean-100", "train-clean-360"}
            return
        shares = sorted(mix["among"] for mix in mixes.values())
        assert shares[0][0] == 0 and shares[-1][1] == 1
        for (low, high), (following, _) in zip(shares, shares[1:], strict=False):
            assert low < high <= following
