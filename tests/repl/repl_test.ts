import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { COMMANDS } from "../../repl/commands/mod.ts";
import { complete } from "../../repl/completion.ts";
import { Repl } from "../../repl/repl.ts";
import * as door from "./fake_door.ts";

interface Session {
  readonly repl: Repl;
  readonly machine: door.Machine;
  /** Takes lines. @returns What was printed for them, errors with a leading `! `. */
  type(...lines: string[]): Promise<string[]>;
}

async function withRepl(test: (session: Session) => Promise<void>): Promise<void> {
  const output: string[] = [];
  const machine = new door.Machine({ memory: 2 ** 20 });
  const repl = new Repl({
    scope: { ...door, machine, kernel: door.Kernel.boot(machine) },
    commands: COMMANDS,
    disassemble: door.disassemble,
    print: (text) => output.push(...text.split("\n")),
    printError: (text) => output.push(`! ${text}`),
    colour: false,
  });
  try {
    await test({
      repl,
      machine,
      type: async (...lines) => {
        output.length = 0;
        for (const line of lines) await repl.line(line);
        return [...output];
      },
    });
  } finally {
    repl.close();
  }
}

/** Lines, and what the REPL prints for them. */
const EVALUATIONS: readonly [what: string, lines: string[], printed: string[]][] = [
  ["a value", ["1 + 1"], ["2"]],
  ["a bigint in hex too", ["-255n", "0xb8000n"], ["-255n (-0xff)", "753664n (0xb8000)"]],
  ["a string", ["'a\\nb'"], ['"a\\nb"']],
  ["nothing for undefined", ["undefined", "let q1 = 5", ""], []],
  ["null", ["null"], ["null"]],
  ["numbers that JSON does not have", ["NaN", "-0", "Infinity"], ["NaN", "-0", "Infinity"]],
  ["a symbol", ["Symbol('x')"], ["Symbol(x)"]],
  ["top-level await", ["await Promise.resolve(7)", "const q2 = await 8; q2"], ["7", "8"]],
  ["types removed", ["const q3: number = 3 as number; q3!"], ["3"]],
  ["an enum", ["enum Q4 { A = 4 }", "Q4.A"], ["4"]],
  ["an interface", ["interface Q5 { a: number }"], []],
  ["a name that is defined again", ["const q6 = 1", "const q6 = 2", "q6"], ["2"]],
  ["the last result", ["6 * 7", "_ + 1"], ["42", "43"]],
  ["an object literal", ["{ a: 1 }"], ["{ a: 1 }"]],
  ["a block", ["{ let a = 1; a + 1 }"], ["2"]],
  ["a comment after the code", ["5 // five"], ["5"]],
  ["an import", ["import { sep as q7 } from 'node:path'", "q7"], ['"/"']],
  ["imports of other kinds", [
    "import q8, { posix } from 'node:path'; import * as q9 from 'node:path'",
    "[q8 === posix, q9.posix === posix]",
  ], ["[ true, true ]"]],
  ["lines until the code is whole", ["function q10(", "a: number", ") {", "  return a;", "}"], []],
  ["a template over lines", ["`a", "b`"], ['"a\\nb"']],
  ["a comment over lines", ["/* a", "b */ 3"], ["3"]],
  ["a typed declaration over lines", ["const q11: number =", "11; q11"], ["11"]],
  ["an enum over lines", ["enum Q12 {", "A = 12 }", "Q12.A"], ["12"]],
  ["an error", ["q13"], ["! Uncaught ReferenceError: q13 is not defined"]],
  ["a syntax error", ["1 1", "foo)", "'abc"], [
    "! Uncaught SyntaxError: Unexpected number",
    "! Uncaught SyntaxError: Unexpected token ')'",
    "! Uncaught SyntaxError: Invalid or unexpected token",
  ]],
  ["an error of several lines on one", ["machine.cpu.rax = 1"], [
    "! Uncaught TypeError: Cannot set rax: not a bigint",
  ]],
  ["a rejection", ["await Promise.reject(new RangeError('far'))"], ["! Uncaught RangeError: far"]],
  ["what is thrown and no error", ["throw 5", "throw { a: 1 }", "throw undefined"], [
    "! Uncaught 5",
    "! Uncaught { a: 1 }",
    "! Uncaught undefined",
  ]],
  ["syntax errors at run time, which wait for nothing", ["eval('foo(')", "JSON.parse('')"], [
    "! Uncaught SyntaxError: Unexpected end of input",
    "! Uncaught SyntaxError: Unexpected end of JSON input",
  ]],
  ["code that ran once only", ["let q14 = 0", "{ q14++ }", "q14"], ["0", "1"]],
  ["an unknown command", [".nope"], ["! Cannot execute .nope: no such command (see .help)"]],
  ["a lone dot", ["."], ["! Cannot execute .: no such command (see .help)"]],
  ["a number that starts with a dot", [".5 + .5"], ["1"]],
];

for (const [what, lines, printed] of EVALUATIONS) {
  Deno.test(`Repl.line() shows ${what}`, () =>
    withRepl(async ({ type }) => deepStrictEqual(await type(...lines), printed)));
}

Deno.test("Repl keeps the machine at hand, with its own results", () =>
  withRepl(async ({ type, machine }) => {
    await type("machine.cpu.rax = 42n");
    strictEqual(machine.cpu.rax, 42n);
    deepStrictEqual(await type("kernel.machine === machine", "machine instanceof Machine"), [
      "true",
      "true",
    ]);
    await type("machine = new Machine({ memory: 1 })", ".step");
    strictEqual(machine.cpu.rip, 0x1000n);
    await type("machine = undefined");
    match((await type(".regs"))[0], /^! Cannot find the machine:/);
  }));

Deno.test("Repl.status tells of errors, and .exit decides", () =>
  withRepl(async ({ repl }) => {
    strictEqual(repl.status, 0);
    strictEqual(await repl.line("throw 1"), "done");
    strictEqual(repl.status, 1);
    strictEqual(await repl.line(".exit 300"), "done");
    strictEqual(await repl.line(".exit"), "exit");
    strictEqual(repl.status, 1);
    strictEqual(await repl.line(".exit 3"), "exit");
    strictEqual(repl.status, 3);
  }));

Deno.test("Repl.end() reports lines that were never completed", () =>
  withRepl(async ({ repl }) => {
    strictEqual(await repl.line("f("), "incomplete");
    await repl.end();
    strictEqual(repl.status, 1);
  }));

Deno.test("Repl.interrupt() ends the wait for a promise", () =>
  withRepl(async ({ repl, type }) => {
    const typed = type("await new Promise(() => {})");
    await new Promise((resolve) => setTimeout(resolve, 20));
    repl.interrupt();
    deepStrictEqual(await typed, ["! Interrupted: the promise is no longer waited for"]);
    deepStrictEqual(await type("1"), ["1"]);
  }));

Deno.test(".step shows instructions and what they changed", () =>
  withRepl(async ({ type }) => {
    const lines = await type(".step 3", ".step");
    deepStrictEqual(lines.map((line) => line.replace(/\s+/g, " ")), [
      "→ 0000000000001000 48 ff c0 inc rax ; rax 0x0 → 0x1",
      "→ 0000000000001003 90 nop",
      "→ 0000000000001004 eb fa jmp 0x1000",
      "→ 0000000000001000 48 ff c0 inc rax ; rax 0x1 → 0x2",
    ]);
  }));

Deno.test(".run tells why it stopped and what comes next", () =>
  withRepl(async ({ type, machine }) => {
    const lines = await type(".run 0x4");
    deepStrictEqual(lines.map((line) => line.replace(/\s+/g, " ")), [
      "budget: 4 instructions are over",
      "→ 0000000000001003 90 nop",
    ]);
    machine.interruptFlag = new Int32Array([1]);
    strictEqual((await type(".run"))[0], "paused");
  }));

Deno.test(".x dumps memory at numbers, registers and expressions", () =>
  withRepl(async ({ type }) => {
    const line = "00001000  48 ff c0 90 eb fa" + " ".repeat(33) + "|H.....|";
    for (
      const address of ["0x1000", "4096", "0b1_0000_0000_0000", "rip", "$rip", "machine.cpu.rip"]
        .concat("rsp-0x1000", "(rsp / 2)", "2**12", "CR3>>1", "(() => 0x1000)()")
    ) deepStrictEqual(await type(`.x ${address} 6`), [line], address);
    strictEqual((await type(".x rip")).length, 4);
  }));

Deno.test(".x stops where nothing is mapped", () =>
  withRepl(async ({ type }) => {
    const lines = await type(".x 0x3ff0 64");
    deepStrictEqual([lines.length, lines[1]], [2, "0x4000: not mapped"]);
    deepStrictEqual(await type(".x 0x4000"), ["! Cannot read 0x4000: not mapped"]);
  }));

Deno.test(".u disassembles here and elsewhere", () =>
  withRepl(async ({ type }) => {
    const lines = await type(".u rip 2", ".u 0x1004 1");
    deepStrictEqual(lines.map((line) => line.replace(/\s+/g, " ")), [
      "→ 0000000000001000 48 ff c0 inc rax",
      " 0000000000001003 90 nop",
      " 0000000000001004 eb fa jmp 0x1000",
    ]);
    strictEqual((await type(".u")).length, 10);
  }));

Deno.test(".regs, .walk, .screen, .reset and .help print", () =>
  withRepl(async ({ type, machine }) => {
    const regs = (await type(".regs")).join("\n");
    match(regs, /r15 fedcba9876543210/);
    match(regs, /rflags 00003246 {2}IF ZF PF IOPL=3 {2}64-bit, CPL 0/);
    match(regs, /cs {2}0008 .* attributes a09b code 64-bit rx DPL 0/);
    match(regs, /fs {2}0000 .* null$/m);
    match(regs, /cr0 {2}0000000080010031 {2}PE ET NE WP PG/);
    deepStrictEqual(await type(".walk 0xb8000"), [
      "0xb8000  read at CPL 0, paging off",
      "→ physical 0xb8000",
    ]);
    const screen = await type(".screen");
    strictEqual(screen.length, 27);
    strictEqual(screen[1], `│${"Hello World!".padEnd(80)}│`);
    await type(".step", ".reset");
    strictEqual(machine.cpu.rip, 0x1000n);
    strictEqual((await type(".help")).filter((line) => line.startsWith(".")).length, 10);
    match((await type(".help x"))[0], /^\.x ADDR \[N\]$/);
  }));

Deno.test("Commands refuse bad arguments on one line", () =>
  withRepl(async ({ type }) => {
    const bad: readonly [line: string, message: RegExp][] = [
      [".x", /^! Cannot execute \.x: too few arguments \(usage: \.x ADDR \[N\]\)$/],
      [".regs all", /too many arguments/],
      [".x nowhere", /^! Cannot read the address nowhere: nowhere is not defined$/],
      [".x 1.5", /it is 1\.5, not a whole number$/],
      [".x 'rip'", /it is a string/],
      [".x null", /it is null/],
      [".x machine", /it is an object/],
      [".x -1", /not from 0 to 2\^64/],
      [".x 1<<64", /not from 0 to 2\^64/],
      [".x 2n**64n", /not from 0 to 2\^64/],
      [".x 0 0", /^! Cannot read the count 0: not from 1 to 65536$/],
      [".x 0xzz", /^! Cannot read the address 0xzz: /],
      [".x foo(", /^! Cannot read the address foo\(: /],
      [".step 0", /not from 1/],
      [".run -5", /not from 1/],
      [".walk", /too few/],
      [".exit 1.5", /not a whole number/],
      [".help nope", /^! Cannot explain \.nope: no such command/],
    ];
    for (const [line, message] of bad) {
      const printed = await type(line);
      strictEqual(printed.length, 1, line);
      match(printed[0], message);
    }
  }));

Deno.test("complete() knows commands, globals, properties and registers", () =>
  withRepl(async ({ repl, type }) => {
    await type("const completable = { inner: { deep: 1 } }", "let ran = 0");
    const ask = async (line: string) => (await complete(line, repl.evaluator, COMMANDS))[0];
    deepStrictEqual(await ask(".re"), [".regs", ".reset"]);
    deepStrictEqual(await ask(".help wa"), ["walk"]);
    deepStrictEqual(await ask("mach"), ["machine"]);
    deepStrictEqual(await ask("1 + completabl"), ["completable"]);
    deepStrictEqual(await ask("completable.inner.d"), ["deep"]);
    deepStrictEqual(await ask("completable.inner."), ["deep"]);
    deepStrictEqual(await ask("completable.toS"), ["toString"]);
    deepStrictEqual(await ask(".x rs"), ["rsi", "rsp"]);
    ok((await ask("machine.")).includes("cpu"));
    deepStrictEqual(await ask("ran++."), []);
    deepStrictEqual(await ask("no.such."), []);
    deepStrictEqual(await type("ran"), ["0"]);
  }));
