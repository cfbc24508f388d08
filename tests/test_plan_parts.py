"""What a paper's file may say, on that of ssl_pretraining: epochs, alike runs, figures, picked tables."""

from types import SimpleNamespace

import pytest
import yaml

from conftest import ROOT, Checkout
from sepflow.errors import SepflowError
from sepflow.planning import plan
from sepflow.planning.workflow import Jobs
from test_plan_ssl import NAME, SCALES, load, rows_of, spec_of

PAPER = f"papers/{NAME}.yaml"


@pytest.fixture
def edited(checkout):
    """A way to change files of a checkout, and its plan of ssl_pretraining then."""

    def change(*edits: tuple[str, str, str], scale: str = "smoke") -> plan.Plan:
        for file, old, new in edits:
            checkout.edit(f"config/{file}", old, new)
        return load(scale, root=checkout.root)

    return change


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
            own = "pt_ft: {stage: finetune, init: se"
            edited((PAPER, own + "}", own + ", epochs: 99}"), scale="paper")
        said = "table1.comparisons.0: alike: steps is 82566 of se and 83400 of scratch"
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
    def test_are_the_batches_that_take_in_all_mixtures(self, checkout):
        def change(paper):
            paper["mixes"]["wsj_train"]["mixtures"] = 43
            paper["runs"]["pt_ft_cc"] = {"data": {"first": 11}, "epochs": 3}
            for table in ("table1", "table2", "table3"):
                paper.setdefault("tables", {})[table] = None
            paper["tables"]["table1"] = ["cc"]

        found = scaled(checkout, change)
        wanted = {
            "scratch": (11, 22),
            "multi_task": (11, 22),  # of the separation; what is heard beside counts for nothing
            "scratch_libri": (10, 20),
            "pt_ft_cc": (3, 9),
            "scratch_dptnet_1": (43, 86),
        }
        specs = {label: spec_of(found, label) for label in wanted}
        assert {x: (spec["validate_every"], spec["steps"]) for x, spec in specs.items()} == wanted
        assert "epochs" not in spec_of(found, "scratch")

    def test_have_as_many_steps_as_there_are_updates(self, checkout):
        def change(paper):
            paper["runs"]["scratch"] = {"accumulate": 2}
            paper["runs"]["pt_ft"] = {"data": {"batch": 8}}
            paper["tables"] = {"table2": ["scratch", "pt_ft"]}

        found = scaled(checkout, change)
        specs = {label: spec_of(found, label) for label in ("scratch", "pt_ft")}
        assert {x: (spec["validate_every"], spec["steps"]) for x, spec in specs.items()} == {
            "scratch": (5, 10),
            "pt_ft": (5, 10),
        }

    @pytest.mark.parametrize("key", ["steps", "validate_every"])
    def test_beside_steps_are_refused(self, checkout, key):
        with pytest.raises(SepflowError, match=rf"runs.se: {key}, beside epochs.*say one of the two"):
            scaled(checkout, lambda paper: paper["stages"]["pretrain"].update({key: 10}))

    @pytest.mark.parametrize(("batch", "steps"), [(3, 14), (99, 1)])
    def test_end_after_a_whole_pass(self, checkout, batch, steps):
        found = scaled(checkout, lambda paper: paper["base"].update(batch=batch))
        spec = spec_of(found, "scratch")
        assert (spec["validate_every"], spec["steps"]) == (steps, 2 * steps)


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

    def test_rows_of_another_test_mix_alone_take_the_table_there(self, checkout):
        found = scaled(checkout, lambda paper: paper.update(tables={"table2": ["scratch", "pt_ft"]}), "paper")
        table = found.tables[NAME, "table2"]
        assert {row["mix"] for row in table["rows"]} == {table["mix"]} and table["pictures"]
        assert all(mix["kind"] != "librimix" or mix["speakers"] == 1 for mix in found.mixes.values())

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
            ("baseline: from scratch", "baseline: scratch", "libri2mix: .*'scratch'; did you mean 'from"),
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
        ("multi_task: {task: multi_task,", "multi_task: {task: multi_task, objective: {consistency: true},",
         "runs.multi_task: objective.consistency: multi_task"),
        ("    task: mama\n", "", "runs.mama: pretext: the settings of mama or contrastive"),
        ("se: {stage: pretrain}", "se: {stage: pretrain, task: mama}",
         "runs.se: pretext: not set; the task mama takes window, "),
        ("scratch: {stage: supervised}", "scratch: {stage: supervised, objective: {name: masked_snr}}",
         "runs.scratch: objective: name and loss masked_snr, si_snr: the task separation has pit"),
        ("objective: {name: masked_snr, loss: thresholded_snr,", "objective: {name: masked_snr,",
         "runs.mama: objective: .* the task mama has masked_snr, thresholded_snr"),
        ("deviation: 0.2", "deviatoin: 0.2", "runs.mama.pretext: .*'deviatoin'; did you mean 'deviation'"),
        ("name: pit, loss: si_snr", "name: pit, loss: thresholded_snr",
         "figures.figure2.panels.libri2mix.runs.from scratch: scratch_libri: its loss is no SI-SNR"),
        ("task: mama\n", "task: mama\n    data: {mix: wsj_train}\n", "runs.mama.data: mix: 2 speakers"),
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
        edited((PAPER, old, new), scale="paper")


class TestTwoPapers:
    @pytest.mark.parametrize("scale", SCALES)
    def test_together_they_are_what_they_are_alone(self, scale):
        both = load(scale, "ts_mixit", NAME)
        alone = {name: load(scale, name) for name in ("ts_mixit", NAME)}
        assert list(both.runs) == [run for found in alone.values() for run in found.runs]
        for name, found in alone.items():
            assert {run: both.runs[run].aliases for run in found.runs} == {
                run: found.runs[run].aliases for run in found.runs
            }
            assert {k: v for k, v in both.tables.items() if k[0] == name} == found.tables
            assert {k: v for k, v in both.figures.items() if k[0] == name} == found.figures
        assert set(both.mixes) == {mix for found in alone.values() for mix in found.mixes}
        shared = set(alone["ts_mixit"].mixes) & set(alone[NAME].mixes)
        if scale == "paper":  # the published lists of wsj0-2mix, once
            assert {both.mixes[mix]["kind"] for mix in shared} == {"wsj0mix"} and len(shared) == 3
        else:
            assert {both.mixes[mix]["split"] for mix in shared} <= {"validation", "test"}

    def test_a_table_names_the_corpora_behind_it_alone(self):
        jobs = Jobs(load("smoke", "ts_mixit", NAME))
        wanted = {("ts_mixit", "table2"): ["voices"], (NAME, "table1"): ["voices", "hisses"]}
        for (paper, table), corpora in wanted.items():
            said = jobs.context(SimpleNamespace(paper=paper, table=table))
            assert [name.split()[0] for name in said["corpora"]] == corpora
            assert Jobs(load("smoke", paper)).context(SimpleNamespace(paper=paper, table=table)) == said

    def test_a_label_that_looks_like_a_hash_is_a_label(self):
        found = load()
        run = found.find("scratch")
        found.runs["cc" + run.name[2:]] = plan.Run("cc" + run.name[2:], run.stage, run.spec, ["x/other"])
        assert found.find("cc").label == "cc"
        assert found.find(run.name[:6]) is run

    def test_a_paper_whose_corpora_a_scale_has_not_is_refused_with_a_way_out(self, voices):
        config = {"scale": "mini", "papers": [NAME], "corpora": {"speech": str(voices)}}
        with pytest.raises(SepflowError, match=r"corpora.noise is not set.*out of `papers`"):
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
        assert spec_of(load(), "se")["steps"] == 200 * 4167
        assert spec_of(load("smoke"), "se")["steps"] == 2 * (40 // 4)
        found = load("smoke")  # 200 epochs are 2, as 100 are: then they are one run
        assert found.find("scratch_200") is found.find("scratch")
        assert set(found.find("scratch").aliases) == {f"{NAME}/scratch", f"{NAME}/scratch_200"}
