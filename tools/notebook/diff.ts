/** Says in what two lists of outputs differ, in few words. */
import type { Output } from "./notebook.ts";

/** @returns One text per difference; none if they are the same. */
export function diffOutputs(expected: readonly Output[], actual: readonly Output[]): string[] {
  const found: string[] = [];
  for (let i = 0; i < Math.max(expected.length, actual.length); i++) {
    const [old, now] = [expected[i], actual[i]];
    if (old === undefined) found.push(`it gives more than is committed: ${brief(now)}`);
    else if (now === undefined) found.push(`it no longer gives ${brief(old)}`);
    else found.push(...diffOne(old, now));
  }
  return found;
}

function diffOne(old: Output, now: Output): string[] {
  if (old.kind === "stream" && now.kind === "stream" && old.name === now.name) {
    return old.text === now.text ? [] : [firstDifference(old.name, old.text, now.text)];
  }
  if (old.kind !== "display" || now.kind !== "display") {
    return [`committed is ${brief(old)}, now it is ${brief(now)}`];
  }
  const types = [...new Set([...Object.keys(old.data), ...Object.keys(now.data)])];
  return types.filter((type) => old.data[type] !== now.data[type])
    .map((type) => firstDifference(type, old.data[type] ?? "", now.data[type] ?? ""));
}

function firstDifference(what: string, old: string, now: string): string {
  const [a, b] = [old.split("\n"), now.split("\n")];
  const line = a.findIndex((text, i) => text !== b[i]);
  const at = line < 0 ? a.length : line;
  const part = (text: string | undefined) =>
    text === undefined ? "nothing" : JSON.stringify(text.slice(0, 200));
  return `${what}, line ${at + 1}: committed is ${part(a[at])}, now it is ${part(b[at])}`;
}

function brief(output: Output): string {
  if (output.kind === "stream") return `${output.name} ${JSON.stringify(output.text.slice(0, 80))}`;
  if (output.kind === "error") return `an error, ${output.message.slice(0, 200)}`;
  return `a display of ${Object.keys(output.data).join(" and ")}`;
}
