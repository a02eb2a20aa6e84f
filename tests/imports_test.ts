/**
 * The rules of the house: who may import whom, and what no part of the machine may touch.
 *
 * A rule names a layer and all that it may import, itself and its own directory included.
 */
import { deepStrictEqual, ok } from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { codeOf, importsOf } from "./_support/source_scan.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

interface Rule {
  /** Path prefixes of files that this rule is about; the first rule that matches counts. */
  readonly layer: readonly string[];
  /** Path prefixes of what they may import. */
  readonly may: readonly string[];
  /** Of these only types. */
  readonly types?: readonly string[];
  /** Packages. */
  readonly packages?: readonly string[];
}

const BASE_TYPES = ["machine/memory/", "machine/bus/", "machine/clock.ts", "machine/events.ts"];
const LAYOUT = "machine/memory/layout.ts";
const PHYSICAL = "machine/memory/";

const RULES: readonly Rule[] = [
  { layer: ["machine/arch/"], may: ["machine/arch/"] },
  { layer: ["machine/memory/"], may: ["machine/memory/", "machine/arch/"], types: BASE_TYPES },
  { layer: ["machine/bus/"], may: ["machine/bus/", "machine/arch/"], types: BASE_TYPES },
  {
    layer: ["machine/clock.ts", "machine/events.ts"],
    may: ["machine/arch/"],
    types: BASE_TYPES,
  },
  {
    layer: ["machine/mmu/"],
    may: ["machine/mmu/", "machine/arch/", PHYSICAL, "machine/events.ts"],
  },
  {
    layer: ["machine/devices/"],
    may: ["machine/devices/", "machine/arch/", "machine/bus/", "machine/clock.ts"]
      .concat("machine/events.ts"),
  },
  {
    layer: ["machine/cpu/"],
    may: ["machine/cpu/", "machine/arch/", "machine/bus/", PHYSICAL, "machine/mmu/"]
      .concat("machine/clock.ts", "machine/events.ts"),
  },
  { layer: ["machine/loaders/"], may: ["machine/loaders/", "machine/arch/"] },
  {
    layer: ["machine/debug/"],
    may: ["machine/debug/", "machine/arch/", "machine/cpu/", LAYOUT],
    types: ["machine/"],
    packages: ["@defasm/core", "iced-x86"],
  },
  {
    layer: ["machine/views/"],
    may: ["machine/views/", "machine/arch/"],
    types: ["machine/"],
    packages: ["node:util"],
  },
  {
    layer: ["machine/firmware/"],
    may: ["machine/firmware/", "machine/arch/", "machine/bus/", "machine/devices/"],
    types: ["machine/"],
  },
  // The machine itself, its board and its doors wire everything.
  { layer: ["machine/"], may: ["machine/"] },
  { layer: ["kernel/"], may: ["kernel/", "machine/mod.ts"] },
  {
    layer: ["repl/"],
    may: ["repl/", "mod.ts", "machine/views/"],
    types: ["machine/"],
    packages: ["node:"],
  },
  {
    layer: ["cli/"],
    may: ["cli/", "mod.ts", "machine/views/", "machine/devices/vga_font.ts"],
    types: ["machine/"],
    packages: ["node:", "commander"],
  },
  { layer: ["testing/"], may: ["testing/", "mod.ts"], packages: ["node:"] },
  { layer: ["notebooks/"], may: ["mod.ts"], packages: ["ring0", "node:"] },
  { layer: ["mod.ts"], may: ["machine/mod.ts", "kernel/mod.ts"] },
];

/** No part of the machine or the kernel knows the host. */
const PURE = ["machine/", "kernel/"];
const FORBIDDEN =
  /(?<![\w$.])(?:Deno|Date|setTimeout|setInterval|setImmediate|queueMicrotask|performance|process|crypto|navigator|Math\.random|Temporal)(?![\w$]|:)/g;

/** Where a forbidden name is the documented purpose. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  // `run({ timeMs })` bounds a run by the host's time, by default with this clock.
  "machine/machine.ts": ["performance"],
};

/** What is wrong with a file. @param path From the root, with slashes. */
function violations(path: string, source: string): string[] {
  const rule = RULES.find(({ layer }) => matches(path, layer));
  if (rule === undefined) return [];
  const wrong: string[] = [];
  for (const { specifier, typeOnly } of importsOf(source)) {
    if (!specifier.startsWith(".")) {
      if (!matches(specifier, rule.packages ?? [])) wrong.push(`imports ${specifier}`);
      continue;
    }
    const target = posix.normalize(posix.join(posix.dirname(path), specifier));
    const allowed = matches(target, rule.may) ||
      (typeOnly && matches(target, rule.types ?? []));
    if (!allowed) wrong.push(`imports ${typeOnly ? "types of " : ""}${target}`);
    else if (isOtherDevice(path, target)) wrong.push(`imports another device, ${target}`);
  }
  const code = codeOf(source);
  if (matches(path, PURE)) {
    for (const [name] of code.matchAll(FORBIDDEN)) {
      if (!ALLOWED[path]?.includes(name)) wrong.push(`uses ${name}`);
    }
  }
  if (/^(?:export\s+)?(?:let|var)\s/m.test(code)) wrong.push("has a variable at module level");
  return wrong;
}

function matches(path: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) =>
    prefix.endsWith("/") || prefix.endsWith(":") ? path.startsWith(prefix) : path === prefix
  );
}

/** `pic8259_pair.ts` and `pic8259_spec.ts` are one chip; `ps2_keyboard` and `ps2_controller` two. */
function isOtherDevice(path: string, target: string): boolean {
  const devices = "machine/devices/";
  if (!path.startsWith(devices) || !target.startsWith(devices)) return false;
  const [chip, other] = [path, target].map((name) => name.slice(devices.length, -".ts".length));
  return !`${other}_`.startsWith(`${chip}_`) && !other.startsWith(commonChip(chip));
}

/** A file's chip: its name, without the last word of a chip that has several files. */
function commonChip(name: string): string {
  const at = name.lastIndexOf("_");
  return at < 0 ? `${name}_` : chips().has(name.slice(0, at)) ? name.slice(0, at) : `${name}_`;
}

function chips(): ReadonlySet<string> {
  return new Set(
    readdirSync(join(ROOT, "machine/devices")).map((name) => name.replace(/\.ts$/, "")),
  );
}

function sourceFiles(directory: string): string[] {
  return readdirSync(join(ROOT, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(directory, entry.name);
    if (entry.isDirectory()) return sourceFiles(path);
    return entry.name.endsWith(".ts") ? [path] : [];
  });
}

Deno.test("Every file keeps the import rules, and the machine does not know the host", () => {
  const files = ["machine", "kernel", "repl"].filter((name) => existsSync(join(ROOT, name)))
    .flatMap(sourceFiles).concat("mod.ts");
  ok(files.length > 60, "the walk found the sources");
  const wrong = files.flatMap((path) =>
    violations(path, readFileSync(join(ROOT, path), "utf8")).map((what) => `${path} ${what}`)
  );
  deepStrictEqual(wrong, []);
});

/** Planted violations: what the test above must see. */
const PLANTED: readonly [path: string, source: string, wrong: string[]][] = [
  ["machine/arch/a.ts", 'import { x } from "../memory/layout.ts";', [
    "imports machine/memory/layout.ts",
  ]],
  ["machine/memory/a.ts", 'import type { E } from "../events.ts";', []],
  ["machine/memory/a.ts", 'import { type E, type F } from "../events.ts";', []],
  ["machine/memory/a.ts", 'import { type E, f } from "../events.ts";', [
    "imports machine/events.ts",
  ]],
  ["machine/devices/pic8259.ts", 'import { M } from "../memory/physical.ts";', [
    "imports machine/memory/physical.ts",
  ]],
  ["machine/devices/pic8259.ts", 'import { P } from "./pit8254.ts";', [
    "imports another device, machine/devices/pit8254.ts",
  ]],
  ["machine/devices/ps2_keyboard.ts", 'import { P } from "./ps2_controller.ts";', [
    "imports another device, machine/devices/ps2_controller.ts",
  ]],
  ["machine/devices/pic8259_pair.ts", 'import { P } from "./pic8259_spec.ts";', []],
  ["machine/devices/pic8259_pair.ts", 'import { P } from "./pic8259.ts";', []],
  ["machine/cpu/semantics/a.ts", 'export * from "../../devices/pic8259.ts";', [
    "imports machine/devices/pic8259.ts",
  ]],
  ["machine/views/a.ts", 'const a = await import("../cpu/cpu.ts");', [
    "imports machine/cpu/cpu.ts",
  ]],
  ["machine/views/a.ts", 'import type { C } from "../cpu/cpu.ts";', []],
  ["machine/mmu/a.ts", 'import fs from "node:fs";', ["imports node:fs"]],
  ["kernel/a.ts", 'import { hex } from "../machine/arch/address.ts";', [
    "imports machine/arch/address.ts",
  ]],
  ["kernel/paging/a.ts", 'import { hex } from "../../machine/mod.ts";', []],
  ["kernel/a.ts", 'import "npm:left-pad";', ["imports npm:left-pad"]],
  ["kernel/a.ts", "const a = Deno.args; const b = new Date();", ["uses Deno", "uses Date"]],
  ["kernel/a.ts", "const a = `${Math.random()} Date ${`${performance.now()}`}`;", [
    "uses Math.random",
    "uses performance",
  ]],
  ["kernel/a.ts", "f(/[/'\"]/); setTimeout(f);", ["uses setTimeout"]],
  [
    "kernel/a.ts",
    "// Deno\n/* Date */ const a = \"Deno\" + 'Date'; a.process; ({ process: 1 });",
    [],
  ],
  ["machine/machine.ts", "const a = () => performance.now();", []],
  ["machine/a.ts", "export let counter = 0;", ["has a variable at module level"]],
  ["machine/a.ts", "function f() {\n  let a = 0;\n  return a;\n}", []],
  ["repl/a.ts", 'import { Cpu } from "../machine/cpu/cpu.ts";', ["imports machine/cpu/cpu.ts"]],
];

for (const [path, source, wrong] of PLANTED) {
  Deno.test(`The rules ${wrong.length > 0 ? "forbid" : "allow"} in ${path}: ${source}`, () => {
    deepStrictEqual(violations(path, source), wrong);
  });
}
