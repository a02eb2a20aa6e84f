/**
 * Every notebook: the rules of the house, its types, and its cells, without Jupyter.
 *
 * `tools/notebook/ci.sh` runs them in the real kernel and in a browser.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  moduleSource,
  type Notebook,
  readNotebook,
  ruleViolations,
  writeNotebook,
} from "../../tools/notebook/notebook.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const CONFIG = join(ROOT, "deno.json");
const RUN = join(ROOT, "tools/notebook/run.ts");
const names = readdirSync(join(ROOT, "notebooks")).filter((name) => name.endsWith(".ipynb"));

async function deno(...args: string[]): Promise<{ success: boolean; text: string }> {
  const command = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, env: { NO_COLOR: "1" } });
  const { success, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { success, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

async function inTemporary(action: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "ring0-notebook-"));
  try {
    await action(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

Deno.test("there is a notebook", () => ok(names.length > 0));

for (const name of names) {
  const path = join(ROOT, "notebooks", name);

  Deno.test(`${name} keeps the rules of notebooks`, () => {
    deepStrictEqual(ruleViolations(readNotebook(path)), []);
  });

  Deno.test(`${name} has no type errors`, () =>
    inTemporary(async (directory) => {
      const file = join(directory, "cells.ts");
      writeFileSync(file, moduleSource(readNotebook(path)));
      const { success, text } = await deno("check", "--config", CONFIG, file);
      ok(success, text);
    }));

  Deno.test(`${name} gives what is committed`, async () => {
    const { success, text } = await deno("run", "--allow-all", RUN, path);
    ok(success, text);
  });
}

/** A notebook that breaks no rule, with these code cells. */
function notebookOf(...sources: string[]): Notebook {
  const text = (id: string, source: string) =>
    ({ cell_type: "markdown", id, metadata: {}, source }) as const;
  return {
    cells: [
      text("head", "# A title\n\n> A sentence.\n\nPrevious: none · Next: none"),
      ...sources.map((source, i) => ({
        cell_type: "code" as const,
        id: `cell-${i}`,
        metadata: {},
        source,
        outputs: [],
        execution_count: null,
      })),
      text("end", "Previous: none · Next: none"),
    ],
    metadata: { language_info: { name: "typescript" }, kernelspec: { name: "deno" } },
    nbformat: 4,
    nbformat_minor: 5,
  };
}

/** Runs a notebook made of these cells. */
async function run(notebook: Notebook, ...options: string[]) {
  let result = { success: false, text: "" };
  await inTemporary(async (directory) => {
    const path = join(directory, "test.ipynb");
    writeNotebook(path, notebook);
    result = await deno("run", "--allow-all", "--config", CONFIG, RUN, ...options, path);
    Object.assign(notebook, readNotebook(path));
  });
  return result;
}

Deno.test("the runner keeps variables, awaits, and writes what cells print and show", async () => {
  const notebook = notebookOf(
    'import { bars } from "ring0";\nconst a: number = 1;',
    'console.log("a", a);\nconsole.log("b");\nawait Promise.resolve();',
    'bars({ title: "T", bars: [{ title: "m", size: 1, blocks: [] }] });',
  );
  const { success, text } = await run(notebook, "--write");
  ok(success, text);
  const outputs = notebook.cells.slice(1, -1).map((cell) => cell.outputs);
  deepStrictEqual(outputs.slice(0, 2), [
    [],
    [{ name: "stdout", output_type: "stream", text: ["a 1\n", "b\n"] }],
  ]);
  const [picture] = outputs[2]!;
  deepStrictEqual(Object.keys(picture.data!), ["image/svg+xml", "text/plain"]);
  deepStrictEqual(picture.data!["text/plain"], ["T\n", "m\n", "  0–1          free"]);
  strictEqual((await run(notebook)).success, true);
});

const WRONG: readonly (readonly [what: string, source: string, told: RegExp])[] = [
  [
    "an assertion that does not hold",
    "if (1 + 1 !== 3) throw new Error('not 3')",
    /cell 1 .*not 3/,
  ],
  ["an output that is not committed", 'console.log("new")', /cell 1: it gives more .*new/],
  ["a value without a picture", "1n", /looks otherwise in Jupyter: 1n/],
  ["printing an object", "console.log({})", /print text/],
  ["text that is no TypeScript", "const = 1", /cell 1 fails: SyntaxError/],
];
for (const [what, source, told] of WRONG) {
  Deno.test(`the runner refuses ${what}`, async () => {
    const { success, text } = await run(notebookOf(source));
    strictEqual(success, false);
    ok(told.test(text), text);
  });
}

Deno.test("the runner refuses an output that has changed or gone", async () => {
  for (
    const [source, told] of [['console.log("b")', /line 1: .*"a".*"b"/], ["", /no longer/]] as const
  ) {
    const notebook = notebookOf(source);
    notebook.cells[1].outputs = [{ output_type: "stream", name: "stdout", text: ["a\n"] }];
    const { success, text } = await run(notebook);
    strictEqual(success, false);
    ok(told.test(text), text);
  }
});

Deno.test("ruleViolations() finds each offence", () => {
  deepStrictEqual(ruleViolations(notebookOf("1;")), []);
  const broken = (change: (notebook: Notebook) => void) => {
    const notebook = notebookOf("1;");
    change(notebook);
    return ruleViolations(notebook).join("; ");
  };
  const offences: readonly (readonly [(notebook: Notebook) => void, RegExp])[] = [
    [(n) => n.cells[0].source = "# A title\n\nPrevious, next", /no H1/],
    [(n) => n.cells[2].source = "# Another\n\nnext", /more than one H1/],
    [(n) => n.cells[2].source = "The end", /links/],
    [(n) => n.metadata.language_info = { name: "python" }, /language_info/],
    [(n) => n.metadata.kernelspec = { name: "python3" }, /kernel/],
    [(n) => n.cells[1].id = "head", /share an id/],
    [(n) => n.cells[1].source = "1;\n".repeat(15), /16 lines/],
    [(n) => n.cells[1].execution_count = 3, /execution count/],
    [(n) => n.cells[1].source = "Deno.jupyter.display(1)", /Jupyter only/],
    [(n) => n.cells[1].source = 'import { a } from "../mod.ts";', /imports \.\.\/mod\.ts/],
    [(n) => n.cells[1].source = 'await import("npm:x")', /imports/],
  ];
  for (const [change, told] of offences) ok(told.test(broken(change)), broken(change));
});
