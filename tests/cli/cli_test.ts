/** The `ring0` command, as a function and as a process. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { inflateSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { parseArguments } from "../../cli/arguments.ts";
import type { Host } from "../../cli/host.ts";
import { parseKeys } from "../../cli/key_script.ts";
import { main } from "../../cli/main.ts";
import { decodeSnapshot } from "../../cli/snapshot_file.ts";
import { terminalKeys } from "../../cli/terminal_keys.ts";
import { Machine } from "../../mod.ts";
import { image } from "../_support/bios.ts";

/** A host in memory; its clock ticks 1 ms a look. */
class FakeHost implements Host {
  readonly files = new Map<string, Uint8Array>();
  out = "";
  errors = "";
  #now = 0;
  input: ((chunk: string) => void) | undefined;
  onSleep: (() => void) | undefined;

  constructor(readonly isTerminal = false) {
    for (const name of ["echo", "long_mode", "probe", "multiboot2"]) {
      this.files.set(`${name}.bin`, image(name));
    }
  }

  readFile(path: string): Promise<Uint8Array> {
    const bytes = this.files.get(path);
    return bytes === undefined ? Promise.reject(new Error("no such file")) : Promise.resolve(bytes);
  }

  writeFile(path: string, bytes: Uint8Array): Promise<void> {
    this.files.set(path, bytes);
    return Promise.resolve();
  }

  write(text: string): void {
    this.out += text;
  }

  writeBytes(bytes: Uint8Array): void {
    this.out += String.fromCharCode(...bytes);
  }

  error(text: string): void {
    this.errors += text;
  }

  nowMs(): number {
    return this.#now++;
  }

  sleep(ms: number): Promise<void> {
    this.#now += ms;
    this.onSleep?.();
    return Promise.resolve();
  }

  listen(take: (chunk: string) => void): void {
    this.input = take;
  }
}

Deno.test("run prints serial output and the screen, and exits as isa-debug-exit does", async () => {
  const host = new FakeHost();
  strictEqual(await main(["run", "long_mode.bin", "--display", "none"], host), 33);
  strictEqual(host.out, "Hello from long mode!\nEXCEPTION: BREAKPOINT\nIt did not crash!\n");
  const other = new FakeHost();
  strictEqual(await main(["long_mode.bin", "--serial", "com1.txt"], other), 33);
  strictEqual(other.out, host.out);
  strictEqual(new TextDecoder().decode(other.files.get("com1.txt")), host.out);
});

Deno.test("run --keys types; a guest that halts for ever gives 0 and a report", async () => {
  const host = new FakeHost();
  const status = await main(["run", "echo.bin", "--keys", "hi{wait 200}{ret}there{esc}"], host);
  strictEqual(status, 0);
  strictEqual(host.out, "Type, Esc ends.\nhi\nthereBye.\n");
  match(host.errors, /halted for ever/);
});

Deno.test("run --instructions and --timeout end with 124 and a report", async () => {
  const host = new FakeHost();
  strictEqual(await main(["run", "echo.bin", "--instructions", "1_000_000"], host), 124);
  match(host.errors, /budget is used up/);
  strictEqual(await main(["run", "echo.bin", "--timeout", "0.05"], host), 124);
});

Deno.test("run reports a triple fault with its chain, status 134", async () => {
  const host = new FakeHost();
  const disk = new Uint8Array(512);
  // lidt of an empty table; int 3
  disk.set([0xfa, 0x0f, 0x01, 0x1e, 0x10, 0x7c, 0xcc]);
  disk.set([0x55, 0xaa], 510);
  host.files.set("bad.bin", disk);
  strictEqual(await main(["run", "bad.bin"], host), 134);
  match(host.errors, /triple fault/);
});

Deno.test("run refuses what cannot be booted with 66, and a wrong command line with 64", async () => {
  const host = new FakeHost();
  host.files.set("empty", new Uint8Array(0));
  strictEqual(await main(["run", "empty"], host), 66);
  strictEqual(await main(["run", "missing"], host), 66);
  match(host.errors, /empty: Cannot boot the image: it is empty/);
  for (
    const words of [
      [],
      ["run"],
      ["run", "a", "--memory", "3"],
      ["run", "a", "--memory", "x"],
      [
        "run",
        "a",
        "--display",
        "gtk",
      ],
      ["run", "a", "--nonsense"],
      ["run", "a", "--timeout", "-1"],
    ]
  ) {
    const status = await main(words, host);
    strictEqual(words.join(" ") === "run a --memory 3" ? 66 : 64, status, words.join(" "));
  }
  strictEqual(await main(["--help"], host), 0);
  match(host.out, /isa-debug-exit/);
});

Deno.test("run --display png:FILE writes a picture of the screen", async () => {
  const host = new FakeHost();
  await main(["run", "long_mode.bin", "--display", "png:out.png", "--serial", "none"], host);
  const png = host.files.get("out.png")!;
  deepStrictEqual([...png.subarray(0, 8)], [137, 80, 78, 71, 13, 10, 26, 10]);
  const view = new DataView(png.buffer, png.byteOffset);
  deepStrictEqual([view.getUint32(16), view.getUint32(20)], [720, 400]);
  const length = view.getUint32(8 + 25 + 12 + 48);
  const at = 8 + 25 + 12 + 48 + 8;
  const lines = inflateSync(png.subarray(at, at + length));
  strictEqual(lines.length, 400 * 721);
  // "H" of the first line: its left stem is bright white.
  strictEqual(lines[5 * 721 + 1], 15);
  strictEqual(host.out, "");
});

Deno.test("run --snapshot writes what restore takes", async () => {
  const host = new FakeHost();
  await main(
    ["run", "long_mode.bin", "--memory", "4M", "--snapshot", "s", "--serial", "none"],
    host,
  );
  const machine = new Machine({ memory: 4 << 20 });
  machine.boot(image("long_mode"));
  machine.restore(decodeSnapshot(host.files.get("s")!));
  ok(machine.screen.contains("It did not crash!"));
  strictEqual(machine.cpu.mode, "64-bit");
});

Deno.test("run --save-disk writes the disk with the guest's changes", async () => {
  const host = new FakeHost();
  const disk = new Uint8Array(1024);
  // mov ax,0301h; mov cx,2; mov dx,80h; mov bx,7C00h; int 13h; cli; hlt
  disk.set([0xb8, 1, 3, 0xb9, 2, 0, 0xba, 0x80, 0, 0xbb, 0, 0x7c, 0xcd, 0x13, 0xfa, 0xf4]);
  disk.set([0x55, 0xaa], 510);
  host.files.set("d", disk);
  strictEqual(await main(["run", "d", "--save-disk", "out"], host), 0);
  deepStrictEqual(host.files.get("out")!.subarray(512), disk.subarray(0, 512));
});

Deno.test("run --trace tells of interrupts on stderr", async () => {
  const host = new FakeHost();
  await main(["run", "long_mode.bin", "--trace"], host);
  match(host.errors, /mode +from=protected to=compatibility/);
  match(host.errors, /exception vector=0x3/);
});

Deno.test("In a terminal the screen is live, keys are typed, and Ctrl-] ends", async () => {
  const host = new FakeHost(true);
  let sleeps = 0;
  host.onSleep = () => {
    sleeps++;
    if (sleeps === 30) host.input!("ok");
    if (sleeps === 200) host.input!("\x1d");
  };
  strictEqual(await main(["run", "echo.bin"], host), 0);
  ok(host.out.includes("Type, Esc ends."));
  // deno-lint-ignore no-control-regex
  match(host.out.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, ""), /ok/);
  strictEqual(host.errors, "");
});

Deno.test("parseKeys() reads text, escapes, chords and waits", () => {
  deepStrictEqual(parseKeys("a\\nb{ctrl-c}{wait 5}\\{{f1}"), [
    { kind: "type", text: "a\nb" },
    { kind: "chord", keys: ["ctrl", "c"] },
    { kind: "wait", ms: 5 },
    { kind: "type", text: "{" },
    { kind: "chord", keys: ["f1"] },
  ]);
  for (const wrong of ["{", "{}", "{wait x}"]) {
    let threw = false;
    try {
      parseKeys(wrong);
    } catch (error) {
      threw = error instanceof SyntaxError;
    }
    ok(threw, wrong);
  }
});

Deno.test("terminalKeys() knows arrows, Ctrl and Backspace", () => {
  deepStrictEqual(terminalKeys("a\x1b[A\x03\x7f\r\x1b"), {
    actions: ["a", ["up"], ["ctrl", "c"], ["backspace"], "\n", ["esc"]],
    quit: false,
  });
  strictEqual(terminalKeys("\x1d").quit, true);
});

Deno.test("parseArguments() gives sizes in bytes and choices as data", () => {
  const parsed = parseArguments([
    "run",
    "x",
    "--memory",
    "64",
    "--serial",
    "file:y",
    "--no-reboot",
  ]);
  ok("image" in parsed);
  deepStrictEqual(
    [parsed.memory, parsed.serial, parsed.display, parsed.reboot],
    [64 << 20, { kind: "file", file: "y" }, { kind: "text" }, false],
  );
});

Deno.test("deno task run is this command", async () => {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "run", "tests/images/long_mode.bin", "--display", "none"],
    cwd: root,
    stdin: "null",
  }).output();
  strictEqual(code, 33);
  match(new TextDecoder().decode(stdout), /It did not crash!/);
});
