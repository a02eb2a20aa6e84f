/**
 * Scripts of keys: `dir{ret}{wait 500}{ctrl-c}`.
 *
 * Plain characters are typed; `\n`, `\t`, `\\`, `\{` are escapes; braces hold a key's name, a
 * chord of names joined by `-`, or `wait` and milliseconds.
 */

/** One thing to do. */
export type KeyAction =
  | { readonly kind: "type"; readonly text: string }
  | { readonly kind: "chord"; readonly keys: readonly string[] }
  | { readonly kind: "wait"; readonly ms: number };

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", b: "\b", e: "\x1b" };

/**
 * Reads a script.
 *
 * @throws {SyntaxError} If a brace is not closed, is empty, or a wait has no number.
 */
export function parseKeys(script: string): KeyAction[] {
  const actions: KeyAction[] = [];
  const type = (text: string) => {
    const last = actions.at(-1);
    if (last?.kind === "type") actions[actions.length - 1] = { ...last, text: last.text + text };
    else actions.push({ kind: "type", text });
  };
  for (let i = 0; i < script.length; i++) {
    const character = script[i];
    if (character === "\\" && i + 1 < script.length) {
      const escaped = script[++i];
      type(ESCAPES[escaped] ?? escaped);
    } else if (character === "{") {
      const end = script.indexOf("}", i);
      if (end < 0) throw new SyntaxError(`Cannot read the keys: "${script.slice(i)}" has no }`);
      actions.push(braces(script.slice(i + 1, end).trim()));
      i = end;
    } else type(character);
  }
  return actions;
}

function braces(inside: string): KeyAction {
  const wait = /^wait\s+(\d+(?:\.\d+)?)$/i.exec(inside);
  if (wait !== null) return { kind: "wait", ms: Number(wait[1]) };
  const keys = inside === "-" ? ["minus"] : inside.split("-").map((key) => key.trim());
  if (keys.some((key) => key === "" || /\s/.test(key))) {
    throw new SyntaxError(`Cannot read the keys: {${inside}} is no key, chord or wait`);
  }
  return { kind: "chord", keys };
}
