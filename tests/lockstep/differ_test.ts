/** The differ itself: two scripted processors, one of them with a planted bug. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { lockstep } from "../../tools/lockstep/differ.ts";
import { reportText } from "../../tools/lockstep/report.ts";
import {
  type HiddenState,
  type LockstepTarget,
  type RegisterName,
  REGISTERS,
  type Registers,
} from "../../tools/lockstep/target.ts";

/** A processor whose states are a list; all instructions are given as bytes by address. */
class Script implements LockstepTarget {
  #at = 0;
  readonly sets: [RegisterName, bigint][] = [];

  constructor(
    readonly name: string,
    readonly states: readonly Partial<Registers>[],
    readonly code: Uint8Array,
    readonly extra: { readonly hidden?: HiddenState; readonly memory?: Uint8Array } = {},
  ) {}

  step(): Promise<boolean> {
    this.#at++;
    return Promise.resolve(this.#at < this.states.length);
  }

  registers(): Promise<Registers> {
    const zero = Object.fromEntries(REGISTERS.map((name) => [name, 0n])) as Registers;
    return Promise.resolve({ ...zero, ...this.states[this.#at] });
  }

  hidden(): Promise<HiddenState> {
    return Promise.resolve({ cs: "0000 0 ffff 009b", ...this.extra.hidden });
  }

  set(register: RegisterName, value: bigint): Promise<void> {
    this.sets.push([register, value]);
    return Promise.resolve();
  }

  read(linear: bigint): Promise<Uint8Array> {
    return Promise.resolve(this.code.subarray(Number(linear)));
  }

  readPhysical(address: number, length: number): Promise<Uint8Array> {
    const memory = this.extra.memory ?? new Uint8Array(64);
    return Promise.resolve(memory.subarray(address, address + length));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** inc ax; and ax, ax; rep movsb; out 0xf4, al. */
const CODE = Uint8Array.from([0x40, 0x21, 0xc0, 0xf3, 0xa4, 0xe6, 0xf4, 0x90]);
const AF = 0x10n;

Deno.test("lockstep() stops at the first register that differs and says where", async () => {
  const states = [{ rip: 0n }, { rip: 1n, rax: 1n }, { rip: 3n, rax: 1n }];
  const wrong = [{ rip: 0n }, { rip: 1n, rax: 1n }, { rip: 3n, rax: 3n }];
  const result = await lockstep(
    new Script("a", states, CODE),
    new Script("b", wrong, CODE),
    { steps: 2 },
  );
  strictEqual(result.reason, "difference");
  strictEqual(result.difference!.step, 1);
  deepStrictEqual(result.difference!.rows, [
    { what: "rax", left: "0000000000000001", right: "0000000000000003" },
  ]);
  strictEqual(
    reportText(result, ["ours", "qemu"]),
    `Difference after step 1:

  0000:0                 inc ax
→ 0000:1                 and ax,ax

  register │ ours             │ qemu
  rax      │ 0000000000000001 │ 0000000000000003
`,
  );
});

Deno.test("lockstep() passes over undefined flags only, and hands them on", async () => {
  const states = [{ rip: 0n }, { rip: 1n }, { rip: 3n }];
  // AND leaves AF undefined, INC does not.
  const undefinedOne = [{ rip: 0n }, { rip: 1n }, { rip: 3n, eflags: AF }];
  const right = new Script("b", undefinedOne, CODE);
  strictEqual(
    (await lockstep(new Script("a", states, CODE), right, { steps: 2 })).reason,
    "budget",
  );
  deepStrictEqual(right.sets, [["eflags", 0n]]);
  const definedOne = [{ rip: 0n }, { rip: 1n, eflags: AF }, { rip: 3n }];
  const result = await lockstep(
    new Script("a", states, CODE),
    new Script("b", definedOne, CODE),
    { steps: 2 },
  );
  deepStrictEqual(result.difference?.rows, [
    { what: "eflags", left: "00000000 ", right: "00000010 AF" },
  ]);
});

Deno.test("lockstep() takes a repeated instruction as one, however many rounds a step has", async () => {
  const whole = [{ rip: 3n, rcx: 3n }, { rip: 5n }];
  const rounds = [
    ...[3n, 2n, 1n, 0n].map((rcx) => ({ rip: 3n, rcx })),
    { rip: 5n },
  ];
  const result = await lockstep(
    new Script("a", whole, CODE),
    new Script("b", rounds, CODE),
    { steps: 1 },
  );
  deepStrictEqual(result, { steps: 1, reason: "budget", difference: undefined });
});

Deno.test("lockstep() compares memory before the write that ends both machines", async () => {
  const memory = new Uint8Array(64);
  memory[10] = 0xaa;
  const states = [{ rip: 5n }];
  const alike = await lockstep(
    new Script("a", states, CODE, { memory }),
    new Script("b", states, CODE, { memory }),
    { steps: 5, memory: [[0, 64]] },
  );
  deepStrictEqual(alike, { steps: 0, reason: "ended", difference: undefined });
  const result = await lockstep(
    new Script("a", states, CODE, { memory }),
    new Script("b", states, CODE),
    { steps: 5, memory: [[0, 64]] },
  );
  deepStrictEqual(result.difference?.rows, [{
    what: "memory 0x8",
    left: "00 00 aa 00 00 00 00 00",
    right: "00 00 00 00 00 00 00 00",
  }]);
});

Deno.test("lockstep() compares descriptor caches when a selector changes", async () => {
  const states = [{ rip: 0n }, { rip: 1n, ds: 0x10n }];
  const hidden = { ds: "0010 0 ffff 0093" };
  const right = new Script("b", states, CODE, { hidden });
  let asked = 0;
  right.hidden = () =>
    Promise.resolve({ cs: "0000 0 ffff 009b", ds: asked++ === 0 ? hidden.ds : "0010 0 1 0093" });
  const result = await lockstep(new Script("a", states, CODE, { hidden }), right, { steps: 1 });
  deepStrictEqual(result.difference?.rows, [
    { what: "ds cache", left: "0010 0 ffff 0093", right: "0010 0 1 0093" },
  ]);
});

Deno.test("lockstep() tells when only one of the machines ended", async () => {
  const result = await lockstep(
    new Script("a", [{ rip: 0n }], CODE),
    new Script("b", [{ rip: 0n }, { rip: 1n }], CODE),
    { steps: 3 },
  );
  deepStrictEqual(result.difference?.rows, [{ what: "machine", left: "ended", right: "runs on" }]);
});
