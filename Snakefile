import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.27")


configfile: "config/config.yaml"


# The package of this very checkout, here and (by its export) in every job, environment and cluster node.
sys.path.insert(0, str(Path(workflow.basedir) / "src"))

from sepflow import plan
from sepflow.code import code_digest
from sepflow.errors import SepflowError
from sepflow.workflow import CURVES, PICTURES, Jobs, export_package

export_package()
try:
    jobs = Jobs(plan.load(config, Path(workflow.basedir)))
except SepflowError as error:
    raise WorkflowError(str(error)) from None

DEVICES = config.get("devices", 1)
GPU = int(config.setdefault("device", "auto") == "gpu")


include: "rules/corpora.smk"
include: "rules/simulate.smk"
include: "rules/train.smk"
include: "rules/evaluate.smk"
include: "rules/tables.smk"
include: "rules/figures.smk"


rule all:
    default_target: True
    input:
        [jobs.results(paper) for paper in config["papers"]],


rule ts_mixit:
    input:
        jobs.target("ts_mixit"),


rule ssl_pretraining:
    input:
        jobs.target("ssl_pretraining"),
