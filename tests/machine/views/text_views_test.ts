import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { hexdump } from "../../../machine/views/hexdump.ts";
import { flagNames, registerChanges, registersText } from "../../../machine/views/registers.ts";
import { screenText } from "../../../machine/views/screen_text.ts";
import { walkText } from "../../../machine/views/walk.ts";
import { Machine } from "../../../machine/machine.ts";

/** A machine in long mode with the loader's tables at 0x1000. */
function longMode(): Machine {
  const machine = new Machine({ memory: 4 << 20 });
  machine.load(Uint8Array.of(0x90), { at: 0x10_0000, mode: "long" });
  return machine;
}

Deno.test("hexdump() draws lines of 16 bytes with their characters", () => {
  const bytes = Uint8Array.from({ length: 18 }, (_, i) => i === 17 ? 0x7f : 0x20 + i * 5);
  strictEqual(
    hexdump(bytes, 0xb8000),
    "000b8000  20 25 2a 2f 34 39 3e 43  48 4d 52 57 5c 61 66 6b  | %*/49>CHMRW\\afk|\n" +
      `000b8010  70 7f${" ".repeat(45)}|p.|`,
  );
  match(hexdump(Uint8Array.of(1), 0xffff_ffff_ffff_ffffn), /^f{16} {2}01 /);
  strictEqual(hexdump(new Uint8Array(0)), "");
});

Deno.test("registersText() has 8 digits outside of long mode, 16 within", () => {
  const real = registersText(new Machine({ memory: 1 << 20 }).cpu.registers());
  match(real, /^rax 0{8} {2}rbx/);
  ok(!real.includes("r15"));
  match(real, /real, CPL 0/);
  const long = registersText(longMode().cpu.registers());
  match(long, /^rax 0{16} {2}rbx/);
  match(long, /r15 0{16}/);
  match(long, /^cr0 {2}0000000080010031 {2}PE ET NE WP PG$/m);
});

Deno.test("flagNames() names what is set", () => {
  strictEqual(flagNames(2), "-");
  strictEqual(flagNames(0x246), "IF ZF PF");
  strictEqual(flagNames(0x3a97n), "OF IF SF AF PF CF IOPL=3");
});

Deno.test("registerChanges() lists what differs", () => {
  const machine = longMode();
  const before = machine.cpu.registers();
  deepStrictEqual(registerChanges(before, before), []);
  machine.cpu.rax = 5n;
  machine.cpu.rsp = 0x8000n;
  deepStrictEqual(registerChanges(before, machine.cpu.registers()), [
    "rax 0x0 → 0x5",
    "rsp 0x9f000 → 0x8000",
  ]);
});

Deno.test("walkText() shows each level, rights and the end", () => {
  strictEqual(
    walkText(longMode().mmu.translate(0x20_0123n)),
    [
      "0x200123  read at CPL 0, 4-level paging",
      "  PML4E  0x2000[0x0]        0000000000003003  P RW",
      "  PDPTE  0x3000[0x0]        0000000000004003  P RW",
      "  PDE    0x4000[0x1]        0000000000200083  P RW PS",
      "  TLB    miss",
      "→ physical 0x200123, page of 2 MiB, rwx supervisor",
    ].join("\n"),
  );
});

Deno.test("walkText() shows the level that refuses, and the fault", () => {
  const { mmu } = longMode();
  const text = walkText(mmu.translate(0x1234n, { access: "write", cpl: 3 }));
  match(text, /^ {2}PML4E .* P RW {2}← refuses$/m);
  match(
    text,
    /^→ exception 14, error code 0x7 \(PROTECTION_VIOLATION \| .*USER_MODE\): the PML4E/m,
  );
  match(walkText(mmu.translate(1n << 46n)), /not present {2}← refuses/);
  match(walkText(mmu.translate(1n << 47n)), /→ exception 13, error code 0x0: .* not canonical/);
});

Deno.test("walkText() says when paging is off", () => {
  const { mmu } = new Machine({ memory: 1 << 20 });
  strictEqual(
    walkText(mmu.translate(0xb_8000)),
    "0xb8000  read at CPL 0, paging off\n→ physical 0xb8000",
  );
});

Deno.test("screenText() frames exactly the screen, whatever is on it", () => {
  const lines = screenText("a\x1b[31m\nb", 6, 3).split("\n");
  deepStrictEqual(lines, ["┌──────┐", "│a [31m│", "│b     │", "│      │", "└──────┘"]);
});

Deno.test("Views are plain unless asked for colours", () => {
  const registers = longMode().cpu.registers();
  // deno-lint-ignore no-control-regex
  const ansi = /\x1b\[/;
  ok(!ansi.test(registersText(registers)));
  match(registersText(registers, { colour: true }), ansi);
});
