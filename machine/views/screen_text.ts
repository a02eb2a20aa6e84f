/** The screen's characters in a frame. */
import { paintFor, type TextOptions } from "./style.ts";

/**
 * Frames the text of a screen.
 *
 * @param text Lines of the screen, without trailing blanks as `machine.screen.text()` gives them.
 * @param columns,rows Its size in characters.
 */
export function screenText(
  text: string,
  columns = 80,
  rows = 25,
  options: TextOptions = {},
): string {
  const paint = paintFor(options);
  const lines = text.split("\n").slice(0, rows);
  while (lines.length < rows) lines.push("");
  const side = paint("quiet", "│");
  const edge = "─".repeat(columns);
  return [
    paint("quiet", `┌${edge}┐`),
    ...lines.map((line) => `${side}${fit(line, columns)}${side}`),
    paint("quiet", `└${edge}┘`),
  ].join("\n");
}

/** Control characters would move the terminal's cursor. */
function fit(line: string, columns: number): string {
  // deno-lint-ignore no-control-regex
  return [...line.replace(/[\x00-\x1f\x7f-\x9f]/g, " ")].slice(0, columns).join("").padEnd(columns);
}
