import { deepStrictEqual, notStrictEqual, strictEqual, throws } from "node:assert/strict";
import { asm, Machine } from "../../machine/mod.ts";

const AT = { at: 0x10_0000, mode: "long" } as const;

function machineWith(code: Uint8Array, memory = 4 << 20): Machine {
  const machine = new Machine({ memory });
  machine.load(code, AT);
  return machine;
}

Deno.test("machines with the same past have the same hash, and do not meet", () => {
  const code = asm`top: inc qword ptr [0x200000]; rdrand rax; add rbx, rax; jmp top`;
  const hashes = Array.from({ length: 3 }, () => {
    const machine = machineWith(code);
    machine.run({ instructions: 10_000 });
    return machine.hash();
  });
  strictEqual(new Set(hashes).size, 1);
  const [a, b] = [machineWith(code), machineWith(code)];
  a.run({ instructions: 100 });
  notStrictEqual(a.hash(), b.hash());
  strictEqual(b.physical.u64(0x20_0000), 0n);
});

Deno.test("Machine.restore() goes back, and the same happens again", () => {
  const machine = machineWith(asm`top: inc rax; mov [0x200000], rax; in al, 0x40; jmp top`);
  machine.run({ instructions: 10_001 });
  const snapshot = machine.snapshot();
  const before = machine.hash();
  machine.run({ instructions: 5000 });
  const after = machine.hash();
  machine.restore(snapshot);
  strictEqual(machine.hash(), before);
  machine.run({ instructions: 5000 });
  strictEqual(machine.hash(), after);
  const other = new Machine({ memory: 4 << 20 });
  other.restore(snapshot);
  other.run({ instructions: 5000 });
  strictEqual(other.hash(), after);
});

Deno.test("Machine.restore() empties what was written since, and lets A20 be as it was", () => {
  const machine = machineWith(asm`hlt`);
  machine.cpu.outb(0x92, 0);
  // The keyboard controller's output port: all but A20.
  machine.cpu.outb(0x64, 0xd1);
  machine.run({ instructions: 10_000 });
  machine.cpu.outb(0x60, 0xdd);
  strictEqual(machine.board.memory.a20, false);
  const snapshot = machine.snapshot();
  const before = machine.hash();
  machine.cpu.outb(0x92, 2);
  machine.physical.setU64(0x30_0000, 1);
  machine.restore(snapshot);
  strictEqual(machine.physical.u64(0x30_0000), 0n);
  strictEqual(machine.board.memory.a20, false);
  const other = new Machine({ memory: 4 << 20 });
  other.physical.setU64(0x30_0000, 1);
  other.restore(snapshot);
  strictEqual(other.hash(), before);
  strictEqual(other.board.memory.a20, false);
});

Deno.test("Machine.restore() puts all devices back when the last of them refuses", () => {
  const machine = machineWith(asm`hlt`);
  const snapshot = machine.snapshot();
  machine.keyboard.press("a");
  machine.cpu.outb(0x3d4, 14);
  machine.cpu.outb(0x3d5, 7);
  const before = machine.hash();
  const devices = { ...snapshot.devices, pic: { device: "pic", version: 99 } };
  throws(() => machine.restore({ ...snapshot, devices } as typeof snapshot));
  strictEqual(machine.hash(), before);
  deepStrictEqual(machine.keyboard.down, ["a"]);
});

Deno.test("Machine.restore() refuses what is no snapshot of such a machine, and changes nothing", () => {
  const machine = machineWith(asm`hlt`);
  const snapshot = machine.snapshot();
  const before = machine.hash();
  const bad = [
    null,
    {},
    { ...snapshot, version: 99 },
    { ...snapshot, ramSize: 1 << 20 },
    { ...snapshot, pages: new Uint8Array(1) },
    { ...snapshot, retired: -1 },
    { ...snapshot, devices: { ...snapshot.devices, pit: { device: "pit", version: 7 } } },
    { ...snapshot, devices: {} },
  ];
  for (const value of bad) throws(() => machine.restore(value as typeof snapshot));
  strictEqual(machine.hash(), before);
});
