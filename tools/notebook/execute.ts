/**
 * Runs cells as the Deno kernel of Jupyter does, without Jupyter: in the global scope, one after
 * the other, each with what it printed and the value of its last expression.
 *
 * Cells must leave nothing that depends on the place where they run: they print text, and their
 * last value is nothing or has a picture (`Jupyter.display`).
 */
import { Evaluator } from "../../repl/evaluator.ts";
import type { Output } from "./notebook.ts";

const DISPLAY = Symbol.for("Jupyter.display");

/** Runs the cells' sources; stops after one that throws. @returns The outputs of each. */
export async function executeCells(sources: readonly string[]): Promise<Output[][]> {
  const evaluator = new Evaluator();
  const results: Output[][] = [];
  try {
    for (const source of sources) {
      const outputs: Output[] = [];
      const restore = capture((name, text) => {
        const last = outputs.at(-1);
        if (last?.kind === "stream" && last.name === name) {
          outputs[outputs.length - 1] = { ...last, text: last.text + text };
        } else outputs.push({ kind: "stream", name, text });
      });
      try {
        const outcome = await evaluator.evaluate(source);
        if (outcome.kind !== "value") outputs.push(failure(outcome.error));
        else if (outcome.value !== undefined) outputs.push(await display(outcome.value));
      } catch (error) {
        outputs.push(failure(error));
      } finally {
        restore();
      }
      results.push(outputs);
      if (outputs.some(({ kind }) => kind === "error")) break;
    }
  } finally {
    evaluator.close();
  }
  return results;
}

function failure(error: unknown): Output {
  return {
    kind: "error",
    message: error instanceof Error ? error.stack ?? error.message : String(error),
  };
}

async function display(value: unknown): Promise<Output> {
  const show = Object(value)[DISPLAY];
  if (typeof show !== "function") {
    return failure(
      `The cell ends with a value that looks otherwise in Jupyter: ${Deno.inspect(value)}`,
    );
  }
  return { kind: "display", data: await show.call(value) };
}

/** Takes what is printed. @returns Ends that. */
function capture(write: (name: "stdout" | "stderr", text: string) => void): () => void {
  const before = { ...console };
  const to = (name: "stdout" | "stderr") => (...values: unknown[]) => {
    const other = values.find((value) => typeof value !== "string" && typeof value !== "number");
    if (other !== undefined) {
      throw new TypeError(
        `Cannot print ${Deno.inspect(other)}: print text, it is the same everywhere`,
      );
    }
    write(name, `${values.join(" ")}\n`);
  };
  const [out, err] = [to("stdout"), to("stderr")];
  Object.assign(console, { log: out, info: out, debug: out, warn: err, error: err });
  return () => void Object.assign(console, before);
}
