/** The lines of earlier sessions, in a file of the user's home. */

const LINES_KEPT = 1000;

/** Where the history is: `RING0_HISTORY`, or `.ring0_history` in the home directory. */
function historyFile(): string | undefined {
  const chosen = Deno.env.get("RING0_HISTORY");
  if (chosen !== undefined) return chosen === "" ? undefined : chosen;
  const home = Deno.env.get("HOME") ?? Deno.env.get("USERPROFILE");
  return home === undefined ? undefined : `${home}/.ring0_history`;
}

/** Reads the history, latest line first. Without one it is empty. */
export function readHistory(): string[] {
  const file = historyFile();
  if (file === undefined) return [];
  try {
    return Deno.readTextFileSync(file).split("\n").filter((line) => line !== "")
      .slice(-LINES_KEPT).reverse();
  } catch {
    return [];
  }
}

/** Writes the history, latest line first. A home that cannot be written to is no error. */
export function writeHistory(lines: readonly string[]): void {
  const file = historyFile();
  if (file === undefined) return;
  const oldestFirst = lines.slice(0, LINES_KEPT).toReversed();
  try {
    Deno.writeTextFileSync(file, oldestFirst.map((line) => `${line}\n`).join(""), { mode: 0o600 });
  } catch {
    // Nothing that the user could do about it now.
  }
}
