/**
 * GCC's code on the machine: every ELF of `elf/` must print what the native build printed, and end
 * with success. Where gcc is installed the programs are built again and compared.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Machine } from "../../machine/mod.ts";

const HERE = new URL("./", import.meta.url);
/** The longest program takes about 6 million. */
const BUDGET = 50_000_000;
const EXIT_SUCCESS = 0x10;

function names(directory: URL): string[] {
  return Array.from(Deno.readDirSync(directory), ({ name }) => name).sort();
}

function expectedOf(elf: string): string {
  return Deno.readTextFileSync(new URL(`expected/${elf.split("-")[0]}.txt`, HERE));
}

for (const name of names(new URL("elf/", HERE))) {
  Deno.test(`${name} prints what the native build prints`, () => {
    const machine = new Machine();
    machine.load(Deno.readFileSync(new URL(`elf/${name}`, HERE)));
    const stop = machine.run({ instructions: BUDGET });
    strictEqual(machine.serial.output, expectedOf(name), stop.text);
    ok(stop.kind === "exit", stop.text);
    strictEqual(stop.code, EXIT_SUCCESS);
  });
}

Deno.test("elf/ holds every program in every build", () => {
  const programs = names(new URL("expected/", HERE)).map((name) => name.replace(".txt", ""));
  const builds = ["O0-32", "O0-64", "O2-32", "O2-64", "O2bmi-64", "Os-32", "Os-64"];
  const wanted = programs.flatMap((program) => builds.map((build) => `${program}-${build}.elf`));
  strictEqual(programs.length, 8);
  deepStrictEqual(names(new URL("elf/", HERE)), wanted.sort());
});

/** `gcc --version`'s first line, or why there is nothing to compare. */
function gccVersion(): string | undefined {
  try {
    const { success, stdout } = new Deno.Command("gcc", { args: ["--version"] }).outputSync();
    return success ? new TextDecoder().decode(stdout).split("\n")[0] : undefined;
  } catch {
    return undefined;
  }
}

const version = gccVersion();

Deno.test({
  name: version === undefined
    ? "build.sh makes the same programs again (skipped: gcc is not installed)"
    : "build.sh makes the same programs again",
  ignore: version === undefined,
  fn() {
    const directory = Deno.makeTempDirSync({ prefix: "programs" });
    try {
      const build = new Deno.Command(new URL("build.sh", HERE), { args: [directory] }).outputSync();
      ok(build.success, new TextDecoder().decode(build.stderr));
      const recorded = Deno.readTextFileSync(new URL("gcc_version.txt", HERE)).trim();
      for (const part of ["expected", "bench", "elf"]) {
        deepStrictEqual(
          names(new URL(`file://${directory}/${part}/`)),
          names(new URL(`${part}/`, HERE)),
        );
        for (const name of names(new URL(`${part}/`, HERE))) {
          if (version !== recorded && name.endsWith(".elf")) continue;
          const built = Deno.readFileSync(`${directory}/${part}/${name}`);
          const committed = Deno.readFileSync(new URL(`${part}/${name}`, HERE));
          ok(equal(built, committed), `${part}/${name} differs from what is committed`);
        }
      }
    } finally {
      Deno.removeSync(directory, { recursive: true });
    }
  },
});

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
