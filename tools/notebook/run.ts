/**
 * Runs notebooks without Jupyter and compares what their cells give with what is committed.
 *
 *     deno run --allow-all tools/notebook/run.ts [--write] NOTEBOOK...
 *
 * `--write` keeps the outputs in the files instead. Exit status 1: something differs or failed.
 */
import { fileURLToPath } from "node:url";
import { diffOutputs } from "./diff.ts";
import { executeCells } from "./execute.ts";
import {
  codeCells,
  joined,
  outputsOf,
  readNotebook,
  setOutputs,
  writeNotebook,
} from "./notebook.ts";

/** Runs one notebook in this process. @returns What is wrong with it. */
export async function runNotebook(path: string, write: boolean): Promise<string[]> {
  const notebook = readNotebook(path);
  const cells = codeCells(notebook);
  const results = await executeCells(cells.map(({ source }) => joined(source)));
  const wrong: string[] = [];
  results.forEach((outputs, i) => {
    const error = outputs.find((output) => output.kind === "error");
    if (error !== undefined) wrong.push(`code cell ${i + 1} fails: ${error.message}`);
    else if (write) setOutputs(cells[i], outputs);
    else {wrong.push(
        ...diffOutputs(outputsOf(cells[i]), outputs).map((d) => `code cell ${i + 1}: ${d}`),
      );}
  });
  if (write && wrong.length === 0) writeNotebook(path, notebook);
  return wrong;
}

/** Runs a notebook in a process of its own, so that its variables are new. */
async function runAlone(path: string, write: boolean): Promise<boolean> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-all",
      fileURLToPath(import.meta.url),
      ...(write ? ["--write"] : []),
      path,
    ],
    stdin: "null",
  }).output().then((result) => {
    Deno.stdout.writeSync(result.stdout);
    Deno.stderr.writeSync(result.stderr);
    return result;
  });
  return success;
}

if (import.meta.main) {
  const write = Deno.args.includes("--write");
  const paths = Deno.args.filter((argument) => argument !== "--write");
  if (paths.length === 1) {
    const wrong = await runNotebook(paths[0], write);
    for (const text of wrong) console.error(`${paths[0]}: ${text}`);
    if (wrong.length === 0) console.log(`${paths[0]}: ${write ? "written" : "as committed"}`);
    Deno.exit(wrong.length === 0 ? 0 : 1);
  }
  let good = paths.length > 0;
  for (const path of paths) good = await runAlone(path, write) && good;
  if (paths.length === 0) console.error("Which notebooks? Give their paths.");
  Deno.exit(good ? 0 : 1);
}
