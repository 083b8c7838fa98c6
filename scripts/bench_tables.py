#!/usr/bin/env python3
"""Markdown tables from the JSON files of faro-bench.

    bench_tables.py DIR               prints them
    bench_tables.py DIR --into FILE   puts them between the two marks "<!-- tables -->" and "<!-- end of tables -->"
"""
import argparse
import json
import pathlib
import sys

BEGIN, END = "<!-- tables -->", "<!-- end of tables -->"


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
        return min(self.of_kind("peer"), key=lambda m: m["run_ms_min"], default=None)

    def bound(self):
        return min(self.of_kind("bound"), key=lambda m: m["run_ms_min"], default=None)

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
    text = number(method["run_ms_min"])
    if "ratio" in method:
        text += f" ({method['ratio']:.1f})"
    return text + (" WRONG" if method["wrong_rows"] else "")


def methods_table(runs, column):
    """One column a run: least milliseconds (times faster than the first row); then what is to be read from them."""
    rows = [[label(m)] + [cell(run, m["name"]) for run in runs] for m in runs[0].data["methods"]]

    def summary(title, value):
        rows.append([title] + [value(run) for run in runs])

    if all(run.faro() for run in runs):
        if all(run.bound() for run in runs):
            summary("Faro: share of the bound", lambda r: f"{r.faro()['share']:.2f}")
            summary("the same from medians", lambda r: f"{r.faro()['share_median']:.2f}")
        summary("Faro: times faster than the best peer",
                lambda r: f"{r.best_peer()['run_ms_min'] / r.faro()['run_ms_min']:.2f}")
        summary("Faro: planning, share of the run",
                lambda r: f"{100 * r.faro()['plan_ms_min'] / r.faro()['run_ms_min']:.1f}%")
    if all(run.bound() for run in runs):
        summary("the bound: times faster than the first row", lambda r: f"{r.bound()['ratio']:.1f}")
        summary("the bound: times faster than the best peer",
                lambda r: f"{r.best_peer()['run_ms_min'] / r.bound()['run_ms_min']:.2f}")
    yield from markdown(["method"] + [column(run) for run in runs], rows)


def planning_table(runs):
    names = [m["name"] for m in runs[0].data["methods"] if "plan_ms_min" in m]

    def value(run, name):
        m = run.named(name)
        return f"{number(m['plan_ms_min'])} ({100 * m['plan_ms_min'] / m['run_ms_min']:.1f}%)"

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


def jit_table(run):
    def spread(values):
        return f"{min(values):.1f} to {max(values):.1f}"

    yield from markdown(["from a spec to a module", "ms"],
                        [["first spec of a process, empty cache", f"{run.first_ms:.1f}"],
                         ["further specs, not in the cache", spread(run.next_ms)],
                         ["the same specs again, from the cache", spread(run.cached_ms)],
                         ["first spec of a new process, from the cache", f"{run.cached_new_process_ms:.1f}"]])


def sections(runs, machine):
    yield (f"Machine: {machine['cores']} cores, {machine['processor']}; {machine['loops']} loops in peers and limits. "
           f"{len(runs)} runs; rows that came out wrong: "
           f"{sum(m['wrong_rows'] for r in runs if r.op != 'jit' for m in r.methods)}.\n")
    shuffles = [r for r in runs if r.op in ("dispatch", "combine")]
    for op in ("dispatch", "combine"):
        reference = sorted((r for r in shuffles if r.op == op and r.is_reference()),
                           key=lambda r: (r.ranks, r.tokens))
        uniform = [r for r in reference if r.routing == "uniform"]
        others = [r for r in reference if r.routing != "uniform"]
        if uniform:
            yield f"### {op}: least ms (times faster than the first row), uniform routing\n"
            yield from methods_table(uniform, lambda r: f"R{r.ranks} T{r.tokens}")
        if others:
            yield f"### {op}: other routings\n"
            yield from methods_table(others, lambda r: f"{r.routing} R{r.ranks} T{r.tokens}")
    plans = sorted((r for r in runs if r.op == "plan"), key=lambda r: r.ranks)
    if plans:
        yield "### planning: least ms (share of the method's own dispatch)\n"
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


def insert(path, text):
    page = pathlib.Path(path)
    old = page.read_text()
    if BEGIN not in old or END not in old:
        sys.exit(f"bench_tables.py: {path} has no marks {BEGIN} and {END}")
    head, tail = old.split(BEGIN)[0], old.split(END)[1]
    page.write_text(f"{head}{BEGIN}\n{text}{END}{tail}")


def main():
    parser = argparse.ArgumentParser(description="Markdown tables from the JSON files of faro-bench")
    parser.add_argument("folder")
    parser.add_argument("--into", help="the page whose tables are replaced")
    arguments = parser.parse_args()
    text = "\n".join(sections(*load(arguments.folder))) + "\n"
    if arguments.into:
        insert(arguments.into, text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
