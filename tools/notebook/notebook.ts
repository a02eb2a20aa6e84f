/** Notebook files: reading, writing, and the rules of the house for them. */
import { readFileSync, writeFileSync } from "node:fs";

/** What a cell printed or showed. Printed text is one entry per stream. */
export type Output =
  | { readonly kind: "stream"; readonly name: "stdout" | "stderr"; readonly text: string }
  | { readonly kind: "display"; readonly data: Readonly<Record<string, string>> }
  | { readonly kind: "error"; readonly message: string };

interface FileOutput {
  output_type: string;
  name?: "stdout" | "stderr";
  text?: string | string[];
  data?: Record<string, string | string[]>;
  metadata?: object;
  execution_count?: null;
  ename?: string;
  evalue?: string;
}

/** A cell as the file has it. */
export interface Cell {
  cell_type: "markdown" | "code" | "raw";
  id?: string;
  metadata: Record<string, unknown>;
  source: string | string[];
  outputs?: FileOutput[];
  execution_count?: number | null;
}

/** A notebook file, format 4. */
export interface Notebook {
  cells: Cell[];
  metadata: { language_info?: { name?: string }; kernelspec?: { name?: string } };
  nbformat: number;
  nbformat_minor: number;
}

export function readNotebook(path: string | URL): Notebook {
  return JSON.parse(readFileSync(path, "utf8"));
}

/** Writes a notebook as Jupyter does, so that saving it there changes nothing. */
export function writeNotebook(path: string | URL, notebook: Notebook): void {
  writeFileSync(path, `${JSON.stringify(notebook, undefined, 1)}\n`);
}

/** Joins the lines that the format may split a text into. */
export function joined(text: string | string[] | undefined): string {
  return typeof text === "string" ? text : (text ?? []).join("");
}

export function codeCells(notebook: Notebook): Cell[] {
  return notebook.cells.filter(({ cell_type }) => cell_type === "code");
}

/** The outputs that a file has for a cell. */
export function outputsOf({ outputs = [] }: Cell): Output[] {
  return outputs.map((output) => {
    if (output.output_type === "stream") {
      return { kind: "stream", name: output.name!, text: joined(output.text) };
    }
    if (output.output_type === "error") return { kind: "error", message: output.evalue ?? "" };
    const entries = Object.entries(output.data ?? {});
    return {
      kind: "display",
      data: Object.fromEntries(entries.map(([type, text]) => [type, joined(text)])),
    };
  });
}

/** Puts outputs into a cell as the format has them. */
export function setOutputs(cell: Cell, outputs: readonly Output[]): void {
  cell.execution_count = null;
  cell.outputs = outputs.map((output): FileOutput => {
    switch (output.kind) {
      case "stream":
        return { name: output.name, output_type: "stream", text: lines(output.text) };
      case "error":
        throw new Error(`Cannot keep a cell that throws: ${output.message}`);
      case "display": {
        const entries = Object.entries(output.data).sort(([a], [b]) => a < b ? -1 : 1);
        return {
          data: Object.fromEntries(entries.map(([type, text]) => [type, lines(text)])),
          execution_count: null,
          metadata: {},
          output_type: "execute_result",
        };
      }
    }
  });
}

function lines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/** All code cells as one module, for the type checker. A comment says where each begins. */
export function moduleSource(notebook: Notebook): string {
  const cells = codeCells(notebook).map((cell, i) =>
    `// ---- cell ${i + 1}\n${joined(cell.source)}\n`
  );
  return `${cells.join("\n")}\nexport {};\n`;
}

const MOST_LINES = 15;
/** What a cell may import. */
const IMPORTS = /^(?:ring0|node:assert\/strict)$/;

/** What in a notebook is against the rules of STYLE.md, "Notebooks". */
export function ruleViolations(notebook: Notebook): string[] {
  const wrong: string[] = [];
  const [head] = notebook.cells;
  const headText = head === undefined ? "" : joined(head.source);
  if (head?.cell_type !== "markdown" || !/^# \S[^\n]*\n\n> [^\n]+[.!?]$/m.test(headText)) {
    wrong.push("the first cell has no H1 with a quoted sentence below");
  }
  const headings = notebook.cells.filter(({ cell_type, source }) =>
    cell_type === "markdown" && /^# /m.test(joined(source))
  );
  if (headings.length > 1) wrong.push("there is more than one H1");
  const last = notebook.cells.at(-1);
  for (const cell of [head, last]) {
    if (cell === undefined || !/previous|next/i.test(joined(cell.source))) {
      wrong.push("the first and the last cell have no previous and next links");
    }
  }
  if (notebook.metadata.language_info?.name !== "typescript") {
    wrong.push("language_info.name is not typescript");
  }
  if (notebook.metadata.kernelspec?.name !== "deno") wrong.push("the kernel is not deno");
  const ids = new Set(notebook.cells.map(({ id }) => id));
  if (ids.size !== notebook.cells.length || ids.has(undefined)) wrong.push("cells share an id");
  codeCells(notebook).forEach((cell, i) => {
    const name = `code cell ${i + 1}`;
    const source = joined(cell.source);
    const count = source.split("\n").length;
    if (count > MOST_LINES) wrong.push(`${name} has ${count} lines, more than ${MOST_LINES}`);
    if (cell.execution_count !== null) wrong.push(`${name} has an execution count`);
    if (/\bDeno\.jupyter\b/.test(source)) wrong.push(`${name} works in Jupyter only`);
    for (const [, specifier] of source.matchAll(/\bfrom\s+"([^"]*)"|\bimport\(/g)) {
      if (!IMPORTS.test(specifier ?? "")) wrong.push(`${name} imports ${specifier}`);
    }
  });
  return wrong;
}
