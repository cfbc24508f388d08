"""Groups of metrics: found by name, and held against what they declare."""

import numpy as np
import pytest

from sepflow.errors import SepflowError
from sepflow.metrics.aggregates import ratio
from sepflow.metrics.declared import (
    aggregate_of,
    group_of,
    groups,
    metric_of,
    metrics_of,
    modules_of,
    scorer_of,
    scorers_of,
)
from sepflow.metrics.signals import Signals
from sepflow.tasks import declared, names

WER = 'Metric("WER", "%", lower_is_better=True, of=("errors", "words"), aggregate="ratio", scale=100)'


def test_a_metric_is_found_by_name_with_its_group():
    assert list(metrics_of(["separation"])) == ["si_snr", "si_snri", "sdr", "sdri"]
    assert group_of("masked_snri") == "mama" and metric_of("accuracy").measure == ("%",)
    assert scorers_of(["separation", "mama"]) == ("fast_bss_eval", "numpy", "scipy", "torch")
    for task in names():
        assert set(declared(task).metrics) <= set(groups())


def test_every_declared_metric_has_its_aggregate_and_a_plain_one_its_own_column():
    for key, metric in metrics_of(groups()).items():
        assert callable(aggregate_of(key))
        assert metric.counted(key) == (key,) or metric.of != ("value",)


def test_a_new_group_is_a_folder(declare):
    declare("recognition", f'GROUP = Group({{"wer": {WER}}}, scorers=("jiwer",))\n')
    assert metric_of("wer").counted("wer") == ("wer.errors", "wer.words")
    assert aggregate_of("wer") is ratio and scorers_of(["recognition"]) == ("jiwer",)
    assert modules_of(["recognition"], "scores") == ["metrics/recognition/__init__.py"]
    assert scorer_of("recognition") is None and scorer_of("separation") is not None


def test_a_groups_own_aggregate_goes_before_that_of_all(declare):
    text = 'GROUP = Group({"best": Metric("best", aggregate="ratio"), "all": Metric("all")})\n'
    own = "def ratio(weights, columns):\n    return 7 * weights[:, 0]\n"
    declare("toys", text, aggregates=own)
    assert aggregate_of("best")(np.ones((2, 3)), None).tolist() == [7, 7]
    assert aggregate_of("all")(np.full((1, 2), 0.5), np.array([[1.0], [3.0]])) == 2
    assert modules_of(["toys"], "scores", "aggregates")[1:] == ["metrics/toys/aggregates.py"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('GROUP = Group({"sdr": Metric("SDR")})', "both declare sdr; rename one"),
        ('GROUP = Group({"x": Metric("x", aggregate="median")})', "x: no aggregate 'median'; there are: eer"),
        ('GROUP = Group({"x": Metric("x", aggregate="np")})', "x: no aggregate 'np'"),
        (
            'GROUP = Group({"x": Metric("x", of=("a",))}, pictures=True)',
            "x: pictures are of values of sources",
        ),
        (
            'GROUP = Group({"x": Metric("x", by="speaker")})',
            "x: by is one of source, mixture, class, run, not",
        ),
    ],
)
def test_a_declaration_that_does_not_hold_is_said(declare, text, said):
    declare("toys", text)
    with pytest.raises(SepflowError, match=said):
        metric_of("si_snr")


def test_a_metric_that_is_in_no_group_is_said():
    with pytest.raises(SepflowError, match="there is no metric 'si_sndr'; there are: .*si_snr"):
        metric_of("si_sndr")


def test_a_silent_reference_has_no_score():
    references = np.stack([np.zeros(800), np.random.default_rng(0).standard_normal(800)])
    found = scorer_of("separation")(Signals(references, references, references.sum(0), 8000))
    assert list(found) == ["si_snr", "si_snri", "sdr", "sdri"]
    assert np.isnan(list(found.values())).all() and np.shape(list(found.values())) == (4, 2)
