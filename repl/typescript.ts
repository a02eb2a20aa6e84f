/** Turns what was typed into JavaScript for a script context, and tells when more must come. */
import { stripTypeScriptTypes } from "node:module";

/**
 * Removes types; rewrites enums and static imports, which a script does not have.
 *
 * Text that is no TypeScript (perhaps because it is not complete) is returned as it is: the
 * engine will say what is wrong with it.
 */
export function toJavaScript(source: string): string {
  return rewriteImports(stripTypes(source));
}

function stripTypes(source: string): string {
  try {
    return stripTypeScriptTypes(source);
  } catch (error) {
    // Transforming accepts some text that is not complete, so only for what cannot be stripped.
    if (!/not supported/.test(String(error))) return source;
  }
  try {
    return stripTypeScriptTypes(source, { mode: "transform" });
  } catch {
    return source;
  }
}

const IMPORT =
  /(?<=^|;)[ \t]*import\s+(?:(?<names>[\w$\s{},*]+?)\s+from\s+)?(?<specifier>"[^"\n]*"|'[^'\n]*')[ \t]*;?/gm;

/** `import a, { b as c } from "m"` becomes `const { default: a, b: c } = await import("m")`. */
function rewriteImports(source: string): string {
  return source.replace(IMPORT, (whole, names: string | undefined, specifier: string) => {
    if (names === undefined) return `await import(${specifier});`;
    const parts = /^(?:([\w$]+)\s*,?\s*)?(?:\*\s+as\s+([\w$]+)|\{([^{}]*)\})?$/.exec(names.trim());
    if (parts === null) return whole;
    const [, whenDefault, namespace, list] = parts;
    const picks = (list ?? "").split(",").map((name) => name.trim().replace(/\s+as\s+/, ": "));
    if (whenDefault !== undefined) picks.unshift(`default: ${whenDefault}`);
    const statements: string[] = [];
    if (namespace !== undefined) {
      statements.push(`const ${namespace} = await import(${specifier});`);
    }
    const wanted = picks.filter((pick) => pick !== "");
    if (wanted.length > 0) {
      statements.push(`const { ${wanted.join(", ")} } = await import(${specifier});`);
    }
    return statements.join(" ") || `await import(${specifier});`;
  });
}

/**
 * Whether source that does not parse may only lack its rest: an open bracket, template or
 * comment, or an operator at its end. Asked only after the engine has refused it, so that a
 * guess about a regular expression does little harm.
 */
export function looksUnfinished(source: string): boolean {
  const open: string[] = [];
  let code = "";
  for (let i = 0; i < source.length; i++) {
    const char = source[i];
    const inTemplate = open.at(-1) === "`";
    if (inTemplate) {
      if (char === "\\") i++;
      else if (char === "`") open.pop();
      else if (char === "$" && source[i + 1] === "{") open.push(source[++i]);
    } else if (char === "/" && source[i + 1] === "/") {
      i = endOf(source, "\n", i + 2);
    } else if (char === "/" && source[i + 1] === "*") {
      const end = source.indexOf("*/", i + 2);
      if (end < 0) return true;
      i = end + 1;
    } else if (char === '"' || char === "'") {
      for (i++; i < source.length && source[i] !== char; i++) {
        if (source[i] === "\n") return false;
        if (source[i] === "\\") i++;
      }
      if (i >= source.length) return false;
      code += char;
    } else if (char in CLOSES) {
      if (open.pop() !== CLOSES[char]) return false;
      code += char;
    } else {
      if ("([{`".includes(char)) open.push(char);
      code += char;
    }
  }
  return open.length > 0 || /(?:[=&|?:,.*%^<>]|=>|[^+]\+|[^-]-)\s*$/.test(code);
}

const CLOSES: Readonly<Record<string, string>> = { ")": "(", "]": "[", "}": "{" };

function endOf(source: string, text: string, from: number): number {
  const at = source.indexOf(text, from);
  return at < 0 ? source.length : at;
}
