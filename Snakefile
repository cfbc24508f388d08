import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.27")


configfile: "config/config.yaml"


# This checkout, also where another workflow has taken it in as a module: there, workflow.basedir is the other's.
HERE = Path(workflow.current_basedir)
# The package of this very checkout, here and (by its export) in every job, environment and cluster node.
sys.path.insert(0, str(HERE / "src"))

from sepflow.code import code_digest
from sepflow.errors import SepflowError
from sepflow.jobs import cards, requeue
from sepflow.planning import plan
from sepflow.planning.messages import Messages
from sepflow.planning.resources import asking
from sepflow.planning.workflow import CURVES, PICTURES, Jobs, export_package
from sepflow.results import seal_output

export_package()
requeue.leave_warning_to_trainings()
try:
    jobs = Jobs(plan.load(config, HERE))
except SepflowError as error:
    raise WorkflowError(str(error)) from None

# Where Snakemake looks for what a message names, for a module too.
said = Messages(jobs.plan).spoken_in(workflow.modifier_stack[0].globals)
ask = asking(jobs.plan.resources)
# A cache between workflows (--cache) is spoken of only where there is one: Snakemake warns of each rule.
CACHED = workflow.workflow_settings.cache is not None
# A cluster's profile says that jobs of a submission take turns; which executor there is, nobody knows yet.
CLUSTER = workflow.is_main_process and workflow.global_resources.get("turn").value is not None
if CLUSTER:
    # A node's threads are its own. `cores: all` of profiles/default, which outdoes any --profile, is the head's.
    workflow.resource_settings.cores = sys.maxsize
    workflow.register_resource("_cores", sys.maxsize)
DEVICES = config.get("devices", 1)
GPU, CARDS = cards.shared_out(
    config.setdefault("device", "auto"),
    DEVICES,
    workflow.global_resources.get("gpu").value,
    not CLUSTER,
)
if CARDS:
    workflow.register_resource("gpu", CARDS)


include: "rules/corpora.smk"
include: "rules/simulate.smk"
include: "rules/train.smk"
include: "rules/evaluate.smk"
include: "rules/tables.smk"
include: "rules/figures.smk"


rule all:
    """All tables and figures of the papers in config.yaml."""
    default_target: True
    input:
        [jobs.results(paper) for paper in config["papers"]],


for paper in (file.stem for file in sorted(HERE.glob("config/papers/*.yaml"))):

    rule:
        """All tables and figures of the paper of this name."""
        name:
            paper
        input:
            jobs.target(paper),
