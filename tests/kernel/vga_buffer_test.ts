/** Chapter 3: cells, colours, the writer, println and panic. */
import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { Color, colorCode, format } from "../../mod.ts";
import { boot, screen } from "./support.ts";

const CELLS = 0xb_8000;
const at = (row: number, column: number) => CELLS + 2 * (80 * row + column);

Deno.test("A cell is two bytes: code page 437, then blink, background and colour", () => {
  const { machine, cpu } = boot("vga");
  "Hello".split("").forEach((character, i) => {
    cpu.store8(at(0, i), character.charCodeAt(0));
    cpu.store8(at(0, i) + 1, 0xb);
  });
  strictEqual(machine.screen.lines()[0], "Hello");
  deepStrictEqual([...machine.physical.read(at(0, 0), 4)], [0x48, 0x0b, 0x65, 0x0b]);
});

Deno.test("colorCode() puts the background into the upper half", () => {
  strictEqual(colorCode(Color.Yellow, Color.Black), 0x0e);
  strictEqual(colorCode(Color.White, Color.Blue), 0x1f);
  strictEqual(colorCode(Color.Black, Color.White), 0xf0);
});

Deno.test("Writer prints on the lowest line, yellow on black", () => {
  const { machine } = boot("vga");
  deepStrictEqual([...machine.physical.read(at(23, 0), 4)], [0x48, 0x0e, 0x65, 0x0e]);
  strictEqual(machine.physical.u16(at(24, 0)), 0x0e20);
});

Deno.test("Writer shows ■ for every byte that is not printable ASCII", () => {
  const kernel = boot("vga");
  kernel.println("Hello Wörld!");
  strictEqual(screen(kernel), "Hello World!\nHello W■■rld!");
  kernel.print("\ttab\x7f");
  strictEqual(kernel.machine.screen.lines()[24], "■tab■");
  strictEqual(kernel.machine.physical.u8(at(24, 0)), 0xfe);
});

Deno.test("Writer goes to a new line after 80 columns, and scrolls", () => {
  const kernel = boot("vga");
  kernel.println("x".repeat(81));
  strictEqual(screen(kernel), `Hello World!\n${"x".repeat(80)}\nx`);
  for (let line = 0; line < 30; line++) kernel.println("line {}", line);
  const lines = kernel.machine.screen.lines();
  deepStrictEqual(lines.slice(0, 24), Array.from({ length: 24 }, (_, i) => `line ${i + 6}`));
  strictEqual(lines[24], "");
});

Deno.test("Writer takes another colour for what comes next, blank cells included", () => {
  const kernel = boot("vga");
  kernel.writer.colorCode = colorCode(Color.LightGreen, Color.Blue);
  kernel.print("ok\n");
  strictEqual(kernel.machine.physical.u16(at(23, 0)), 0x1a6f);
  strictEqual(kernel.machine.physical.u16(at(24, 0)), 0x1a20);
  strictEqual(kernel.machine.physical.u16(at(22, 0)), 0x0e48);
});

Deno.test("Writer keeps column, colour and lock in guest memory", () => {
  const kernel = boot("vga");
  const before = kernel.machine.snapshot();
  kernel.print("gone");
  kernel.machine.restore(before);
  kernel.println("back");
  strictEqual(screen(kernel), "Hello World!\nback");
});

Deno.test("println() formats its arguments", () => {
  const kernel = boot("vga");
  kernel.println("The numbers are {} and {:.0}".replace(":.0", ""), 42, 1 / 3);
  ok(screen(kernel).endsWith("The numbers are 42 and 0.3333333333333333"));
});

const FORMATS: readonly [format: string, args: unknown[], result: string][] = [
  ["plain {}", [], "plain {}"],
  ["{} {}", ["a", 2n], "a 2"],
  ["{{{}}}", [1], "{1}"],
  ["{1}{0}", ["a", "b"], "ba"],
  ["{:?} {:?}", ['q"', [1, "x"]], '"q\\"" [1, "x"]'],
  ["{:x} {:#x} {:X} {:#b} {:o}", [255, 255n, 255, 5, 8], "ff 0xff FF 0b101 10"],
  ["{:08x}|{:#06x}|{:03}", [255, 255, 7], "000000ff|0x00ff|007"],
  ["{:>5}|{:<5}|{:^5}|{:*^5}", [1, 2, 3, 4], "    1|2    |  3  |**4**"],
  ["{:#x}", [-255], "-0xff"],
];
for (const [text, args, result] of FORMATS) {
  Deno.test(`format(${JSON.stringify(text)}) gives ${JSON.stringify(result)}`, () => {
    strictEqual(format(text, ...args), result);
  });
}

Deno.test("format() refuses what does not fit together", () => {
  throws(() => format("{} {}", 1), /has no value/);
  throws(() => format("{}", 1, 2), /1 values have no place/);
  throws(() => format("{:x}", 1.5), /not a whole number/);
});

Deno.test("panic() prints file, line and column, and ends in the halt loop", () => {
  const kernel = boot("vga");
  const stop = kernel.main((kernel) => kernel.panic("Some panic message: {}", 7));
  strictEqual(stop.kind, "halted");
  match(
    screen(kernel),
    /^Hello World!\npanicked at tests\/kernel\/vga_buffer_test\.ts:\d+:\d+:\nSome panic message: 7$/,
  );
  strictEqual(kernel.cpu.rip - 1n, BigInt(kernel.symbols.get("hlt_loop")!));
});

Deno.test("A panic of the host's call is an error, and the kernel is in its halt loop", () => {
  const kernel = boot("vga");
  throws(() => kernel.panic("no"), /halt loop/);
  strictEqual(kernel.cpu.rip, BigInt(kernel.symbols.get("hlt_loop")!));
  strictEqual(kernel.machine.run({ instructions: 100 }).kind, "halted");
  kernel.println("Printing still works");
  ok(screen(kernel).endsWith("Printing still works"));
});

Deno.test("Every printed byte is an instruction that takes time", () => {
  const kernel = boot("vga");
  const { retired } = kernel.machine;
  kernel.print("12345");
  ok(kernel.machine.retired - retired >= 5 * 4, `${kernel.machine.retired - retired}`);
});

Deno.test("serialPrintln() writes to COM1", () => {
  const kernel = boot("vga");
  kernel.serialPrint("a = {}", 1);
  kernel.serialPrintln();
  kernel.serialPrintln("ö");
  strictEqual(kernel.machine.serial.output, "a = 1\nö\n");
});
