#!/usr/bin/env python3
"""Markdown tables from the JSON files of faro-bench.

    bench_tables.py DIR               prints them
    bench_tables.py DIR --into FILE   puts them between the two marks "<!-- tables -->" and "<!-- end of tables -->"
    bench_tables.py DIR --nodes       those of runs across nodes; their marks say "tables across nodes"
    bench_tables.py DIR --device-jit  compile times for CUDA devices; their marks say "compile times"
    bench_tables.py DIR --compare OLD this project's figures beside those of an earlier DIR
"""
import argparse
import json
import pathlib
import re
import sys

def marks(what):
    return f"<!-- {what} -->", f"<!-- end of {what} -->"


class Run:
    """One operation at one shape."""

    def __init__(self, data, name):
        self.data = data
        self.name = name

    def __getattr__(self, key):
        return self.data[key]

    def of_kind(self, *kinds):
        return [m for m in self.data["methods"] if m["kind"] in kinds]

    def named(self, name):
        return next((m for m in self.data["methods"] if m["name"] == name), None)

    def faro(self):
        return next(iter(self.of_kind("faro")), None)

    def best_peer(self):
        return min(self.of_kind("peer"), key=lambda m: m["run_ms_median"], default=None)

    def bound(self):
        return min(self.of_kind("bound"), key=lambda m: m["run_ms_median"], default=None)

    def is_reference(self):
        d = self.data
        return d["hidden"] == 7168 and d["dtype"] == "bf16" and d["topk"] == 8 and bool(self.of_kind("peer"))


def load(folder):
    runs, machine = [], None
    for path in sorted(pathlib.Path(folder).glob("*.json")):
        data = json.loads(path.read_text())
        machine = data["machine"]
        runs += [Run(run, path.stem) for run in data["runs"]]
    if not runs:
        sys.exit(f"bench_tables.py: no .json of faro-bench in {folder}")
    return runs, machine


def markdown(header, rows):
    yield "| " + " | ".join(header) + " |"
    yield "|" + " --- |" * len(header)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def number(value):
    return f"{value:.3g}" if value < 10 else f"{value:.1f}"


def label(method):
    if method["kind"] in ("limit", "bound"):
        return f"*limit:* {method['name']}"
    return f"**{method['name']}**" if method["kind"] == "faro" else method["name"]


def cell(run, name):
    method = run.named(name)
    if not method:
        return "-"
    text = number(method["run_ms_median"])
    if "ratio" in method:
        text += f" ({method['ratio']:.1f})"
    return text + (" WRONG" if method["wrong_rows"] else "")


def methods_table(runs, column):
    """One column a run: median milliseconds (times faster than the first row); then what is to be read from them."""
    rows = [[label(m)] + [cell(run, m["name"]) for run in runs] for m in runs[0].data["methods"]]

    def summary(title, value):
        rows.append([title] + [value(run) for run in runs])

    if all(run.faro() for run in runs):
        if all(run.bound() for run in runs):
            summary("Faro: share of the bound", lambda r: f"{r.faro()['share']:.2f}")
            summary("the same from least times", lambda r: f"{r.faro()['share_least']:.2f}")
        summary("Faro: times faster than the best peer",
                lambda r: f"{r.best_peer()['run_ms_median'] / r.faro()['run_ms_median']:.2f}")
        summary("Faro: planning, share of the run",
                lambda r: f"{100 * r.faro()['plan_ms_median'] / r.faro()['run_ms_median']:.1f}%")
    if all(run.bound() for run in runs):
        summary("the bound: times faster than the first row", lambda r: f"{r.bound()['ratio']:.1f}")
        summary("the bound: times faster than the best peer",
                lambda r: f"{r.best_peer()['run_ms_median'] / r.bound()['run_ms_median']:.2f}")
    yield from markdown(["method"] + [column(run) for run in runs], rows)


def planning_table(runs):
    names = [m["name"] for m in runs[0].data["methods"] if "plan_ms_median" in m]

    def value(run, name):
        m = run.named(name)
        return f"{number(m['plan_ms_median'])} ({100 * m['plan_ms_median'] / m['run_ms_median']:.1f}%)"

    yield from markdown(["method"] + [f"R{run.ranks} T{run.tokens} E{run.experts}" for run in runs],
                        [[name] + [value(run, name) for run in runs] for name in names])


def shape_table(runs, dtype):
    """Rows of hidden sizes, columns of top-k: Faro's share of the bound."""
    chosen = [r for r in runs if r.dtype == dtype and r.faro() and r.bound()]
    hiddens, topks = sorted({r.hidden for r in chosen}), sorted({r.topk for r in chosen})

    def value(hidden, topk):
        run = next((r for r in chosen if r.hidden == hidden and r.topk == topk), None)
        return f"{run.faro()['share']:.2f}" if run else "-"

    yield from markdown([f"hidden ({dtype})"] + [f"K = {k}" for k in topks],
                        [[str(h)] + [value(h, k) for k in topks] for h in hiddens])


def budget_table(runs):
    """Every budget that some run was held against, with the worst and the best of its runs."""
    found = {}
    for run in runs:
        for budget in run.data["budgets"]:
            if "measured" not in budget:
                continue  # it says why in not_measured
            found.setdefault((budget["what"], budget["target"], budget["at_least"]), []).append((budget, run.name))
    rows = []
    for (what, target, at_least), entries in sorted(found.items()):
        entries.sort(key=lambda entry: entry[0]["measured"], reverse=not at_least)
        missed = [name for budget, name in entries if not budget["met"]]
        worst, best = entries[0][0], entries[-1][0]
        ceilings = [budget["ceiling"] for budget, _ in entries if "ceiling" in budget]
        reach = f"{number(min(ceilings))} to {number(max(ceilings))}" if ceilings else "-"
        rows.append([what, f"{'≥' if at_least else '≤'} {target:g}", number(worst["measured"]),
                     number(best["measured"]), reach, f"{len(entries) - len(missed)} of {len(entries)}",
                     ", ".join(missed[:6]) + (", ..." if len(missed) > 6 else "") or "-"])
    yield from markdown(["budget", "target", "worst run", "best run", "the bound itself", "met", "missed in"], rows)


def spread(values):
    return f"{min(values):.1f} to {max(values):.1f}"


def jit_table(run):
    yield from markdown(["from a spec to a module", "ms"],
                        [["first spec of a process, empty cache", f"{run.first_ms:.1f}"],
                         ["further specs, not in the cache", spread(run.next_ms)],
                         ["the same specs again, from the cache", spread(run.cached_ms)],
                         ["first spec of a new process, from the cache", f"{run.cached_new_process_ms:.1f}"]])


def file_less(assembler):
    """Without size and time of its file, which tell releases apart for the cache."""
    return re.sub(r"( \d+){2}$", "", assembler)


def device_jit_sections(runs, machine):
    runs = sorted(runs, key=lambda run: int(run.device["architecture"].removeprefix("sm_")))
    yield (f"Machine: {machine['cores']} cores, {machine['processor']}. Machine code by "
           f"{file_less(runs[0].device['assembler']) or 'nobody: PTX only'}.\n")

    def row(title, value):
        return [title] + [value(run) for run in runs]

    yield from markdown(
        ["from a spec to a module, ms"] + [run.device["architecture"] for run in runs],
        [row("first spec of a process, empty cache", lambda r: f"{r.first_ms:.1f}"),
         row("further specs, not in the cache: the kernels of a session", lambda r: spread(r.next_ms)),
         row("of these PTX, in the longest thread", lambda r: spread(r.device["ptx_ms"])),
         row("of these machine code, in the longest thread", lambda r: spread(r.device["code_ms"])),
         row("with all kernels: planning, bulk copies, resident, the host's", lambda r: spread(r.device["all_kernels_ms"])),
         row("the same specs again, from the cache", lambda r: spread(r.cached_ms)),
         row("first spec of a new process, from the cache", lambda r: f"{r.cached_new_process_ms:.1f}")])
    yield from budget_table(runs)


def sections(runs, machine):
    yield (f"Machine: {machine['cores']} cores, {machine['processor']}; {machine['loops']} loops in peers and limits. "
           f"{len(runs)} runs; rows that came out wrong: "
           f"{sum(m['wrong_rows'] for r in runs if r.op != 'jit' for m in r.methods)}.\n")
    shuffles = [r for r in runs if r.op in ("dispatch", "combine")]
    for op in ("dispatch", "combine"):
        reference = sorted((r for r in shuffles if r.op == op and r.is_reference()),
                           key=lambda r: (r.ranks, r.tokens))
        aligned = [r for r in reference if r.align > 1]
        uniform = [r for r in reference if r.routing == "uniform" and r not in aligned]
        others = [r for r in reference if r.routing != "uniform"]
        if uniform:
            yield f"### {op}: median ms (times faster than the first row), uniform routing\n"
            yield from methods_table(uniform, lambda r: f"R{r.ranks} T{r.tokens}")
        if others:
            yield f"### {op}: other routings\n"
            yield from methods_table(others, lambda r: f"{r.routing} R{r.ranks} T{r.tokens}")
        if aligned:
            yield f"### {op}: {aligned[0].experts} experts, their groups aligned to {aligned[0].align} rows\n"
            yield from methods_table(aligned, lambda r: f"R{r.ranks} T{r.tokens}")
    plans = sorted((r for r in runs if r.op == "plan"), key=lambda r: r.ranks)
    if plans:
        yield "### planning: median ms (share of the method's own dispatch)\n"
        yield from planning_table(plans)
    shapes = [r for r in shuffles if r.name.startswith("shape.")]
    for op in ("dispatch", "combine"):
        of_op = [r for r in shapes if r.op == op]
        if of_op:
            yield f"### {op}: share of the bound by shape (R{of_op[0].ranks} T{of_op[0].tokens})\n"
            for dtype in ("bf16", "f16", "f32"):
                if any(r.dtype == dtype for r in of_op):
                    yield from shape_table(of_op, dtype)
    for run in (r for r in runs if r.op == "jit"):
        yield "### JIT\n"
        yield from jit_table(run)
    if any(r.data["budgets"] for r in runs):
        yield "### budgets\n"
        yield from budget_table(runs)


def nodes_column(run):
    a = run.across
    link = f"{a['link_mbit'] / 1000:g} Gbit/s" if a["link_mbit"] else "no limit"
    routing = "real-like" if run.routing == "group-limited" else run.routing
    return f"{a['nodes']}×{a['ranks_per_node']} {link} {routing}"


def nodes_cell(run, name):
    """Median ms (times faster than the first row), and how full the method's own bytes kept the fullest link."""
    text = cell(run, name)
    method = run.named(name)
    if method and run.across["link_mbit"] and method.get("link_bytes"):
        text += f" {method['link_bytes'] * 8e-3 / run.across['link_mbit'] / method['run_ms_median']:.2f}"
    return text


def nodes_table(runs):
    rows = [[label(m)] + [nodes_cell(run, m["name"]) for run in runs] for m in runs[0].data["methods"]]

    def summary(title, value):
        rows.append([title] + [value(run) for run in runs])

    def against(start):
        def value(run):
            other = next((m for m in run.of_kind("peer") if m["name"].startswith(start)), None)
            return f"{other['run_ms_median'] / run.faro()['run_ms_median']:.2f}" if other else "-"
        return value

    if all(run.faro() for run in runs):
        summary("Faro: share of the nominal rate, deduped bytes",
                lambda r: f"{r.faro()['nominal_share']:.3f}" if "nominal_share" in r.faro() else "-")
        summary("the same from least times",
                lambda r: f"{r.faro()['nominal_share_least']:.3f}" if "nominal_share_least" in r.faro() else "-")
        summary("Faro: share of the raw messages' speed", lambda r: f"{r.faro()['share']:.2f}" if r.bound() else "-")
        summary("Faro: times faster than packed, every item", against("packed: every item"))
        summary("Faro: times faster than packed, per (token, rank)", lambda r: against(
            "packed: one row per (token, rank)" if r.op == "dispatch" else "packed: one partial row per (token, rank)")(r))
        summary("Faro: times faster than packed, per (token, node)", lambda r: against(
            "packed: one row per (token, node)" if r.op == "dispatch" else "packed: one partial row per (token, node)")(r))
        summary("Faro: times faster than the best MPI way", best_mpi)
        summary("Faro: measured over the cost model's time",
                lambda r: f"{r.faro()['run_ms_median'] / r.faro()['predicted_ms']:.2f}" if "predicted_ms" in r.faro() else "-")
        summary("Faro: planning, share of the run",
                lambda r: f"{100 * r.faro()['plan_ms_median'] / r.faro()['run_ms_median']:.1f}%")
    yield from markdown(["method"] + [nodes_column(run) for run in runs], rows)


def best_mpi(run):
    ways = [m["run_ms_median"] for m in run.of_kind("peer") if m["name"].startswith("MPI")]
    return f"{min(ways) / run.faro()['run_ms_median']:.2f}" if ways else "-"


def nodes_sections(runs, machine):
    yield (f"Machine: {machine['cores']} cores, {machine['processor']}, all nodes on it; {len(runs)} runs; rows that came out "
           f"wrong: {sum(m['wrong_rows'] for r in runs for m in r.methods)}.\n")
    for op in ("dispatch", "combine"):
        of_op = sorted((r for r in runs if r.op == op),
                       key=lambda r: (r.across["nodes"], r.across["link_mbit"] == 0, r.routing != "uniform", r.routing))
        if of_op:
            yield f"### Across nodes, {op}: median ms (times faster than the first row) share of the line\n"
            yield from nodes_table(of_op)
    plans = [r for r in runs if r.op == "plan" and r.faro()]
    if plans:
        yield "### Across nodes: planning\n"
        yield from markdown(["shape", "planning, ms", "dispatch, ms", "share"],
                            [[f"{nodes_column(r)} T{r.tokens} E{r.experts}", number(r.faro()["plan_ms_median"]),
                              number(r.faro()["run_ms_median"]),
                              f"{100 * r.faro()['plan_ms_median'] / r.faro()['run_ms_median']:.1f}%"] for r in plans])
    if any(r.data["budgets"] for r in runs):
        yield "### Across nodes: budgets\n"
        yield from budget_table(runs)


def compare_sections(new, old):
    """Ratios within each run only: milliseconds of two runs are not comparable."""
    def key(run):
        return run.name, run.op

    before = {key(r): r for r in old if r.op != "jit" and r.faro()}
    rows = []
    for run in new:
        if run.op == "jit" or not run.faro() or key(run) not in before:
            continue
        was = before[key(run)]

        def both(value):
            a, b = value(was), value(run)
            return f"{a:.2f} → {b:.2f}" if a and b else "-"

        rows.append([run.name, run.op, both(lambda r: r.faro().get("share")), both(lambda r: r.faro().get("share_least")),
                     both(lambda r: r.faro().get("ratio")),
                     both(lambda r: 100 * r.faro().get("plan_ms_median", 0) / r.faro()["run_ms_median"])])
    yield from markdown(["run", "operation", "share of the bound", "from least times", "times faster than the first row",
                         "planning, %"], rows)


def insert_between(path, text, marks_of_page):
    page = pathlib.Path(path)
    old = page.read_text()
    begin, end = marks_of_page
    if begin not in old or end not in old:
        sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {path} has no marks {begin} and {end}")
    head, tail = old.split(begin)[0], old.split(end)[1]
    page.write_text(f"{head}{begin}\n{text}{end}{tail}")


def main():
    parser = argparse.ArgumentParser(description="Markdown tables from the JSON files of faro-bench")
    parser.add_argument("folder")
    parser.add_argument("--into", help="the page whose tables are replaced")
    parser.add_argument("--nodes", action="store_true", help="runs across nodes")
    parser.add_argument("--device-jit", action="store_true", help="compile times for CUDA devices")
    parser.add_argument("--compare", metavar="OLD", help="an earlier folder")
    arguments = parser.parse_args()
    what = "tables"
    runs, machine = load(arguments.folder)
    if arguments.compare:
        lines = compare_sections(runs, load(arguments.compare)[0])
    elif arguments.device_jit:
        what = "compile times"
        lines = device_jit_sections([r for r in runs if r.op == "jit" and "device" in r.data], machine)
    elif arguments.nodes:
        what = "tables across nodes"
        lines = nodes_sections([r for r in runs if "across" in r.data], machine)
    else:
        lines = sections([r for r in runs if "across" not in r.data and "device" not in r.data], machine)
    text = "\n".join(lines) + "\n"
    if arguments.into:
        insert_between(arguments.into, text, marks(what))
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
