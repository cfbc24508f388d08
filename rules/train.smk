# Stages that have this rule under a name of their own; all others have it as it is.
STAGES = ("teacher", "student", "pretrain", "finetune", "distill", "multi_task", "supervised")


rule train:
    """A run, from its spec to its model."""
    input:
        jobs.run_inputs,
    output:
        model="results/runs/{run}/model.safetensors",
        spec="results/runs/{run}/spec.json",
        history="results/runs/{run}/history.csv",
        provenance="results/runs/{run}/run.json",
    log:
        "results/logs/train/{run}.log",
    wildcard_constraints:
        run=jobs.pattern(jobs.plan.staged_otherwise(STAGES)),
    cache: CACHED
    conda:
        "../envs/torch.yaml"
    threads: DEVICES
    resources:
        mem_mb=ask("train", mem_mb=8000),
        runtime=ask("train", runtime=1440),
        gpu=GPU * DEVICES,
    params:
        spec=jobs.run_spec,
    message:
        said("run {wildcards.run}")
    script:
        "../workflow/scripts/train.py"


use rule train as teacher with:
    wildcard_constraints:
        run=jobs.pattern(jobs.plan.staged("teacher")),


use rule train as student with:
    wildcard_constraints:
        run=jobs.pattern(jobs.plan.staged("student")),


use rule train as pretrain with:
    wildcard_constraints:
        run=jobs.pattern(jobs.plan.staged("pretrain")),


use rule train as finetune with:
    wildcard_constraints:
        run=jobs.pattern(jobs.plan.staged("finetune")),


use rule train as distill with:
    wildcard_constraints:
        run=jobs.pattern(jobs.plan.staged("distill")),


use rule train as multi_task with:
    wildcard_constraints:
        run=jobs.pattern(jobs.plan.staged("multi_task")),


use rule train as supervised with:
    wildcard_constraints:
        run=jobs.pattern(jobs.plan.staged("supervised")),
