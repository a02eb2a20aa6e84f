/**
 * Translations per second beside the same algorithm in C (`mmu_peer.c`, `gcc -O2`), in one run.
 *
 * - TLB hit: the fast-table lookup as generated code does it, with the load behind it, at random
 *   addresses within 4 MiB (1,024 pages, all in the tables).
 * - Walk: four levels from CR3, every check made, at random addresses of the same pages. Ours
 *   takes ordinary tables in one go; C is measured as a plain loop and with the same short cut.
 *
 * Both sides get the same memory image and must come to the same checksum.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CR0, CR4, EFER } from "../machine/arch/control_registers.ts";
import { Events } from "../machine/events.ts";
import { FAST, RAM_BASE, STATE } from "../machine/memory/layout.ts";
import { PhysicalMemory } from "../machine/memory/physical.ts";
import { Mmu } from "../machine/mmu/mmu.ts";

/** One measured algorithm. */
export interface MmuMeasurement {
  readonly name: string;
  /** Translations per second. */
  readonly ours: number;
  /** The same in C; `undefined` where there is no gcc. */
  readonly peer: number | undefined;
  /** How many times longer ours takes. */
  readonly ratio: number | undefined;
  readonly target: number;
}

const RAM = 16 << 20;
const PAGES = 1024;
const FAST_ITERATIONS = 100_000_000;
const WALK_ITERATIONS = 20_000_000;
const RUNS = 5;

/** Maps 4 MiB of 4 KiB pages in shuffled order, and fills them with numbers. */
function prepare(): { memory: PhysicalMemory; mmu: Mmu } {
  const memory = new PhysicalMemory(RAM);
  const mmu = new Mmu(memory, new Events());
  const put = (address: number, low: number) => {
    memory.i32[(RAM_BASE + address) >> 2] = low;
  };
  put(0x1000, 0x2027);
  put(0x2000, 0x3027);
  put(0x3000, 0x4027);
  put(0x3008, 0x5027);
  for (let i = 0; i < PAGES; i++) {
    put(0x4000 + i * 8, (0x40_0000 + ((i * 389) % PAGES) * 0x1000) | 0x67);
  }
  for (let i = 0; i < PAGES * 1024; i++) put(0x40_0000 + i * 4, Math.imul(i, 0x9e37_79b1));
  memory.i32[STATE.cr0 >> 2] = CR0.PE | CR0.PG | CR0.WP;
  memory.i32[STATE.cr4 >> 2] = CR4.PAE;
  memory.i32[STATE.efer >> 2] = EFER.LME | EFER.LMA | EFER.NXE;
  memory.i32[STATE.cr3 >> 2] = 0x1000;
  mmu.modeChanged();
  for (let i = 0; i < PAGES; i++) mmu.load32(i * 0x1000, 0, 0);
  return { memory, mmu };
}

/** What generated code does for a 32-bit load. */
function runFast(i32: Int32Array, view: DataView, mmu: Mmu, iterations: number): number {
  let sum = 0;
  let low = 0;
  for (let i = 0; i < iterations; i++) {
    low = (Math.imul(low, 1664525) + 1013904223) | 0;
    const address = low & 0x3f_fff8;
    const entry = (FAST.readSupervisor >> 2) + ((address >>> 12) & 1023) * 4;
    if (i32[entry] === ((address + 3) & ~0xfff) && i32[entry + 1] === 0) {
      sum = (sum + view.getInt32((i32[entry + 2] + address) | 0, true)) | 0;
    } else {
      sum = (sum + mmu.load32(address, 0, 0)) | 0;
    }
  }
  return sum;
}

function runWalks(mmu: Mmu, iterations: number): number {
  let sum = 0;
  let low = 0;
  for (let i = 0; i < iterations; i++) {
    low = (Math.imul(low, 1664525) + 1013904223) | 0;
    sum = (sum + mmu.walk(low & 0x3f_fff8, 0, 0)) | 0;
  }
  return sum;
}

/** Best of some runs, in ns; the checksum must be the same each time. */
function best(run: () => number): { ns: number; sum: number } {
  let ns = Infinity;
  let sum = 0;
  for (let i = 0; i < RUNS; i++) {
    const from = performance.now();
    sum = run();
    ns = Math.min(ns, (performance.now() - from) * 1e6);
  }
  return { ns, sum };
}

/** Builds the peer. @returns How to run it, or undefined without gcc. */
function buildPeer(directory: string): ((mode: string, iterations: number) => string) | undefined {
  const source = fileURLToPath(new URL("./mmu_peer.c", import.meta.url));
  const program = join(directory, "mmu_peer");
  try {
    execFileSync("gcc", ["-O2", "-o", program, source], { stdio: "pipe" });
  } catch {
    return undefined;
  }
  const image = join(directory, "image");
  return (mode, iterations) =>
    execFileSync(program, [image, mode, String(iterations)], { encoding: "utf8" });
}

/** Measures both algorithms on both sides. @throws {Error} If the checksums differ. */
export function measureMmu(): MmuMeasurement[] {
  const { memory, mmu } = prepare();
  const directory = mkdtempSync(join(tmpdir(), "ring0-bench-"));
  try {
    const peer = buildPeer(directory);
    if (peer !== undefined) writeFileSync(join(directory, "image"), memory.u8);
    const cases = [
      {
        name: "TLB hit (fast table, 32-bit load)",
        mode: "fast",
        iterations: FAST_ITERATIONS,
        target: 3.5,
        run: () => runFast(memory.i32, memory.view, mmu, FAST_ITERATIONS),
      },
      {
        name: "4-level walk, C: plain loop",
        mode: "loop",
        iterations: WALK_ITERATIONS,
        target: 2,
        run: () => runWalks(mmu, WALK_ITERATIONS),
      },
      {
        name: "4-level walk, C: our short cut too",
        mode: "walk",
        iterations: WALK_ITERATIONS,
        target: 2,
        run: () => runWalks(mmu, WALK_ITERATIONS),
      },
    ];
    return cases.map(({ name, mode, iterations, target, run }) => {
      const { ns, sum } = best(run);
      const ours = iterations / ns * 1e9;
      if (peer === undefined) return { name, ours, peer, ratio: undefined, target };
      let peerNs = Infinity;
      for (let i = 0; i < RUNS; i++) {
        const [time, checksum] = peer(mode, iterations).trim().split(" ").map(Number);
        if ((checksum | 0) !== sum) throw new Error(`${name}: the peer came to another checksum`);
        peerNs = Math.min(peerNs, time);
      }
      return { name, ours, peer: iterations / peerNs * 1e9, ratio: ns / peerNs, target };
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

if (import.meta.main) {
  const millions = (rate: number | undefined) =>
    rate === undefined ? "no gcc" : `${(rate / 1e6).toFixed(1)} M/s`;
  for (const { name, ours, peer, ratio, target } of measureMmu()) {
    console.log(
      `${name.padEnd(36)} ${millions(ours).padStart(12)}   C ${millions(peer).padStart(12)}   ` +
        `${ratio === undefined ? "" : `${ratio.toFixed(2)}x (target ${target}x)`}`,
    );
  }
}
