import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(import.meta.resolve("./fake_main.ts"));

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function spawn(args: readonly string[] = []): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", MAIN, ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1", RING0_HISTORY: "" },
  }).spawn();
}

async function feed(process: Deno.ChildProcess, input: string): Promise<Ended> {
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  return await ended(process);
}

async function ended(process: Deno.ChildProcess): Promise<Ended> {
  const { code, stdout, stderr } = await process.output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out, err };
}

const RUNS: readonly [what: string, input: string, ended: Ended][] = [
  ["nothing", "", { code: 0, out: "", err: "" }],
  ["values without prompts", "1 + 1\n0x10n\r\n3", { code: 0, out: "2\n16n (0x10)\n3\n", err: "" }],
  ["a function over lines", "function f(\na: number) {\nreturn a }\nf(4)\n", {
    code: 0,
    out: "4\n",
    err: "",
  }],
  ["lines after an error", "nope\n7\n", {
    code: 1,
    out: "7\n",
    err: "Uncaught ReferenceError: nope is not defined\n",
  }],
  ["an unknown command", ".nope\n", {
    code: 1,
    out: "",
    err: "Cannot execute .nope: no such command (see .help)\n",
  }],
  ["an end amid a line", "f(\n", {
    code: 1,
    out: "",
    err: "Uncaught SyntaxError: Unexpected end of input\n",
  }],
  ["a status", "1\n.exit 3\n2\n", { code: 3, out: "1\n", err: "" }],
  ["a forgotten rejection", "Promise.reject(new Error('late')); 1\nawait 0; 2\n", {
    code: 1,
    out: "1\n2\n",
    err: "Uncaught Error: late\n",
  }],
  [
    "a throwing timer",
    "setTimeout(() => { throw 5 }); await new Promise((r) => setTimeout(r, 9))",
    {
      code: 1,
      out: "",
      err: "Uncaught 5\n",
    },
  ],
];

for (const [what, input, expected] of RUNS) {
  Deno.test(`The REPL takes from a pipe ${what}`, async () => {
    deepStrictEqual(await feed(spawn(), input), expected);
  });
}

Deno.test("The REPL refuses arguments that are none", async () => {
  for (const args of [["--memory", "7"], ["--memory", "2G"], ["--nope"]]) {
    const { code, out, err } = await feed(spawn(args), "1\n");
    deepStrictEqual([code, out], [2, ""]);
    match(err, /^Cannot [^\n]+: [^\n]+\n$/);
  }
  const { out } = await feed(spawn(["--memory", "16M", "--bare"]), "[machine.memory, kernel]\n");
  strictEqual(out, "[ 16777216, undefined ]\n");
});

Deno.test("Ctrl-C pauses a machine that is running", async () => {
  const process = spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode("'ready'\n.run 9000000000000\n1\n"));
  const reader = process.stdout.getReader();
  ok((await reader.read()).value);
  reader.releaseLock();
  // The Worker that hears the signal takes its time to start, on a busy host perhaps long.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  process.kill("SIGINT");
  await writer.close();
  const { code, out } = await ended(process);
  strictEqual(code, 130);
  match(out, /^paused\n→ [^\n]*\n$/);
});

Deno.test("Evaluator.abandon() leaves a promise behind that may be collected as garbage", async () => {
  const evaluator = import.meta.resolve("../../repl/evaluator.ts");
  const script = `
    import { Evaluator } from ${JSON.stringify(evaluator)};
    const evaluator = new Evaluator();
    await evaluator.evaluate("const kept = 5");
    evaluator.evaluate("await new Promise(() => {})").catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 20));
    evaluator.abandon();
    for (let i = 0; i < 3; i++) {
      gc();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    console.log((await evaluator.evaluate("kept + 1")).value);
    evaluator.close();`;
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", "--v8-flags=--expose-gc", script],
  }).output();
  deepStrictEqual([code, new TextDecoder().decode(stdout)], [0, "6\n"]);
});
