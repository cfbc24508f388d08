"""What a job says and asks for: the rows that it is for, and resources that follow the scale."""

import re
from collections import Counter

import pytest

from conftest import ROOT
from sepflow.errors import SepflowError
from sepflow.planning import plan
from sepflow.planning.messages import Messages
from sepflow.planning.resources import asking

CONFIG = {"scale": "smoke", "papers": ["ts_mixit", "ssl_pretraining"]}


@pytest.fixture(scope="module")
def planned() -> plan.Plan:
    return plan.load(CONFIG, ROOT)


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("student_1or2src", "train student_1or2src of ts_mixit: Table 1 row 5, Table 2 row 1"),
        ("teacher_2src", "train teacher_2src of ts_mixit: Table 1 row 1, Table 1 row 2"),
        ("mama", "train mama of ssl_pretraining: table pretext row 2"),
        ("se_dprnn", "train se_dprnn of ssl_pretraining: for pt_ft_dprnn of ssl_pretraining"),
    ],
)
def test_a_training_says_the_rows_that_it_is_for(planned, run, said):
    assert f"{Messages(planned):run {planned.find(run).name}}" == said


def test_of_several_seeds_a_run_says_its_own(voices):
    found = plan.load({"scale": "mini", "papers": ["ts_mixit"], "corpora": {"speech": str(voices)}}, ROOT)
    said = Messages(found).run(found.find("student_1or2src@2").name)
    assert said == "train student_1or2src, seed 2, of ts_mixit: Table 1 row 5, Table 2 row 1"


def test_every_job_of_both_papers_has_words_and_each_training_its_own(planned):
    messages = Messages(planned)
    trainings = Counter(messages.run(run) for run in planned.runs)
    assert len(trainings) == len(planned.runs)
    labels, plain = planned.mixes_with(labels=True), planned.mixes_with(labels=False)
    said = [*map(messages.labels, labels), *map(messages.mix, plain), *map(messages.files, planned.mixes)]
    said += [*map(messages.corpus, planned.corpora), *(messages.table(*key) for key in planned.tables)]
    said += [messages.pictures(*key) for key in planned.tables]
    said += [messages.figure(*key) for key in planned.figures]
    assert all(re.fullmatch(r"[^{}]{8,}[^ :]", words) for words in said)
    assert messages.labels(labels[0]).endswith("by teacher_2src of ts_mixit: for student_2src of ts_mixit")
    assert messages.figure(*next(iter(planned.figures))) == "draw Figure 2 of ssl_pretraining"


def test_scores_say_only_the_rows_of_their_own_test_mix(planned):
    messages, seen = Messages(planned), 0
    for (paper, table), content in planned.tables.items():
        for number, row in enumerate(content["rows"], 1):
            for run in row["runs"]:
                title = table.replace("table", "Table ") if table[-1].isdigit() else f"table {table}"
                said = messages.scores(run, row["mix"])
                assert f"{title} row {number}" in said, (paper, said)
                seen += 1
    assert seen > 30
    run = planned.find("teacher_2src").name
    assert messages.scores(run, "another") == "score teacher_2src of ts_mixit: in no table"


def test_two_plans_speak_in_one_workflow(planned):
    names = {"config": {}}
    one, other = (Messages(planned).spoken_in(names) for _ in range(2))
    assert one("corpus x") != other("corpus x") and len(names) == 3


ASKS = re.findall(r'mem_mb=ask\("(\w+)"', "".join(x.read_text() for x in (ROOT / "rules").glob("*.smk")))
RULES = list(dict.fromkeys(ASKS))


def test_smoke_fits_a_node_of_2_gb_and_an_hour(planned):
    ask = asking(planned.resources)
    assert len(RULES) == 9
    assert all(ask(rule, mem_mb=8000) <= 1500 and ask(rule, runtime=1440) <= 10 for rule in RULES)


@pytest.mark.parametrize("rule", RULES)
def test_the_user_goes_before_the_scale_and_a_rule_before_all(rule):
    own = {**CONFIG, "resources": {rule: {"mem_mb": 3}, "all": {"mem_mb": 4}}}
    ask = asking(plan.load(own, ROOT).resources)
    assert ask(rule, mem_mb=5) == 3
    assert {ask(other, mem_mb=5) for other in RULES if other != rule} == {4}
    assert asking([{}, {"all": {"runtime": 7}}])(rule, runtime=9) == 7
    assert asking([])(rule, mem_mb=5) == 5


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        ({"trian": {"mem_mb": 3}}, "did you mean 'train'?"),
        ({"train": {"mem": 3}}, "did you mean 'mem_mb'?"),
        ({"train": {"runtime": "1h"}}, "resources.train.runtime"),
        ({"all": {"mem_mb": 0}}, "resources.all.mem_mb"),
    ],
)
def test_a_wrong_word_about_resources_is_one_message(resources, said):
    with pytest.raises(SepflowError, match=re.escape(said)):
        plan.load({**CONFIG, "resources": resources}, ROOT)
