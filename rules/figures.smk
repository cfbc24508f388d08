rule figure:
    """The pictures of a table: learning curves, spectrograms, distributions."""
    input:
        unpack(jobs.figure_inputs),
    output:
        multiext("results/{scale}/figures/{paper}/{table}", *PICTURES),
    log:
        "results/logs/figure/{scale}-{paper}-{table}.log",
    benchmark:
        "results/benchmarks/figure/{scale}-{paper}-{table}.tsv"
    wildcard_constraints:
        scale=jobs.plan.scale,
        paper=jobs.papers(pair for pair, x in jobs.plan.tables.items() if x["pictures"]),
        table=jobs.pattern({table for (_, table), x in jobs.plan.tables.items() if x["pictures"]}),
    group:
        "report_{paper}_{table}"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=ask("figure", mem_mb=4000),
        runtime=ask("figure", runtime=60),
        turn=1,
    params:
        table=jobs.table,
        losses=jobs.losses,
        recipe=jobs.figure_mix,
        untrained=jobs.plan.untrained,
        code=jobs.figure_code,
    message:
        said("pictures {wildcards.paper} {wildcards.table}")
    script:
        "../workflow/scripts/figure.py"


rule training_figure:
    """What a paper shows of its trainings, epoch by epoch."""
    input:
        jobs.histories,
    output:
        multiext("results/{scale}/figures/{paper}/{figure}", *CURVES),
    log:
        "results/logs/training_figure/{scale}-{paper}-{figure}.log",
    benchmark:
        "results/benchmarks/training_figure/{scale}-{paper}-{figure}.tsv"
    wildcard_constraints:
        scale=jobs.plan.scale,
        paper=jobs.papers(jobs.plan.figures),
        figure=jobs.pattern({figure for _, figure in jobs.plan.figures}),
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=ask("training_figure", mem_mb=2000),
        runtime=ask("training_figure", runtime=30),
    params:
        figure=jobs.training_figure,
        untrained=jobs.plan.untrained,
        code=code_digest("reporting/figures/training.py"),
    message:
        said("figure {wildcards.paper} {wildcards.figure}")
    script:
        "../workflow/scripts/training_figure.py"
