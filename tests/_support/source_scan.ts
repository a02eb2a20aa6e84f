/** What the rules of the house can see in a source: its imports, its code without words. */

/** An import or re-export. */
export interface ImportSite {
  /** Only types: gone at run time. */
  readonly typeOnly: boolean;
  /** As written. */
  readonly specifier: string;
}

/** All imports of a source, dynamic ones included. */
export function importsOf(source: string): ImportSite[] {
  const { code, strings } = scan(source);
  const sites: ImportSite[] = [];
  // Each string literal is left in the code as a numbered placeholder.
  const statics = /(?<![\w$.])(?:import|export)\s+(type\s+)?((?:[\w$*\s,{}]+?)\s*from\s*)?@(\d+)@/g;
  for (const [, type, clause, index] of code.matchAll(statics)) {
    const names = /\{([^{}]*)\}\s*from/.exec(clause ?? "")?.[1].split(",")
      .map((name) => name.trim()).filter((name) => name !== "");
    const braceOnly = /^\{[^{}]*\}\s*from\s*$/.test(clause ?? "");
    const allTypes = braceOnly && names !== undefined && names.length > 0 &&
      names.every((name) => name.startsWith("type "));
    sites.push({ typeOnly: type !== undefined || allTypes, specifier: strings[Number(index)] });
  }
  for (const [, index] of code.matchAll(/(?<![\w$.])import\s*\(\s*@(\d+)@/g)) {
    sites.push({ typeOnly: false, specifier: strings[Number(index)] });
  }
  return sites;
}

/** The source without comments and without what is between quotes. */
export function codeOf(source: string): string {
  return scan(source).code.replace(/@\d+@/g, '""');
}

/** After these a slash begins a regular expression. */
const BEFORE_REGEXP = /(?:^|[(,=:[!&|?{};<>+\-*%~^]|\b(?:return|typeof|case|of|in))\s*$/;

function scan(source: string): { code: string; strings: string[] } {
  const strings: string[] = [];
  const templates: number[] = [];
  let braces = 0;
  let code = "";
  let i = 0;

  const templateText = () => {
    for (; i < source.length; i++) {
      if (source[i] === "\\") i++;
      else if (source[i] === "`") return void i++;
      else if (source.startsWith("${", i)) {
        templates.push(braces);
        code += " (";
        return void (i += 2);
      }
    }
  };

  while (i < source.length) {
    const char = source[i];
    if (source.startsWith("//", i)) {
      while (i < source.length && source[i] !== "\n") i++;
    } else if (source.startsWith("/*", i)) {
      i = source.indexOf("*/", i) + 2;
      code += " ";
    } else if (char === '"' || char === "'") {
      const start = ++i;
      while (i < source.length && source[i] !== char) i += source[i] === "\\" ? 2 : 1;
      code += `@${strings.push(source.slice(start, i++)) - 1}@`;
    } else if (char === "`") {
      i++;
      code += '""';
      templateText();
    } else if (char === "}" && templates.at(-1) === braces) {
      templates.pop();
      i++;
      code += ") ";
      templateText();
    } else if (char === "/" && BEFORE_REGEXP.test(code.slice(-20))) {
      let inClass = false;
      for (i++; i < source.length && (source[i] !== "/" || inClass); i++) {
        if (source[i] === "\\") i++;
        else if (source[i] === "[") inClass = true;
        else if (source[i] === "]") inClass = false;
      }
      i++;
      code += "/r/";
    } else {
      if (char === "{") braces++;
      if (char === "}") braces--;
      code += char;
      i++;
    }
  }
  return { code, strings };
}
