/** A lock-step result as text: the first difference in columns, and what led to it. */
import type { LockstepResult } from "./differ.ts";

/** @param names Of the two targets. */
export function reportText(result: LockstepResult, names: readonly [string, string]): string {
  const { difference } = result;
  if (difference === undefined) {
    return `${result.steps} instructions alike (${result.reason})\n`;
  }
  const header = { what: "register", left: names[0], right: names[1] };
  const rows = [header, ...difference.rows];
  const width = (key: "what" | "left") => Math.max(...rows.map((row) => row[key].length));
  const [first, second] = [width("what"), width("left")];
  const lines = [
    `Difference after step ${difference.step}:`,
    "",
    ...difference.history.map((line, i, { length }) => `${i === length - 1 ? "→" : " "} ${line}`),
    "",
    ...rows.map(({ what, left, right }) =>
      `  ${what.padEnd(first)} │ ${left.padEnd(second)} │ ${right}`
    ),
  ];
  return lines.join("\n") + "\n";
}
