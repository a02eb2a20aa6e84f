/** Values and errors as the REPL shows them. */

/** How to draw. */
export interface RenderOptions {
  readonly colour: boolean;
}

/** A result: as `Deno.inspect` has it, a `bigint` in hex too. */
export function renderValue(value: unknown, { colour }: RenderOptions): string {
  const text = Deno.inspect(value, { colors: colour, depth: 4, iterableLimit: 100 });
  if (typeof value !== "bigint") return text;
  const hex = `${value < 0n ? "-" : ""}0x${(value < 0n ? -value : value).toString(16)}`;
  return `${text} (${hex})`;
}

/** Something thrown, on one line and without a stack. */
export function renderError(error: unknown, { colour }: RenderOptions): string {
  const text = `Uncaught ${describeError(error)}`;
  return colour ? `\x1b[31m${text}\x1b[39m` : text;
}

function describeError(error: unknown): string {
  if (error instanceof Error) {
    const message = oneLine(String(error.message));
    return message === "" ? String(error.name) : `${error.name}: ${message}`;
  }
  try {
    return oneLine(Deno.inspect(error, { depth: 1 }));
  } catch {
    return "something that cannot be shown";
  }
}

/** Joins the lines of a text by single spaces. */
export function oneLine(text: string): string {
  return text.trim().replace(/\s*[\r\n\u2028\u2029]+\s*/g, " ");
}
