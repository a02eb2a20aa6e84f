/** Tables of text for the benchmarks' reports. */

/** Rows under a header; all columns but the first are aligned to the right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => row[i].length))
  );
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))
      .join("  ").trimEnd();
  return [line(header), widths.map((width) => "─".repeat(width)).join("──"), ...rows.map(line)]
    .map((text) => `  ${text}`).join("\n");
}

/** A number with a unit, or a dash for what was not measured. */
export function cell(value: number | undefined, digits: number, unit = ""): string {
  return value === undefined ? "–" : `${value.toFixed(digits)}${unit}`;
}
