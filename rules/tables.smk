rule table:
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
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        table=jobs.table,
        context=jobs.context,
        code=code_digest("tables.py"),
    script:
        "../workflow/scripts/table.py"
