/** Pairs of faults: the manual's table in pure form, and played through with real faults. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { deliverException, deliverInterrupt } from "../../../machine/cpu/delivery.ts";
import { combineFaults } from "../../../machine/cpu/double_fault.ts";
import { codeSelector, Rig, STACK_TOP } from "../../_support/cpu_context.ts";
import { SEG } from "../../../machine/memory/layout.ts";

/** SDM Vol. 3A, table "Interrupt and Exception Classes". */
const CONTRIBUTORY = [0, 10, 11, 12, 13];

/** Table "Conditions for Generating a Double Fault". */
function expected(first: number, second: number): string {
  const kind = (vector: number) =>
    CONTRIBUTORY.includes(vector) ? "contributory" : vector === 14 ? "page" : "benign";
  if (kind(second) === "benign") return "serial";
  if (first === 8) return "shutdown";
  if (kind(first) === "page") return "double";
  return kind(first) === "contributory" && kind(second) === "contributory" ? "double" : "serial";
}

Deno.test("combineFaults() for every pair of vectors", () => {
  for (let first = 0; first < 32; first++) {
    for (let second = 0; second < 32; second++) {
      // A second #DF cannot be: the CPU makes it out of a pair.
      if (second === 8) continue;
      strictEqual(combineFaults(first, second), expected(first, second), `${first}, ${second}`);
    }
  }
});

/** Ways to make the delivery of `first` raise `second`. */
const CAUSES: Readonly<Record<number, (rig: Rig, first: number) => void>> = {
  11: (rig, first) =>
    rig.setGate(first, { kind: "interrupt", size: 4, selector: 8, present: false }),
  13: (rig, first) => rig.setGate(first, { kind: "interrupt", size: 4, selector: 0 }),
  10: (rig, first) => {
    rig.setGate(first, { kind: "task", size: 4, selector: 14 << 3 });
    rig.setSlot(14, 0x0000_8900_0000_0010n);
  },
  14: (rig, first) => {
    rig.setSlot(14, 0x0000_8900_e000_0067n);
    rig.setGate(first, { kind: "task", size: 4, selector: 14 << 3 });
  },
};

Deno.test("faults during the delivery of every exception end as the table says", () => {
  const spare = new Rig("real");
  for (const [text, arrange] of Object.entries(CAUSES)) {
    const second = Number(text);
    for (let first = 0; first < 32; first++) {
      if (first === second) continue;
      const rig = new Rig("protected", 0, spare);
      for (let vector = 0; vector < 32; vector++) {
        rig.setGate(vector, {
          kind: "interrupt",
          size: 4,
          selector: codeSelector(0),
          offset: BigInt(0x5000 + vector),
        });
      }
      rig.mapPages([0xe000]);
      arrange(rig, first);
      const hasError = [8, 10, 11, 12, 13, 14, 17].includes(first);
      rig.note(first, hasError ? 0 : undefined, 0x4444);
      const result = deliverException(rig);
      const what = `${first} then ${second}`;
      const outcome = expected(first, second);
      if (outcome === "shutdown") {
        deepStrictEqual(result?.chain.map(({ vector }) => vector), [8], what);
        continue;
      }
      strictEqual(result, undefined, what);
      strictEqual(rig.rip(), BigInt(0x5000 + (outcome === "double" ? 8 : second)), what);
    }
  }
});

Deno.test("a fault during an interrupt's delivery stands alone", () => {
  const rig = new Rig("protected");
  rig.setGate(13, { kind: "interrupt", size: 4, selector: codeSelector(0), offset: 0x500dn });
  rig.setGate(32, { kind: "interrupt", size: 4, selector: 0 });
  strictEqual(deliverInterrupt(rig, 32, "irq"), undefined);
  strictEqual(rig.rip(), 0x500dn);
  strictEqual(rig.get32(STACK_TOP - 16), 1, "EXT");
});

Deno.test("without a usable stack a fault in protected mode is a triple fault of three links", () => {
  const rig = new Rig("protected");
  for (const vector of [6, 8, 12]) {
    rig.setGate(vector, { kind: "interrupt", size: 4, selector: codeSelector(0) });
  }
  rig.state.setSegment(SEG.SS, 0x28, 0x4093, 0, 0, 0x10);
  rig.note(6);
  const chain = deliverException(rig)?.chain;
  deepStrictEqual(chain?.map(({ vector }) => vector), [6, 12, 8]);
  deepStrictEqual(chain?.map(({ errorCode }) => errorCode), [undefined, 1, 0]);
});
