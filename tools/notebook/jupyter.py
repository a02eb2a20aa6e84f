#!/usr/bin/python3
"""Runs notebooks in the Deno kernel of Jupyter and compares the outputs with those committed.

    tools/notebook/jupyter.py KERNELS NOTEBOOK...

KERNELS is a directory with `kernels/deno/kernel.json`, as tools/notebook/serve.ts makes it. Needs
Debian's python3-jupyter-client. The kernel sends outputs even after it has called a cell done, so
after each cell this waits for what may come late: shortly, and longer if something is missing.
"""
import json
import os
import queue
import sys
import time

QUIET_S = 0.4
MISSING_S = 10
CELL_S = 120


def joined(text):
    return text if isinstance(text, str) else "".join(text)


def normal(outputs):
    """Outputs as tuples; neighbouring parts of one stream are one."""
    result = []
    for output in outputs:
        kind = output["output_type"]
        if kind == "stream":
            text = joined(output["text"])
            if result and result[-1][:2] == ("stream", output["name"]):
                text = result.pop()[2] + text
            result.append(("stream", output["name"], text))
        elif kind == "error":
            result.append(("error", output.get("ename"), output.get("evalue")))
        else:
            data = {mime: joined(text) for mime, text in output["data"].items()}
            result.append(("display", json.dumps(data, sort_keys=True)))
    return result


def execute(client, source, expected):
    """Runs a cell; gives its outputs and the kernel's verdict. Waits longer for what is expected."""
    message = client.execute(source, store_history=True)
    outputs, idle_at, end = [], None, time.monotonic() + CELL_S
    while True:
        now = time.monotonic()
        if now > end:
            return outputs, "timeout"
        if idle_at is not None:
            patience = QUIET_S if len(normal(outputs)) >= len(expected) else MISSING_S
            if now > idle_at + patience:
                break
        try:
            event = client.get_iopub_msg(timeout=0.1)
        except queue.Empty:
            continue
        if event["parent_header"].get("msg_id") != message:
            continue
        kind, content = event["msg_type"], event["content"]
        if kind == "status" and content["execution_state"] == "idle":
            idle_at = time.monotonic()
        elif kind in ("stream", "display_data", "execute_result", "error"):
            outputs.append({"output_type": kind, **content})
    reply = client.get_shell_msg(timeout=10)
    while reply["parent_header"].get("msg_id") != message:
        reply = client.get_shell_msg(timeout=10)
    return outputs, reply["content"]["status"]


def run(path):
    """Runs a notebook. Returns what is wrong with it."""
    from jupyter_client.manager import start_new_kernel

    with open(path, encoding="utf-8") as file:
        notebook = json.load(file)
    name = notebook["metadata"]["kernelspec"]["name"]
    directory = os.path.dirname(os.path.abspath(path))
    manager, client = start_new_kernel(kernel_name=name, startup_timeout=60, cwd=directory)
    wrong = []
    try:
        cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        for number, cell in enumerate(cells, 1):
            expected = normal(cell["outputs"])
            outputs, status = execute(client, joined(cell["source"]), expected)
            actual = normal(outputs)
            if status != "ok" or actual != expected:
                wrong.append(
                    f"{path}: code cell {number} ({status}):\n  committed {str(expected)[:600]}\n"
                    f"  now       {str(actual)[:600]}"
                )
                if status != "ok":
                    break
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    if not wrong:
        print(f"{path}: {len(cells)} cells in the Deno kernel, as committed")
    return wrong


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    os.environ["JUPYTER_PATH"] = os.path.abspath(sys.argv[1])
    wrong = [text for path in sys.argv[2:] for text in run(path)]
    for text in wrong:
        print(text, file=sys.stderr)
    sys.exit(1 if wrong else 0)


main()
