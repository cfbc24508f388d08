"""The plan of ssl_pretraining: the paper's settings and numbers, and what its file may say that no other did."""

import pytest
import yaml

from conftest import ROOT, Checkout
from sepflow import plan
from sepflow.errors import SepflowError
from sepflow.identity import data_parts, digest
from sepflow.simulation.recipes import unlabelled

NAME = "ssl_pretraining"
SCALES = ("paper", "demo", "smoke")

# Names that users have on disk; of `cc` and `pt_ft_cc` not yet.
FROZEN = {
    "se": "77b927cb7cae",
    "mama": "673e063c8520",
    "scratch": "b21c0f8b5719",
    "pt_ft": "efed34b7f3ad",
    "pt_ft_mama": "fbcc9be59e7b",
    "multi_task": "2e9119c8ac44",
    "scratch_libri": "aa6580285ebe",
    "pt_ft_libri": "a4560f555d93",
    "multi_task_libri": "780cf7b711d8",
    "scratch_200": "8ffa0d328f5e",
    "pt_ft_200": "2f7858d6ac61",
    "se_dprnn": "ba56f0252965",
    "scratch_dprnn": "ddd64a1410cf",
    "pt_ft_dprnn": "8217bdcc83b6",
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
            run.label: run.spec["steps"] // (mixtures(run.spec) // run.spec["batch"])
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
                 for part in data_parts(run.spec) if part != "validation"}  # fmt: skip
        assert len(mixes) == 3
        if scale == "paper":
            lists = {mix["subset"] for mix in mixes.values() if "subset" in mix}
            assert lists == {"train-clean-100", "train-clean-360"}
            return
        shares = sorted(mix["among"] for mix in mixes.values())
        assert shares[0][0] == 0 and shares[-1][1] == 1
        for (low, high), (following, _) in zip(shares, shares[1:], strict=False):
            assert low < high <= following


@pytest.fixture
def edited(checkout):
    """A way to change files of a checkout, and its plan of ssl_pretraining then."""

    def change(*edits: tuple[str, str, str], scale: str = "smoke") -> plan.Plan:
        for file, old, new in edits:
            checkout.edit(f"config/{file}", old, new)
        return load(scale, root=checkout.root)

    return change


PAPER = f"papers/{NAME}.yaml"


def scaled(checkout: Checkout, change, scale: str = "smoke") -> plan.Plan:
    """The plan at a scale whose part of this paper `change` has changed."""
    path = checkout.root / f"config/scales/{scale}.yaml"
    content = yaml.safe_load(path.read_text())
    change(content["papers"][NAME])
    path.write_text(yaml.safe_dump(content))
    return load(scale, root=checkout.root)


class TestAlike:
    def test_other_steps_are_refused_with_both(self, edited):
        with pytest.raises(SepflowError) as error:
            edited((PAPER, "pt_ft: {stage: finetune, init: se}", "pt_ft: {stage: finetune, init: se, epochs: 99}"),
                   scale="paper")  # fmt: skip
        said = "table1.comparisons.0: alike: steps is 82467 of se and 83300 of scratch"
        assert said in str(error.value)

    def test_other_batches_are_refused_with_both(self, checkout):
        with pytest.raises(SepflowError, match=r"comparisons.0: alike: .* is 20 of se and 40 of scratch"):
            scaled(checkout, lambda paper: paper["runs"].update(scratch={"batch": 2}))

    def test_a_key_that_is_none_of_both_is_alike(self, edited):
        edited((PAPER, "alike: &alike [steps,", "alike: &alike [patience, steps,"))

    def test_an_unknown_key_is_named(self, edited):
        with pytest.raises(SepflowError, match=r"comparisons.0: alike: .*'stepz'; did you mean 'steps'"):
            edited((PAPER, "alike: &alike [steps,", "alike: &alike [stepz,"))


class TestEpochs:
    def test_are_the_whole_batches_of_the_mixtures(self, checkout):
        def change(paper):
            paper["mixes"]["wsj_train"]["mixtures"] = 43
            paper["runs"]["pt_ft_cc"] = {"data": {"first": 11}, "epochs": 3}
            for table in ("table1", "table2", "table3"):
                paper.setdefault("tables", {})[table] = None
            paper["tables"]["table1"] = ["cc"]

        found = scaled(checkout, change)
        steps = {x: (spec_of(found, x)["validate_every"], spec_of(found, x)["steps"])
                 for x in ("scratch", "multi_task", "scratch_libri", "pt_ft_cc", "scratch_dptnet_1")}  # fmt: skip
        assert steps == {
            "scratch": (10, 20),
            "multi_task": (10, 20),  # of the separation; what is heard beside counts for nothing
            "scratch_libri": (10, 20),
            "pt_ft_cc": (2, 6),
            "scratch_dptnet_1": (43, 86),
        }
        assert "epochs" not in spec_of(found, "scratch")

    @pytest.mark.parametrize("key", ["steps", "validate_every"])
    def test_beside_steps_are_refused(self, checkout, key):
        with pytest.raises(SepflowError, match=rf"runs.se: {key}, beside epochs.*say one of the two"):
            scaled(checkout, lambda paper: paper["stages"]["pretrain"].update({key: 10}))

    def test_of_less_than_a_batch_are_refused(self, checkout):
        with pytest.raises(SepflowError, match=r"runs.scratch: epochs: fewer mixtures than one batch of 99"):
            scaled(checkout, lambda paper: paper["runs"].update(scratch={"batch": 99}))


class TestPickedTables:
    @pytest.mark.parametrize(
        ("tables", "said"),
        [
            ({"table4": None}, "scales/smoke.yaml: papers.ssl_pretraining.tables.table4: .*'table[123]'"),
            ({"table1": ["sea"]}, "scales/smoke.yaml: papers.ssl_pretraining.tables.table1: .*mean 'se'"),
        ],
    )
    def test_unknown_names_are_refused(self, checkout, tables, said):
        with pytest.raises(SepflowError, match=said):
            scaled(checkout, lambda paper: paper.update(tables=tables))

    def test_only_the_runs_that_they_need_are_planned(self, checkout):
        tables = {"table1": ["scratch", "mama"], "table3": ["g", "f"]}
        found = scaled(checkout, lambda paper: paper.update(tables=tables))
        assert {run.label for run in found.runs.values()} == {
            *("scratch", "mama", "pt_ft_mama", "se_dprnn", "pt_ft_dprnn")
        }
        assert list(rows_of(found, "table1")) == ["scratch", "mama"]
        assert list(rows_of(found, "table3")) == ["f", "g"]
        claims = [x["claim"] for x in found.tables[NAME, "table1"]["comparisons"]]
        assert claims == ["MAMA pre-training beats none"]
        assert found.tables[NAME, "table3"]["comparisons"] == []
        assert {table for _, table in found.tables} == set(tables)
        splits = {found.mixes[mix]["split"] for mix in found.mixes}
        assert splits == {"train", "validation", "test"} and len(found.mixes) == 5

    def test_a_picked_run_is_named_as_in_the_whole(self, checkout):
        whole = load("smoke")
        found = scaled(checkout, lambda paper: paper.update(tables={"table2": ["pt_ft_libri"]}))
        assert set(found.runs) < set(whole.runs) and len(found.runs) == 2

    def test_demo_makes_table_2_and_the_pre_trainings(self):
        found = load("demo")
        assert {table for _, table in found.tables} == {"table2", "pretext"}
        labels = {run.label for run in found.runs.values()}
        strategies = {f"{x}{y}" for x in ("scratch", "pt_ft", "multi_task") for y in ("", "_libri")}
        assert labels == strategies | {"se", "mama", "cc"}


class TestFigure2:
    @pytest.mark.parametrize(("scale", "epochs"), [("paper", (579.167, 833.333)), ("smoke", (10, 10))])
    def test_is_resolved(self, scale, epochs):
        found = load(scale)
        figure = found.figures[NAME, "figure2"]
        assert [panel["id"] for panel in figure["panels"]] == ["libri2mix", "wsj0_2mix"]
        assert figure["seeds"] == [42]
        for panel, suffix, epoch in zip(figure["panels"], ("_libri", ""), epochs, strict=True):
            assert panel["baseline"] == "from scratch"
            assert [(run["strategy"], run["run"]) for run in panel["runs"]] == [
                (strategy, found.find(label + suffix).name)
                for strategy, label in (
                    ("from scratch", "scratch"),
                    ("PT-FT (SE)", "pt_ft"),
                    ("multi-task (SE)", "multi_task"),
                )
            ]
            assert {(run["seed"], run["epoch"]) for run in panel["runs"]} == {(42, epoch)}

    def test_says_what_section_5_2_says(self):
        libri, wsj = load().figures[NAME, "figure2"]["panels"]
        reached = {"strategy": "PT-FT (SE)", "quantity": "reaches_baseline"}
        assert reached | {"epoch": 37} in libri["published"] and reached | {"epoch": 66} in wsj["published"]
        bands = [x for x in libri["published"] if x["quantity"] == "label_switches"]
        assert [(x["strategy"], x["low"], x["high"]) for x in bands] == [
            ("from scratch", 15, 35),
            ("multi-task (SE)", 15, 35),
        ]
        switched = {"strategy": "multi-task (SE)", "quantity": "label_switches", "epoch": 40, "value": 89}
        assert switched in wsj["published"] and len(wsj["published"]) == 2 and len(libri["published"]) == 3

    def test_its_runs_are_cropped_alike(self):
        found = load()
        for panel in found.figures[NAME, "figure2"]["panels"]:
            assert {found.runs[run["run"]].spec["data"]["crop"] for run in panel["runs"]} == {"fixed"}

    def test_of_several_seeds(self, checkout):
        found = scaled(checkout, lambda paper: paper.update(seeds=[7, 8]))
        runs = found.figures[NAME, "figure2"]["panels"][0]["runs"]
        assert [(run["strategy"], run["seed"]) for run in runs][:3] == [
            ("from scratch", 7),
            ("from scratch", 8),
            ("PT-FT (SE)", 7),
        ]
        assert all(found.runs[run["run"]].spec["seed"] == run["seed"] for run in runs)

    def test_a_panel_is_left_out_where_its_runs_are_not_planned(self, checkout):
        rows = ["scratch_libri", "pt_ft_libri", "multi_task_libri", "pt_ft"]
        found = scaled(checkout, lambda paper: paper.update(tables={"table2": rows}))
        assert [panel["id"] for panel in found.figures[NAME, "figure2"]["panels"]] == ["libri2mix"]

    def test_is_left_out_where_it_has_no_panel(self, checkout):
        assert scaled(checkout, lambda paper: paper.update(tables={"table1": None})).figures == {}

    def test_a_run_that_another_builds_on_is_planned(self, checkout, edited):
        paper = (PAPER, "  figure2:\n", "  pre_training:\n    caption: x\n    panels:\n      x: {title: x, "
                 "baseline: x, runs: {x: se}}\n  figure2:\n")  # fmt: skip
        crop = (PAPER, "mix: noisy_train, crop: random", "mix: noisy_train, crop: fixed")
        checkout.edit("config/scales/smoke.yaml", "  ssl_pretraining:\n",
                      "  ssl_pretraining:\n    tables: {table1: [se]}\n")  # fmt: skip
        assert list(edited(paper, crop).figures) == [(NAME, "pre_training")]

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("data: {mix: wsj_train, crop: fixed}", "data: {mix: wsj_train}",
             "figure2.panels.wsj0_2mix.runs.from scratch: scratch counts no switches"),
            ("baseline: from scratch", "baseline: scratch", "libri2mix: .*'scratch'; did you mean 'from scratch'"),
            ("strategy: PT-FT (SE), quantity", "strategy: PTFT (SE), quantity", "libri2mix: .*mean 'PT-FT"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_named(self, edited, old, new, said):
        libri = (PAPER, "data: {mix: libri_train}", "data: {mix: libri_train, crop: fixed}")
        with pytest.raises(SepflowError, match=said):
            edited(libri, (PAPER, old, new))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("task: multi_task, joint: {mix: noisy_train}", "task: multi_task", "runs.multi_task: joint: what"),
        ("scratch: {stage: supervised}", "scratch: {stage: supervised, joint: {mix: noisy_train}}",
         "runs.scratch: joint: what the task multi_task trains on"),
        ("    task: mama\n", "", "runs.mama: pretext: the settings of mama or contrastive"),
        ("se: {stage: pretrain}", "se: {stage: pretrain, task: mama}", "runs.se: pretext: the settings of"),
        ("    task: mama\n", "    task: mama\n    data: {mix: wsj_train}\n", "runs.mama.data: mix: 2 speakers"),
        ("joint: {mix: noisy_train}", "joint: {mix: libri_train}", "runs.multi_task.joint: mix: 2 speakers"),
        ("features: 64}, plateau: null", "features: 64}", "runs.se_dptnet: optimizer.noam: beside it"),
        ("features: 64}, plateau: null", "features: 64}, plateau: null, decay: linear", "optimizer.noam"),
        ("test: wsj_test}\n      pt_ft:", "test: libri_test}\n      pt_ft:",
         "table2.comparisons.3: rows pt_ft and scratch are of different test mixes"),
        ("run: scratch, test: wsj_test", "run: scratch, test: wsj_tests", "table2.test: .*mean 'wsj_test'"),
        ("run: scratch, test: wsj_test", "run: scratch, test: noisy_test", "rows.scratch: selection"),
        ("metrics: [accuracy, chance,", "metrics: [si_snr, chance,", "pretext.rows.cc: metrics: si_snr"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_one_message(edited, old, new, said):
    with pytest.raises(SepflowError, match=said):
        edited((PAPER, old, new))


class TestTwoPapers:
    @pytest.mark.parametrize("scale", SCALES)
    def test_together_they_are_what_they_are_alone(self, scale):
        both = load(scale, "ts_mixit", NAME)
        alone = {name: load(scale, name) for name in ("ts_mixit", NAME)}
        assert list(both.runs) == [run for found in alone.values() for run in found.runs]
        for name, found in alone.items():
            assert {run: both.runs[run].labels for run in found.runs} == {
                run: found.runs[run].labels for run in found.runs
            }
            assert {k: v for k, v in both.tables.items() if k[0] == name} == found.tables
            assert {k: v for k, v in both.figures.items() if k[0] == name} == found.figures
        assert set(both.mixes) == {mix for found in alone.values() for mix in found.mixes}
        shared = set(alone["ts_mixit"].mixes) & set(alone[NAME].mixes)
        if scale == "paper":  # the published lists of wsj0-2mix, once
            assert {both.mixes[mix]["kind"] for mix in shared} == {"wsj0mix"} and len(shared) == 3
        else:
            assert {both.mixes[mix]["split"] for mix in shared} <= {"validation", "test"}

    def test_a_label_that_looks_like_a_hash_is_a_label(self):
        found = load()
        run = found.find("scratch")
        found.runs["cc" + run.name[2:]] = plan.Run("cc" + run.name[2:], run.stage, run.spec, ["x/other"])
        assert found.find("cc").label == "cc"
        assert found.find(run.name[:6]) is run

    def test_a_paper_whose_corpora_a_scale_has_not_is_refused_with_a_way_out(self, voices):
        config = {"scale": "mini", "papers": [NAME], "corpora": {"speech": str(voices)}}
        with pytest.raises(
            SepflowError, match=r"role '.*leave the paper out of papers in config/config.yaml"
        ):
            plan.load(config, ROOT)


class TestOrder:
    """All that the paper says comes before all that the scale says; of each: base, stage, run."""

    @pytest.mark.parametrize(
        ("layers", "batch"),
        [
            ((), 24),
            (("paper.stages",), 2),
            (("paper.stages", "paper.runs"), 3),
            (("paper.stages", "paper.runs", "scale.base"), 4),
            (("paper.stages", "paper.runs", "scale.base", "scale.stages"), 5),
            (("paper.stages", "paper.runs", "scale.base", "scale.stages", "scale.runs"), 6),
            (("paper.runs", "scale.stages"), 5),
        ],
    )
    @pytest.mark.parametrize("key", ["batch", "seed"])
    def test_a_later_layer_wins(self, checkout, layers, batch, key):
        values = {"paper.stages": 2, "paper.runs": 3, "scale.base": 4, "scale.stages": 5, "scale.runs": 6}
        places = {"base": (), "stages": ("supervised",), "runs": ("scratch",)}
        files = {
            "paper": checkout.root / f"config/{PAPER}",
            "scale": checkout.root / "config/scales/tiny.yaml",
        }
        content = {
            "paper": yaml.safe_load(files["paper"].read_text()),
            "scale": yaml.safe_load((ROOT / "config/scales/smoke.yaml").read_text()),
        }
        content["scale"]["papers"] = {NAME: {
            "mixes": content["scale"]["papers"][NAME]["mixes"],
            "tables": {"table1": ["scratch"]},
        }}  # fmt: skip
        for layer in layers:
            side, part = layer.split(".")
            place = content[side] if side == "paper" else content[side]["papers"][NAME]
            for step in (part, *places[part]):
                place = place.setdefault(step, {})
            place[key] = values[layer]
        for side, file in files.items():
            file.write_text(yaml.safe_dump(content[side]))
        spec = spec_of(load("tiny", root=checkout.root), "scratch")
        assert spec[key] == (42 if key == "seed" and not layers else batch)

    def test_a_seed_of_nought_is_a_seed(self, edited):
        found = edited((PAPER, "scratch: {stage: supervised}", "scratch: {stage: supervised, seed: 0}"))
        assert spec_of(found, "scratch")["seed"] == 0

    def test_the_scale_shortens_what_a_run_of_the_paper_says(self):
        assert spec_of(load(), "se")["steps"] == 200 * (100000 // 24)
        assert spec_of(load("smoke"), "se")["steps"] == 2 * (40 // 4)
        found = load("smoke")  # 200 epochs are 2, as 100 are: then they are one run
        assert found.find("scratch_200") is found.find("scratch")
        assert set(found.find("scratch").labels) == {f"{NAME}/scratch", f"{NAME}/scratch_200"}
