import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { Events } from "../../machine/events.ts";
import { asm, Machine } from "../../machine/mod.ts";

const AT = { at: 0x10_0000, mode: "long" } as const;

function machineWith(code: Uint8Array, memory = 4 << 20): Machine {
  const machine = new Machine({ memory });
  machine.load(code, AT);
  return machine;
}

Deno.test("events tell of instructions, accesses and ports, and hooks may change state", () => {
  const machine = machineWith(asm`mov eax, [0x200000]; mov [0x200008], rbx; out 0xe9, al; hlt`);
  const seen: string[] = [];
  const remove = [
    machine.on("exec", (e) => seen.push(`exec ${e.rip.toString(16)}`)),
    machine.on("read", (e) => {
      seen.push(`read ${e.address.toString(16)} ${e.size}`);
      e.value = 0x41n;
    }),
    machine.on("write", (e) => seen.push(`write ${e.address.toString(16)} ${e.size}`)),
    machine.on("out", (e) => seen.push(`out ${e.port.toString(16)} ${e.value.toString(16)}`)),
    machine.on("hlt", () => seen.push("hlt")),
  ];
  machine.run();
  deepStrictEqual(seen, [
    "exec 100000",
    "read 200000 4",
    "exec 100007",
    "write 200008 8",
    "exec 10000f",
    "out e9 41",
    "exec 100011",
    "hlt",
  ]);
  strictEqual(machine.board.debugConsole.output, "A");
  for (const stop of remove) stop();
  ok(machine.events.recent().length > 0);
  throws(() => machine.on("nothing" as "hlt", () => {}), TypeError);
});

Deno.test("Events.recent() gives the latest events, oldest first, and no more than are kept", () => {
  const events = new Events(4);
  deepStrictEqual(events.recent(), []);
  for (let port = 0; port < 6; port++) events.emit("in", { port, width: 1, value: 0 });
  const ports = (count?: number) =>
    events.recent(count).map((event) => event.type === "in" ? event.port : -1);
  deepStrictEqual(ports(), [2, 3, 4, 5]);
  deepStrictEqual(ports(2), [4, 5]);
  deepStrictEqual(ports(100), [2, 3, 4, 5]);
  deepStrictEqual(ports(0), []);
});

Deno.test("a listener that goes leaves the others theirs, and nobody means no cost", () => {
  const events = new Events();
  const seen: string[] = [];
  const removeA = events.on("in", () => seen.push("a"));
  const removeB = events.on("in", () => seen.push("b"));
  const emit = () => events.emit("in", { port: 0, width: 1, value: 0 });
  emit();
  removeA();
  strictEqual(events.wants.in, true);
  emit();
  removeB();
  strictEqual(events.wants.in, false);
  emit();
  deepStrictEqual(seen, ["a", "b", "b"]);
});

Deno.test("rare events are kept though nobody listens, frequent ones are not", () => {
  for (const [last, kind] of [[asm`hlt`, "hlt"], [asm`ud2`, "exception"]] as const) {
    const code = asm`mov eax, [0x200000]; in al, 0x60; in al, 0x99`;
    const machine = machineWith(Uint8Array.from([...code, ...last]));
    machine.run();
    const kinds = new Set(machine.events.recent().map(({ type }) => type));
    deepStrictEqual([...kinds].sort(), [kind, "unclaimed"].sort());
  }
});

Deno.test("a hook may pause the run", () => {
  const machine = machineWith(asm`top: mov rax, [0x200000]; inc rbx; jmp top`);
  machine.on("read", () => machine.pause());
  strictEqual(machine.run().kind, "paused");
  strictEqual(machine.retired, 1);
  strictEqual(machine.run().kind, "paused");
  strictEqual(machine.cpu.rbx, 1n);
});

Deno.test("Events.matters() is true for what somebody hears or the ring keeps", () => {
  const events = new Events();
  const kept = ["interrupt", "exception", "mode", "hlt", "unclaimed", "device"] as const;
  const free = ["exec", "read", "write", "in", "out", "walk", "tlb"] as const;
  for (const kind of kept) strictEqual(events.matters(kind), true, kind);
  for (const kind of free) {
    strictEqual(events.matters(kind), false, kind);
    const remove = events.on(kind, () => {});
    strictEqual(events.matters(kind), true, kind);
    remove();
  }
});
