/**
 * Every combination of entry flags at every level, access, privilege and control bit, against the
 * oracle: the result, the error code, all entries and all memory afterwards.
 *
 * In the manner of kvm-unit-tests' `access.c`.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type Controls, type Kind, type Mode, oracle, type Request, type Who } from "./oracle.ts";
import { type RaisedFault, World } from "./world.ts";

const P = 1n, RW = 2n, US = 4n, A = 0x20n, D = 0x40n, PS = 0x80n, NX = 1n << 63n;
const TABLES = [0x1_0000, 0x1_1000, 0x1_2000, 0x1_3000];
/** In 32-bit paging the lower table is at 0, where a 4 MiB page would be, so that PS decides. */
const TABLES_32 = [0x1_0000, 0];
/** The 4 KiB page, and the place in large pages that the linear address falls on. */
const DATA = 0x1_5000;
const STORED = 0x5a17_c0de;

interface Setup {
  readonly mode: Mode;
  readonly linear: bigint;
  readonly bytes: 4 | 8;
  /** Per level from the top: shift of the index, and entries that lead nowhere further. */
  readonly levels: readonly {
    readonly shift: number;
    readonly pointers: readonly bigint[];
    readonly ends: readonly bigint[];
  }[];
}

const RIGHTS_64 = [0n, RW, US, RW | US].flatMap((r) => [r, r | NX]);
const RIGHTS_32 = [0n, RW, US, RW | US];
const ABSENT = [RW | US | A | D];
const RSVD_51 = [P | RW | US | (1n << 51n), P | RW | US | (1n << 40n)];
const rights = (list: readonly bigint[], more: bigint) => list.map((r) => r | P | more);
const at = (table: number) => BigInt(TABLES[table]);

/** Entries that would lead to no table of ours if CR4.PSE were clear. */
const PSE_ONLY = [1n << 21n, 1n << 12n, 1n << 13n, 0xffn << 13n].map((b) => P | RW | US | PS | b);

const PT_64 = {
  shift: 12,
  pointers: [],
  ends: [
    ...ABSENT,
    ...RSVD_51,
    ...rights(RIGHTS_64, BigInt(DATA)),
    P | RW | US | PS | BigInt(DATA),
  ],
};
const large = (lowest: bigint, highest: bigint) => [
  ...rights(RIGHTS_64, PS),
  P | RW | US | PS | (1n << 12n), // PAT: not reserved
  P | RW | US | PS | lowest,
  P | RW | US | PS | highest,
];

const SETUPS: Record<Mode, Setup> = {
  "4-level": {
    mode: "4-level",
    linear: (0xffffn << 48n) | (0x1a5n << 39n) | (0x0c3n << 30n) | (0x13cn << 21n) | 0x1_5abcn,
    bytes: 8,
    levels: [
      {
        shift: 39,
        pointers: rights(RIGHTS_64, at(1)),
        ends: [...ABSENT, ...RSVD_51, P | RW | US | PS | at(1)],
      },
      {
        shift: 30,
        pointers: rights(RIGHTS_64, at(2)),
        ends: [...ABSENT, ...RSVD_51, ...large(1n << 13n, 1n << 29n)],
      },
      {
        shift: 21,
        pointers: rights(RIGHTS_64, at(3)),
        ends: [...ABSENT, ...RSVD_51, ...large(1n << 13n, 1n << 20n)],
      },
      PT_64,
    ],
  },
  "PAE": {
    mode: "PAE",
    linear: (2n << 30n) | (0x13cn << 21n) | 0x1_5abcn,
    bytes: 8,
    levels: [
      { shift: 30, pointers: [P | at(1), P | at(1) | 0x18n], ends: [0n, at(1)] },
      {
        shift: 21,
        pointers: rights(RIGHTS_64, at(2)),
        ends: [...ABSENT, ...RSVD_51, P | RW | US | (1n << 62n), ...large(1n << 13n, 1n << 20n)],
      },
      { ...PT_64, ends: [...PT_64.ends, P | RW | US | (1n << 62n), P | RW | US | (1n << 52n)] },
    ],
  },
  "32-bit": {
    mode: "32-bit",
    linear: (0x2a7n << 22n) | 0x1_5abcn,
    bytes: 4,
    levels: [
      {
        shift: 22,
        pointers: rights(RIGHTS_32, 0n),
        ends: [
          ...ABSENT,
          ...rights(RIGHTS_32, PS), // without CR4.PSE: like the pointers above
          ...PSE_ONLY,
        ],
      },
      {
        shift: 12,
        pointers: [],
        ends: [...ABSENT, ...rights(RIGHTS_32, BigInt(DATA)), P | RW | US | PS | BigInt(DATA)],
      },
    ],
  },
};

/** All chains of entries: below an entry that ends the walk, something harmless. */
function* chains(setup: Setup, level = 0): Generator<bigint[]> {
  const { pointers, ends } = setup.levels[level];
  const rest = setup.levels.slice(level + 1).map((_, i) =>
    P | RW | US | (level + 2 + i < setup.levels.length ? at(level + 2 + i) : BigInt(DATA))
  );
  for (const end of ends) yield [end, ...rest];
  for (const pointer of pointers) {
    for (const below of chains(setup, level + 1)) yield [pointer, ...below];
  }
}

const BOOLEANS = [false, true];
function* controls(mode: Mode): Generator<Controls> {
  for (const nxe of BOOLEANS) {
    for (const wp of BOOLEANS) {
      for (const smep of BOOLEANS) {
        for (const [smap, ac] of [[false, false], [true, false], [true, true]]) {
          for (const pse of mode === "32-bit" ? BOOLEANS : [false]) {
            yield { mode, nxe, wp, smep, smap, ac, pse };
          }
        }
      }
    }
  }
}

const REQUESTS = (["read", "write", "rmw", "execute"] as Kind[]).flatMap((kind) =>
  (["user", "supervisor", "implicit"] as Who[])
    .filter((who) => !(kind === "execute" && who === "implicit"))
    .map((who) => ({ kind, who }))
);

/** Puts a chain into its tables, with A and D as given. */
class Bench {
  readonly world = new World();
  readonly addresses: (number | undefined)[];

  readonly tables: readonly number[];

  constructor(readonly setup: Setup) {
    this.tables = setup.mode === "32-bit" ? TABLES_32 : TABLES;
    this.world.cr3 = at(0);
    for (let i = 0; i < 0x400; i++) this.world.put(DATA + i * 4, BigInt(DATA + i * 4) * 77n, 4);
    // Decoys: every other entry of every table maps everything to the wrong place.
    for (const table of this.tables) {
      for (let i = 0; i < 0x1000; i += setup.bytes) {
        this.world.put(table + i, P | RW | US | 0x2_0000n, setup.bytes);
      }
    }
    this.addresses = setup.levels.map(({ shift }, i) =>
      setup.mode === "PAE" && i === 0 ? undefined : this.tables[i] +
        Number((setup.linear >> BigInt(shift)) & (setup.bytes === 4 ? 1023n : 511n)) *
          setup.bytes
    );
  }

  place(chain: readonly bigint[]): void {
    for (const [i, entry] of chain.entries()) {
      const address = this.addresses[i];
      if (address === undefined) this.world.setPdpte(2, entry);
      else this.world.put(address, entry, this.setup.bytes);
    }
  }

  chain(original: readonly bigint[]): bigint[] {
    return this.addresses.map((address, i) =>
      address === undefined ? original[i] : this.world.get(address, this.setup.bytes)
    );
  }
}

function describe(c: Controls, request: Request, chain: readonly bigint[]): string {
  const entries = chain.map((entry) => `0x${entry.toString(16)}`).join(" ");
  return `${JSON.stringify(c)} ${request.who} ${request.kind}: ${entries}`;
}

/** One access, maybe again (now through the TLB), and maybe first in words; all of it checked. */
function check(
  bench: Bench,
  c: Controls,
  request: Request,
  chain: readonly bigint[],
  number: number,
): void {
  const { world } = bench;
  const verdict = oracle(c, chain, request);
  const context = () => describe(c, request, chain);
  if (number % 61 === 0) checkTranslate(bench, c, request, chain);
  for (let round = number % 3 === 0 ? 0 : 1; round < 2; round++) {
    const result = world.perform(request, STORED);
    if (verdict.physical === undefined) {
      const fault = result as RaisedFault;
      if (
        typeof fault !== "object" || fault.vector !== 14 || fault.error !== verdict.errorCode ||
        fault.address !== BigInt.asUintN(64, request.linear)
      ) {
        deepStrictEqual(
          result,
          { vector: 14, error: verdict.errorCode, address: request.linear },
          context(),
        );
      }
    } else {
      const inRam = verdict.physical < 1n << 20n;
      const expected = request.kind === "execute"
        ? Number(verdict.physical & ~0xfffn)
        : request.kind === "write"
        ? undefined
        : inRam
        ? (Number(verdict.physical) * 77) | 0
        : -1;
      if (result !== expected) strictEqual(result, expected, context());
      if (request.kind === "write" && inRam) {
        const stored = world.get(Number(verdict.physical), 4);
        if (stored !== BigInt(STORED)) strictEqual(stored, BigInt(STORED), context());
        world.put(Number(verdict.physical), verdict.physical * 77n, 4);
      }
    }
    const after = bench.chain(chain);
    for (let i = 0; i < after.length; i++) {
      if (after[i] !== verdict.entries[i]) deepStrictEqual(after, verdict.entries, context());
    }
  }
}

/** `translate()` says the same beforehand, and changes nothing. */
function checkTranslate(
  bench: Bench,
  c: Controls,
  request: Request,
  chain: readonly bigint[],
): void {
  if (request.who === "implicit") return;
  const verdict = oracle(c, chain, request);
  const answer = bench.world.mmu.translate(BigInt.asUintN(64, request.linear), {
    access: request.kind === "rmw" ? "write" : request.kind,
    cpl: request.who === "user" ? 3 : 0,
  });
  const context = describe(c, request, chain);
  strictEqual(answer.physical, verdict.physical && Number(verdict.physical), context);
  strictEqual(answer.fault?.errorCode, verdict.errorCode, context);
  strictEqual(answer.tlb, "miss", context);
  deepStrictEqual(answer.levels.map(({ raw }) => raw), chain.slice(0, answer.levels.length));
  if (verdict.refusedAt >= 0) {
    strictEqual(answer.levels.length, verdict.refusedAt + 1, context);
    if (answer.fault!.errorCode & 8 || !(answer.fault!.errorCode & 1)) {
      strictEqual(answer.fault!.level, chain.length - verdict.refusedAt, context);
    }
  }
}

for (const mode of ["32-bit", "PAE", "4-level"] as Mode[]) {
  Deno.test(`Mmu agrees with the oracle over all combinations in ${mode} paging`, () => {
    const setup = SETUPS[mode];
    const bench = new Bench(setup);
    const { world } = bench;
    const pristine = Uint8Array.from(world.ram);
    const l = setup.linear;
    let cases = 0;
    let count = 0;
    for (const clean of chains(setup)) {
      // Every other case finds A and D set already: then the walk has nothing to write.
      const marked = clean.map((entry, i) => mode === "PAE" && i === 0 ? entry : entry | A | D);
      count++;
      for (const c of controls(mode)) {
        if (mode === "32-bit" && !c.pse && PSE_ONLY.includes(clean[0])) continue;
        world.control(c);
        for (const { kind, who } of REQUESTS) {
          const chain = (cases + count) % 2 === 0 ? clean : marked;
          bench.place(chain);
          world.mmu.flushPage(Number(BigInt.asIntN(32, l)), Number(BigInt.asIntN(32, l >> 32n)));
          check(bench, c, { kind, who, linear: l }, chain, cases++);
        }
      }
      bench.place(clean.map(() => P | RW | US | 0x2_0000n));
      if (Buffer.compare(world.ram, pristine) !== 0) {
        deepStrictEqual(firstDifference(world.ram, pristine), undefined);
      }
    }
    ok(cases > 5000, `${cases} cases`);
  });

  Deno.test(`Mmu keeps A and D flags that are set already in ${mode} paging`, () => {
    const setup = SETUPS[mode];
    const bench = new Bench(setup);
    const l = setup.linear;
    const chain = setup.levels.map((_, i) =>
      P | (i + 1 === setup.levels.length ? BigInt(DATA) : mode === "32-bit" ? 0n : at(i + 1)) |
      (mode === "PAE" && i === 0 ? 0n : US)
    );
    for (let marks = 0; marks < 4 ** chain.length; marks++) {
      for (const writable of [0n, RW]) {
        const marked = chain.map((entry, i) =>
          entry |
          (mode === "PAE" && i === 0
            ? 0n
            : writable | ((marks >> (i * 2)) & 1 ? A : 0n) | ((marks >> (i * 2 + 1)) & 1 ? D : 0n))
        );
        const c = { mode, nxe: true, wp: true, smep: false, smap: false, ac: false, pse: true };
        bench.world.control(c);
        for (const { kind, who } of REQUESTS) {
          bench.place(marked);
          bench.world.mmu.flushPage(
            Number(BigInt.asIntN(32, l)),
            Number(BigInt.asIntN(32, l >> 32n)),
          );
          check(bench, c, { kind, who, linear: l }, marked, marks);
        }
      }
    }
  });
}

function firstDifference(actual: Uint8Array, expected: Uint8Array): string | undefined {
  const at = actual.findIndex((byte, i) => byte !== expected[i]);
  return at < 0 ? undefined : `byte 0x${at.toString(16)}: ${actual[at]} instead of ${expected[at]}`;
}
