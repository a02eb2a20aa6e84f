/** What stands between the assembler's source and defasm: statements, and what it lacks. */

/** One statement for defasm, and where it came from. */
export interface Statement {
  readonly text: string;
  /** From 1. */
  readonly line: number;
  /** The statement as written. */
  readonly source: string;
  /** It stands after a `;`, where some would put a comment. */
  readonly separated: boolean;
}

/** GNU's data directives in Intel words. */
const DATA: Readonly<Record<string, string>> = {
  ".byte": "db",
  ".ascii": "db",
  ".short": "dw",
  ".word": "dw",
  ".2byte": "dw",
  ".int": "dd",
  ".long": "dd",
  ".4byte": "dd",
  ".quad": "dq",
  ".8byte": "dq",
};

/** Instructions that defasm does not know, or knows by another name. */
const SPELLINGS: Readonly<Record<string, string>> = {
  vmcall: "db 0x0f, 0x01, 0xc1",
  vmmcall: "db 0x0f, 0x01, 0xd9",
  salc: "db 0xd6",
  xlatb: "db 0xd7",
  icebp: "int1",
  iretd: "iret",
  pushfd: "pushf",
  popfd: "popf",
  retf: "lret",
};
const SPELLINGS_64: Readonly<Record<string, string>> = {
  retfq: "db 0x48, 0xcb",
  lretq: "db 0x48, 0xcb",
};

/** Largest `.skip`, in bytes. */
const MAX_SKIP = 0x10_0000;

/** Cuts a source into statements that defasm understands. */
export function prepare(source: string, bits: 64 | 32): Statement[] {
  const statements: Statement[] = [];
  source.split("\n").forEach((whole, i) => {
    split(whole).forEach((text, position) => {
      const source = text.trim();
      for (const piece of translate(source, bits)) {
        statements.push({ text: piece, line: i + 1, source, separated: position > 0 });
      }
    });
  });
  return statements;
}

/** Splits a line at `;` and drops its comment; both mean nothing within quotes. */
function split(line: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let quote = "";
  let end = line.length;
  for (let i = 0; i < line.length; i++) {
    const character = line[i];
    if (quote !== "") {
      if (character === "\\") i++;
      else if (character === quote) quote = "";
    } else if (character === '"' || character === "'") {
      quote = character;
    } else if (character === "#" || character === "/" && line[i + 1] === "/") {
      end = i;
      break;
    } else if (character === ";") {
      parts.push(line.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(line.slice(start, end));
  return parts;
}

function translate(statement: string, bits: 64 | 32): string[] {
  const label = /^([\w.$]+)\s*:\s*(.*)$/.exec(statement);
  if (label !== null) return [`${label[1]}:`, ...translate(label[2], bits)];
  const words = /^(\S+)\s*(.*)$/.exec(statement);
  if (words === null) return [];
  const name = words[1].toLowerCase();
  const rest = words[2];
  const data = own(DATA, name);
  if (data !== undefined) return [`${data} ${rest}`];
  if (name === ".asciz" || name === ".string") return [`db ${rest}, 0`];
  if (name === ".skip" || name === ".zero" || name === ".space") return [skip(statement, rest)];
  const spelling = own(SPELLINGS, name) ?? (bits === 64 ? own(SPELLINGS_64, name) : undefined);
  if (spelling !== undefined) return [`${spelling} ${rest}`];
  if (name === "jmp" || name === "call") return transfer(statement, name, rest, bits);
  return [statement];
}

/** `jmp short x` is `jmp x`; a far pointer is laid out by hand. */
function transfer(statement: string, name: string, rest: string, bits: 64 | 32): string[] {
  const far = /^(\w+)\s*:\s*([^\[\]]+)$/.exec(rest);
  if (far !== null && bits === 32) {
    return [`db ${name === "jmp" ? 0xea : 0x9a}`, `dd ${far[2]}`, `dw ${far[1]}`];
  }
  const short = /^short\s+(.*)$/i.exec(rest);
  return [short === null ? statement : `${name} ${short[1]}`];
}

function skip(statement: string, rest: string): string {
  const match = /^(0x[\da-f]+|\d+)(?:\s*,\s*(0x[\da-f]+|\d+))?$/i.exec(rest);
  const count = Number(match?.[1]);
  if (match === null || count > MAX_SKIP) return statement;
  if (count === 0) return "";
  return `db ${new Array(count).fill(Number(match[2] ?? 0)).join(", ")}`;
}

function own(table: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
