/**
 * Random sequences of what a guest and its machine do, against a model: a TLB of unlimited
 * memory, in a `Map`. Wherever the MMU may answer from its TLB it must answer what the model
 * remembers or what the tables say; and the fast tables never say more than the TLB.
 */
import { ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { RAM_BASE } from "../../../machine/memory/layout.ts";
import { ACCESS } from "../../../machine/mmu/access.ts";
import { high, low, World } from "./world.ts";

const P = 1n, RW = 2n, US = 4n, D = 0x40n, PS = 0x80n, G = 0x100n;
const BASE = 0xffff_8000_4000_0000n;
const PAGES = 12;
const FIRST_FRAME = 0x200;

/** Linear addresses of the twelve pages: neighbours, same TLB set, same fast slot, within large. */
const address = (page: number) =>
  BASE + BigInt(
      [
        0x0,
        0x1,
        0x2,
        0x100,
        0x200,
        0x400,
        0x500,
        0x600,
        0x800,
        0x801,
        0xa00,
        0xbff,
      ][page],
    ) * 0x1000n;
/** From page 8 on large pages are mapped, two addresses in each. */
const isLarge = (page: number) => page >= 8;

type Step =
  | { do: "map"; page: number; frame: number; flags: number }
  | { do: "load" | "store" | "fetch" | "invlpg"; page: number; user: boolean }
  | { do: "cr3" | "flush" | "ac" | "smap" | "wp" | "listen" | "a20" }
  | { do: "code"; page: number };

const page = fc.nat(PAGES - 1);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant("map" as const),
        page,
        frame: fc.nat(3),
        flags: fc.nat(15),
      }),
    },
    {
      weight: 12,
      arbitrary: fc.record({
        do: fc.constantFrom("load" as const, "store" as const, "store" as const, "fetch" as const),
        page,
        user: fc.boolean(),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant("invlpg" as const), page, user: fc.boolean() }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constantFrom("cr3", "flush", "ac", "smap", "wp", "listen", "a20"),
      }) as fc.Arbitrary<Step>,
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("code" as const), page: fc.nat(3) }) },
  ),
  { minLength: 10, maxLength: 120 },
);

interface Remembered {
  frame: number;
  rw: boolean;
  us: boolean;
  d: boolean;
  g: boolean;
}

class Model {
  readonly w = new World(16 << 20);
  /** By number of the 4 KiB or large page: what a TLB may hold. */
  readonly remembered = new Map<number, Remembered>();
  readonly controls = { mode: "4-level" as const, wp: true, smap: false, ac: false, pge: true };
  off: (() => void) | undefined;
  stores = 0;

  constructor() {
    const { w } = this;
    w.put(0x1000 + 256 * 8, 0x2000n | P | RW | US | 0x20n, 8);
    w.put(0x2008, 0x3000n | P | RW | US | 0x20n, 8);
    for (let i = 0; i < 4; i++) w.put(0x3000 + i * 8, BigInt(0x4000 + i * 0x1000) | P | RW | US, 8);
    w.cr3 = 0x1000n;
    w.control(this.controls);
    w.memory.onCodeWrite = (at) => void (w.memory.codePages[at >>> 12] = 0);
  }

  key(page: number): number {
    return isLarge(page) ? 1000 + (page >> 1) : page;
  }

  entryAddress(page: number): number {
    const number = Number((address(page) - BASE) >> 12n);
    return isLarge(page) ? 0x3000 + (number >> 9) * 8 : 0x4000 + number * 8;
  }

  map(page: number, frame: number, flags: number): void {
    const value = isLarge(page)
      ? BigInt(0x40_0000 + frame * 0x20_0000) | PS
      : BigInt((FIRST_FRAME + frame) * 0x1000);
    const bits = (flags & 1 ? P : 0n) | (flags & 2 ? RW : 0n) | (flags & 4 ? US : 0n) |
      (flags & 8 ? G : 0n);
    this.w.put(this.entryAddress(page), value | bits | P, 8);
    if (!(flags & 1) && frame === 0) this.w.put(this.entryAddress(page), 0n, 8);
  }

  /** What the tables say now: undefined when not present. */
  tables(page: number): Remembered | undefined {
    const raw = this.w.get(this.entryAddress(page), 8);
    if ((raw & P) === 0n) return undefined;
    const inside = isLarge(page) ? Number((address(page) >> 12n) & 0x1ffn) : 0;
    return {
      frame: Number((raw & 0xff_f000n) >> 12n) + inside,
      rw: (raw & RW) !== 0n,
      us: (raw & US) !== 0n,
      d: (raw & D) !== 0n,
      g: (raw & G) !== 0n,
    };
  }

  permits(r: Remembered, kind: string, user: boolean): boolean {
    if (user && !r.us) return false;
    if (kind === "store" && !r.rw && (user || this.controls.wp)) return false;
    return user || kind === "fetch" || !r.us || !this.controls.smap || this.controls.ac;
  }

  /** Does an access as generated code does: the fast table first. */
  access(kind: "load" | "store" | "fetch", page: number, user: boolean): void {
    const { w } = this;
    const va = address(page) + 8n;
    const key = this.key(page);
    const old = this.remembered.get(key);
    const inside = isLarge(page) ? Number((va >> 12n) & 0x1ffn) : 0;
    const usable = old !== undefined && this.permits(old, kind, user) &&
      (kind !== "store" || old.d);
    const now = this.tables(page);
    const allowed = now !== undefined && this.permits(now, kind, user);
    const bits = user ? ACCESS.USER : 0;
    const stamp = ++this.stores + 0x100_0000;
    const fast = kind === "fetch"
      ? undefined
      : [...w.mmu.fastEntries()].find((e) =>
        e.low === (low(va) & ~0xfff) && e.high === high(va) && e.user === user &&
        e.write === (kind === "store")
      );
    let frame: number | undefined;
    if (fast !== undefined) {
      frame = (fast.host - RAM_BASE) >>> 12;
      ok(usable, "a fast entry that no TLB entry stands behind");
      if (kind === "store") strictEqual(w.memory.codePages[frame], 0, "a fast store to code");
      ok(this.off === undefined, "a fast entry past a listener");
    } else if (kind === "fetch") {
      const result = w.fetch(va, user);
      frame = typeof result === "number" ? result >>> 12 : undefined;
    } else if (kind === "store") {
      const result = w.store32(va, stamp, bits);
      if (result === undefined) frame = this.changed(stamp);
    } else {
      const result = w.load32(va, bits);
      if (typeof result === "number") frame = result; // every frame holds its number at +8
    }
    const gate = (f: number) => w.memory.a20 ? f : f & ~0x100;
    const oldFrame = usable ? gate(old.frame + inside) : undefined;
    const newFrame = allowed ? gate(now.frame) : undefined;
    if (fast !== undefined) strictEqual(frame, oldFrame);
    else if (frame !== oldFrame || oldFrame === undefined) {
      // Not from memory: then it must be what the tables say, and that is remembered.
      strictEqual(frame, newFrame, `${kind} ${page}: neither the TLB nor the tables`);
      if (allowed) {
        const start = { ...now, frame: now.frame - inside, d: now.d || kind === "store" };
        this.remembered.set(key, start);
      } else this.remembered.delete(key);
    }
  }

  /** Finds the frame that a store changed, and mends it. */
  changed(stamp: number): number {
    for (let frame = 0x100; frame < 0x1000; frame++) {
      const value = this.w.get((frame << 12) + 8, 4);
      if (value === BigInt(frame)) continue;
      strictEqual(value, BigInt(stamp));
      this.w.put((frame << 12) + 8, BigInt(frame), 4);
      return frame;
    }
    throw new Error("nothing was stored");
  }

  step(step: Step): void {
    const { w, controls } = this;
    switch (step.do) {
      case "map":
        return this.map(step.page, step.frame, step.flags);
      case "load":
      case "store":
      case "fetch":
        return this.access(step.do, step.page, step.user);
      case "invlpg":
        w.mmu.flushPage(low(address(step.page)), high(address(step.page)));
        return void this.remembered.delete(this.key(step.page));
      case "cr3":
        w.mmu.controlRegisterWritten("cr3", 0x1000, 0x1000);
        for (const [key, { g }] of this.remembered) if (!g) this.remembered.delete(key);
        return;
      case "flush":
        w.mmu.flushAll(true);
        return this.remembered.clear();
      case "ac":
        controls.ac = !controls.ac;
        return w.setAc(controls.ac);
      case "smap":
      case "wp":
        controls[step.do] = !controls[step.do];
        return w.control(controls);
      case "listen":
        if (this.off === undefined) this.off = w.events.on("read", () => {});
        else {
          this.off();
          this.off = undefined;
        }
        return;
      case "a20":
        w.memory.a20 = !w.memory.a20;
        return;
      case "code":
        return w.mmu.protectCodePage(FIRST_FRAME + step.page);
    }
  }

  /** The fast tables against the TLB: every fast entry has a TLB entry that allows it. */
  checkFast(): void {
    const entries = this.w.mmu.tlbEntries();
    for (const fast of this.w.mmu.fastEntries()) {
      const va = (BigInt(fast.high >>> 0) << 32n) | BigInt(fast.low >>> 0);
      const entry = entries.find((e) => va >= e.virtual && va < e.virtual + BigInt(e.size));
      ok(entry !== undefined, `fast entry for ${va.toString(16)} without a TLB entry`);
      const physical = entry.physical + Number(va - entry.virtual);
      strictEqual(fast.host - RAM_BASE, this.w.memory.a20 ? physical : physical & ~0x10_0000);
      const remembered = { rw: entry.writable, us: entry.user, d: entry.dirty, g: false, frame: 0 };
      ok(this.permits(remembered, fast.write ? "store" : "load", fast.user));
      if (fast.write) ok(entry.dirty && this.w.memory.codePages[physical >>> 12] === 0);
    }
  }
}

Deno.test("Mmu, TLB and fast tables agree with a model over random sequences", () => {
  let fastHits = 0;
  fc.assert(
    fc.property(steps, (list) => {
      const model = new Model();
      for (let frame = 0x100; frame < 0x1000; frame++) {
        model.w.put(frame * 0x1000 + 8, BigInt(frame), 4);
      }
      for (let i = 0; i < PAGES; i++) model.map(i, i & 3, 7);
      for (const step of list) {
        model.step(step);
        model.checkFast();
      }
      fastHits += [...model.w.mmu.fastEntries()].length;
    }),
    { numRuns: 120, seed: 20_241_107 },
  );
  ok(fastHits > 50, `${fastHits} fast entries: the property must not be empty`);
});
