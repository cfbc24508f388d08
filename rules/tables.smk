rule table:
    """A table of a paper, joined from scores: CSV, Markdown, LaTeX, SVG."""
    input:
        jobs.table_inputs,
    output:
        multiext("results/{scale}/tables/{paper}/{table}", ".csv", ".md", ".tex", ".svg"),
    log:
        "results/logs/table/{scale}-{paper}-{table}.log",
    benchmark:
        "results/benchmarks/table/{scale}-{paper}-{table}.tsv"
    wildcard_constraints:
        scale=jobs.plan.scale,
        paper=jobs.papers(jobs.plan.tables),
        table=jobs.pattern({table for _, table in jobs.plan.tables}),
    group:
        "report_{paper}_{table}"
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=ask("table", mem_mb=2000),
        runtime=ask("table", runtime=30),
        turn=1,
    params:
        table=jobs.table,
        context=jobs.context,
        code=jobs.table_code,
    message:
        said("table {wildcards.paper} {wildcards.table}")
    script:
        "../workflow/scripts/table.py"
