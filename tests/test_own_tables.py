"""Tables of a corpus's own: a list of trials beside the manifest, checked, sealed, made by the workflow."""

import json
import shutil

import pandas as pd
import pytest
import yaml

from corpora_on_disk import RATE, put, write
from sepflow.audit.verify import verify
from sepflow.corpora import build, build_table, layouts
from sepflow.corpora.layouts import corpus_digest
from sepflow.corpora.packed import PackedCorpus, read_own
from sepflow.errors import SepflowError
from sepflow.files.contracts import check_own
from sepflow.files.seals import SEAL
from sepflow.planning import plan
from sepflow.planning.messages import Messages
from sepflow.planning.workflow import Jobs
from sepflow.results import AUDIO, MANIFEST

IDS = ("enrolment", "test")
TESTED = [f"id1027{speaker}/5r0dWxy17C8/0000{clip}.wav" for speaker in range(4) for clip in (1, 2)]
TRIALS = [f"1 {TESTED[0]} {TESTED[1]}", f"0 {TESTED[0]} {TESTED[2]}", f"1 {TESTED[1]} {TESTED[0]}"]


def id_of(path):
    return path.removesuffix(".wav").replace("/", "-")


@pytest.fixture
def vox(tmp_path):
    """VoxCeleb1 with eight speakers for training and four of its test, two clips each."""
    root = tmp_path / "vox"
    put(root, *(f"dev/wav/id1000{s}/1zcIwhmdeo4/0000{clip}.wav" for s in range(8) for clip in (1, 2)))
    put(root, *(f"test/wav/{name}" for name in TESTED))
    write(root, "veri_test.txt", *TRIALS)
    rows = [f"id1027{s}\tX\tf\tUSA\ttest" for s in range(4)]
    write(root, "vox1_meta.csv", "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet", *rows)
    return root


def recipe_of(root, **keys):
    recipe = {"kind": "folder", "layout": "voxceleb", "rate": RATE} | keys
    return recipe | {"digest": corpus_digest(recipe, root)}


def made(root, out="out", **keys):
    build(recipe_of(root, **keys), root.parent / out, root, 1)
    return root.parent / out


def complaint(root, **keys):
    with pytest.raises(SepflowError) as error:
        made(root, **keys)
    assert not (root.parent / "out" / MANIFEST).exists() and not (root.parent / "out/trials.csv").exists()
    return str(error.value)


def test_the_trials_are_handed_on_with_the_manifest(vox):
    out = made(vox)
    expected = ["enrolment,test,same", *(",".join((*map(id_of, x.split()[1:]), x[0])) for x in TRIALS)]
    assert (out / "trials.csv").read_text().splitlines() == expected
    table = read_own(out, "trials", IDS, "out")
    assert table["same"].tolist() == ["1", "0", "1"]
    corpus = PackedCorpus(out, "out")
    assert corpus.manifest.loc[table["enrolment"], "split"].eq("test").all()
    assert set(json.loads((out / SEAL).read_text())["files"]) == {MANIFEST, AUDIO, "trials.csv"}


def test_a_list_of_another_name_and_the_original_before_the_cleaned(vox):
    write(vox, "veri_test2.txt", TRIALS[0])
    assert len(read_own(made(vox), "trials", IDS)) == 3
    (vox / "veri_test.txt").unlink()
    assert len(read_own(made(vox), "trials", IDS)) == 1
    write(vox, "meta/voxceleb1_test_v2.txt", *TRIALS[:2])  # as openslr.org/49 has the original
    assert len(read_own(made(vox), "trials", IDS)) == 2


def test_the_table_alone_is_what_the_corpus_has(vox):
    out = vox.parent / "out"
    build_table(recipe_of(vox), out, vox, "trials")
    text, before = (out / "trials.csv").read_bytes(), (out / "trials.csv").stat().st_mtime_ns
    assert [path.name for path in out.iterdir()] == ["trials.csv"]
    made(vox)
    assert (out / "trials.csv").stat().st_mtime_ns == before
    (out / "trials.csv").write_text("enrolment,test,same\n")
    assert (made(vox) / "trials.csv").read_bytes() == text
    write(vox, "veri_test.txt", *TRIALS, f"0 {TESTED[0]} {TESTED[7]}")
    with pytest.raises(SepflowError, match="changed since this corpus was planned"):
        build_table(recipe_of(vox) | {"digest": "x"}, out, vox, "trials")


def test_a_part_without_its_test_has_no_trials(vox):
    shutil.rmtree(vox / "test")
    out = made(vox)
    assert (out / "trials.csv").read_text() == "enrolment,test,same\n"
    assert read_own(out, "trials", IDS, "out").empty


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"1 {TESTED[0]} id10279/5r0dWxy17C8/00001.wav",
         "veri_test.txt line 4: id10279/5r0dWxy17C8/00001: in a trial, but no such recording"),
        (TRIALS[1], "row 4: id10270-5r0dWxy17C8-00001 and id10271-5r0dWxy17C8-00001 stand there twice"),
        (f"1 {TRIALS[1][2:]}", "stand there twice"),
        (f"2 {TRIALS[1][2:]}", "veri_test.txt line 4: not 1 or 0 and two recordings"),
        (f"1 {TESTED[0]}", "veri_test.txt line 4: not 1 or 0 and two"),
        ("1 Eartha_Kitt/x6uYqmx31kE_0000001.wav Eartha_Kitt/8jEAjG6SegY_0000008.wav", "line 4: not 1 or 0"),
    ],
)  # fmt: skip
def test_a_list_that_cannot_be_is_refused(vox, line, said):
    write(vox, "veri_test.txt", *TRIALS, line)
    assert said in complaint(vox)
    with pytest.raises(SepflowError) as error:
        build_table(recipe_of(vox), vox.parent / "out", vox, "trials")
    assert said in str(error.value)


def test_a_trial_of_a_recording_that_was_too_short_is_refused(vox):
    put(vox, f"test/wav/{TESTED[1]}", seconds=0.3)
    message = complaint(vox)
    assert "trials.csv: 2 problems" in message
    assert "row 3: enrolment 'id10270-5r0dWxy17C8-00002' is not in the manifest" in message
    assert "row 1: test 'id10270-5r0dWxy17C8-00002' is not in the manifest" in message


def test_the_contract_of_such_a_table():
    table = pd.DataFrame({"enrolment": ["a", "b"], "test": ["b", "a"], "same": ["1", "1"]})
    check_own(table, IDS, ["a", "b"], "here")
    check_own(table.head(0), IDS, [], "here")
    with pytest.raises(SepflowError, match="no column 'test'"):
        check_own(table.drop(columns="test"), IDS, ["a", "b"], "here")
    many = pd.concat([table] * 8, ignore_index=True)
    with pytest.raises(
        SepflowError, match=r"here: 14 problems(.|\n)*row 3: a and b stand there twice(.|\n)*and 4 more"
    ):
        check_own(many, IDS, ["a", "b"], "here")


def test_a_table_that_is_damaged_or_gone_is_told_and_verified(vox):
    out = made(vox)
    sealed, path = (out / SEAL).read_text(), out / "trials.csv"
    (corpora := vox.parent / "results/corpora").mkdir(parents=True)
    kept = corpora / "out"
    shutil.copytree(out, kept)
    assert list(verify([kept])) == []
    path.write_text(path.read_text().replace(",1\n", ",0\n"))
    shutil.copy(path, kept)
    for read in (lambda: read_own(out, "trials", IDS, "out"), lambda: PackedCorpus(out, "out")):
        with pytest.raises(SepflowError, match="trials.csv: damaged or replaced"):
            read()
    assert ["trials.csv: damaged" in str(error) for error in verify([kept])] == [True]
    path.unlink()
    with pytest.raises(SepflowError, match="trials.csv: not there"):
        PackedCorpus(out, "out")
    shutil.copytree(made(vox), kept, dirs_exist_ok=True)
    (kept / SEAL).unlink()
    assert list(verify([kept], seal=True)) == []
    assert json.loads((kept / SEAL).read_text())["files"] == json.loads(sealed)["files"]


def test_no_own_table_is_called_as_another_file():
    names = {name for layout in layouts.known().values() for name in layout.own}
    assert names and not names & {"manifest", "audio", "seal"}
    assert all(set(own.ids) <= set(own.columns) for x in layouts.known().values() for own in x.own.values())


def test_the_workflow_makes_it_before_the_corpus_and_only_where_there_is_one(checkout, vox, voices):
    plain = Jobs(
        plan.load(
            {"scale": "tiny", "papers": ["ts_mixit"], "corpora": {"speech": str(voices)}}, checkout.root
        )
    )
    assert plain.own_tables() == {}
    (name,) = plain.plan.corpora
    assert "corpus_table" not in checkout.planned(f"results/corpora/{name}/manifest.csv")
    scale = checkout.root / "config/scales/tiny.yaml"
    content = yaml.safe_load(scale.read_text())
    content["corpora"]["speech"] = {"kind": "folder", "layout": "voxceleb"}
    scale.write_text(yaml.safe_dump(content))
    checkout.edit("config/config.yaml", str(voices), str(vox))
    jobs = Jobs(plan.load(yaml.safe_load((checkout.root / "config/config.yaml").read_text()), checkout.root))
    (name,) = jobs.plan.corpora
    trials = f"results/corpora/{name}/trials.csv"
    assert jobs.own_tables() == {name: ["trials"]}
    assert Messages(jobs.plan).corpus_table(name, "trials") == "take over the trials of the corpus speech"
    mix = next(iter(jobs.plan.mixes_with(labels=False)))
    assert trials in jobs.mix_inputs(type("Wildcards", (), {"mix": mix}))
    manifest = f"results/corpora/{name}/manifest.csv"
    assert checkout.planned(manifest) == {"corpus": 1, "corpus_table": 1}
    done = checkout.snakemake(manifest)
    assert done.returncode == 0, done.stderr
    assert len(read_own(checkout.root / f"results/corpora/{name}", "trials", IDS, name)) == 3
    assert checkout.planned(manifest, trials) == {}
    (checkout.root / trials).touch()
    assert checkout.planned(manifest, trials) == {}
