#!/usr/bin/env python3
"""What scripts/test-gpu.sh has measured on a CUDA device, as markdown: each of the budgets, met, missed or missing, and the
tables of its runs.

    device_tables.py DIR               prints them, from the .json files of faro-bench --device in DIR; there may be none
    device_tables.py DIR --into FILE   puts them between the marks "<!-- on a device -->" and "<!-- end of on a device -->"
"""
import argparse
import pathlib
import sys

from bench_tables import Run, cell, insert_between, label, load, markdown, number

MARKS = "<!-- on a device -->", "<!-- end of on a device -->"
# As tests/bench/device/device_budgets.cpp has them: what, the least ratio or share, or the most microseconds.
BUDGETS = [("dispatch kernel, share of the copy bound", "≥ 0.9"),
           ("dispatch kernel, 16 multiprocessors, share of the copy bound", "≥ 0.85"),
           ("dispatch kernel against the fastest permute, copy, permute", "≥ 2.5"),
           ("dispatch kernel against the fastest permute in one pass", "≥ 1.5"),
           ("dispatch against torch: index_select, copy, index_select", "≥ 2.5"),
           ("dispatch against the best torch.compile permute", "≥ 1.5"),
           ("combine kernel, share of the copy bound", "≥ 0.85"),
           ("planning on the device, 4096 tokens, top-8 of 256", "≤ 30 us"),
           ("dispatch + combine of 128 tokens, one graph, cold cache", "≤ 30 us"),
           ("dispatch + combine of 128 tokens, one graph, warm cache", "≤ 30 us")]


def found_budgets(runs):
    """By name, all that runs say of it."""
    found = {what: [] for what, _ in BUDGETS}
    for run in runs:
        for budget in run.data["budgets"]:
            target = "%s %g" % ("≥" if budget["at_least"] else "≤", budget["target"])
            known = dict(BUDGETS).get(budget["what"], "")
            if known not in (target, target + " us"):
                sys.exit(f"device_tables.py: {run.name}: a budget of \"{budget['what']}\", {target}: BUDGETS has "
                         f"{known or 'none of that name'}")
            found[budget["what"]].append(budget)
    return found


def budget_row(what, target, entries, anything):
    measured = [b for b in entries if "measured" in b]
    if not measured:
        why = entries[0]["not_measured"] if entries else "not in these runs" if anything else "no GPU"
        return [what, target, "missing: " + why, "-", "-", "no"]
    measured.sort(key=lambda b: b["measured"], reverse=not measured[0]["at_least"])
    unit = " us" if target.endswith("us") else ""
    ceilings = [b["ceiling"] for b in measured if "ceiling" in b]
    met = sum(b["met"] for b in measured)
    return [what, target, number(measured[0]["measured"]) + unit, number(measured[-1]["measured"]) + unit,
            number(min(ceilings)) if ceilings else "-", "yes" if met == len(entries) else f"{met} of {len(entries)}" if met else "no"]


def column(run):
    d = run.data
    parts = [f"T{d['tokens']}", f"align {d['align']}"]
    if d["ranks"] > 1:
        parts.append(f"{d['ranks']} ranks")
    if d["multiprocessors"]:
        parts.append(f"{d['multiprocessors']} multiprocessors")
    return ", ".join(parts + [d["caches"]])


def runs_table(runs):
    """One column a run: median milliseconds (times faster than the first row) share of the bound."""
    def value(run, name):
        method = run.named(name)
        return cell(run, name) + (f" {method['share']:.2f}" if method and "share" in method else "")

    methods = {}
    for run in runs:
        for method in run.data["methods"]:
            methods.setdefault(method["name"], label(method))
    yield from markdown(["method"] + [column(run) for run in runs],
                        [[text] + [value(run, name) for run in runs] for name, text in methods.items()])


def sections(runs):
    if runs:
        devices = sorted({f"{r.device['name']} ({r.device['architecture']})" for r in runs})
        torch = sorted({r.data["torch"]["version"] for r in runs if "torch" in r.data})
        yield (f"Device: {', '.join(devices)}; torch: {', '.join(torch) or 'none'}; {len(runs)} runs; rows that came out wrong: "
               f"{sum(m['wrong_rows'] for r in runs for m in r.methods)}.\n")
    else:
        yield "Nothing was measured: no GPU. `scripts/test-gpu.sh --into docs/performance.md` fills this in where there is one.\n"
    found = found_budgets(runs)
    yield from markdown(["budget", "target", "worst run", "best run", "the bound itself", "met"],
                        [budget_row(what, target, found[what], runs) for what, target in BUDGETS])
    for op in ("dispatch", "combine", "plan", "round-trip"):
        of_op = [r for r in runs if r.op == op]
        if of_op:
            share = " share of the bound" if any("share" in m for r in of_op for m in r.methods) else ""
            yield f"### On a device, {op}: median ms (times faster than the first row){share}\n"
            yield from runs_table(of_op)


def main():
    parser = argparse.ArgumentParser(description="Markdown tables of what was measured on a CUDA device")
    parser.add_argument("folder")
    parser.add_argument("--into", help="the page whose tables are replaced")
    arguments = parser.parse_args()
    folder = pathlib.Path(arguments.folder)
    runs: list[Run] = []
    if folder.is_dir() and any(folder.glob("*.json")):
        runs = [run for run in load(folder)[0] if "device" in run.data]
    text = "\n".join(sections(runs)) + "\n"
    if arguments.into:
        insert_between(arguments.into, text, MARKS)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
