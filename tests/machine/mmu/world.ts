/** A machine's MMU with nothing around it, and short words for what the tests do with it. */
import { CR0, CR4, EFER } from "../../../machine/arch/control_registers.ts";
import { GUEST_FAULT } from "../../../machine/arch/exceptions.ts";
import { RFLAGS } from "../../../machine/arch/rflags.ts";
import { Events } from "../../../machine/events.ts";
import { RAM_BASE, SEG, SEGMENT, SEGMENT_BYTES, STATE } from "../../../machine/memory/layout.ts";
import { PhysicalMemory } from "../../../machine/memory/physical.ts";
import { ACCESS } from "../../../machine/mmu/access.ts";
import { Mmu } from "../../../machine/mmu/mmu.ts";
import type { Controls, Kind, Request, Who } from "./oracle.ts";

export const WHO_BITS: Record<Who, number> = {
  user: ACCESS.USER,
  supervisor: 0,
  implicit: ACCESS.IMPLICIT,
};

/** A fault as the state block has it. */
export interface RaisedFault {
  readonly vector: number;
  readonly error: number;
  readonly address: bigint;
}

export const low = (value: bigint) => Number(BigInt.asIntN(32, value));
export const high = (value: bigint) => Number(BigInt.asIntN(32, value >> 32n));

export class World {
  readonly memory: PhysicalMemory;
  readonly events = new Events();
  readonly mmu: Mmu;
  readonly i32: Int32Array;

  constructor(ramSize = 1 << 20) {
    this.memory = new PhysicalMemory(ramSize);
    this.mmu = new Mmu(this.memory, this.events);
    this.events.onWantsChange = () => this.mmu.hooksChanged();
    this.i32 = this.memory.i32;
    this.i32[STATE.flagsRest >> 2] = RFLAGS.FIXED;
  }

  /** Sets the control registers and tells the MMU, without any flush. */
  control(c: Partial<Controls> & { pge?: boolean; am?: boolean }): void {
    this.i32[STATE.cr0 >> 2] = CR0.PE | (c.mode === undefined ? 0 : CR0.PG) |
      (c.wp ? CR0.WP : 0) | (c.am ? CR0.AM : 0);
    this.i32[STATE.cr4 >> 2] = (c.mode === "PAE" || c.mode === "4-level" ? CR4.PAE : 0) |
      (c.smep ? CR4.SMEP : 0) | (c.smap ? CR4.SMAP : 0) | (c.pse ? CR4.PSE : 0) |
      (c.pge ? CR4.PGE : 0);
    this.i32[STATE.efer >> 2] = (c.mode === "4-level" ? EFER.LME | EFER.LMA : 0) |
      (c.nxe ? EFER.NXE : 0);
    this.i32[(STATE.segments + SEG.CS * SEGMENT_BYTES + SEGMENT.attributes) >> 2] =
      c.mode === "4-level" ? 0xa09b : 0xc09b;
    this.setAc(c.ac ?? false);
    this.mmu.modeChanged();
  }

  setAc(ac: boolean): void {
    const at = STATE.flagsRest >> 2;
    this.i32[at] = (this.i32[at] & ~RFLAGS.AC) | (ac ? RFLAGS.AC : 0);
    this.mmu.privilegeViewChanged();
  }

  set cr3(value: bigint) {
    this.i32[STATE.cr3 >> 2] = low(value);
    this.i32[(STATE.cr3 >> 2) + 1] = high(value);
  }

  setPdpte(index: number, value: bigint): void {
    this.i32[(STATE.pdpte >> 2) + index * 2] = low(value);
    this.i32[(STATE.pdpte >> 2) + index * 2 + 1] = high(value);
  }

  /** Puts a value into physical memory behind everybody's back. */
  put(address: number, value: bigint, bytes: 4 | 8): void {
    this.i32[(RAM_BASE + address) >> 2] = low(value);
    if (bytes === 8) this.i32[((RAM_BASE + address) >> 2) + 1] = high(value);
  }

  get(address: number, bytes: 4 | 8): bigint {
    const at = (RAM_BASE + address) >> 2;
    const lowWord = BigInt(this.i32[at] >>> 0);
    return bytes === 4 ? lowWord : (BigInt(this.i32[at + 1] >>> 0) << 32n) | lowWord;
  }

  get ram(): Uint8Array {
    return this.memory.u8.subarray(RAM_BASE, RAM_BASE + this.memory.ramSize);
  }

  get epoch(): number {
    return this.i32[STATE.epoch >> 2];
  }

  /** Runs an access; a guest fault becomes a value, anything else goes on flying. */
  attempt<T>(access: () => T): T | RaisedFault {
    try {
      return access();
    } catch (error) {
      if (error !== GUEST_FAULT) throw error;
      return {
        vector: this.i32[STATE.faultVector >> 2],
        error: this.i32[STATE.faultError >> 2],
        address: (BigInt(this.i32[(STATE.faultAddress >> 2) + 1] >>> 0) << 32n) |
          BigInt(this.i32[STATE.faultAddress >> 2] >>> 0),
      };
    }
  }

  load32(linear: bigint, bits = 0): number | RaisedFault {
    return this.attempt(() => this.mmu.load32(low(linear), high(linear), bits));
  }

  store32(linear: bigint, value: number, bits = 0): void | RaisedFault {
    return this.attempt(() => this.mmu.store32(low(linear), high(linear), value, bits));
  }

  fetch(linear: bigint, user = false): number | RaisedFault {
    return this.attempt(() => this.mmu.fetchPage(low(linear), high(linear), user));
  }

  /** Does what a request says. Loads return the value, stores write `value`. */
  perform(request: Request, value: number): number | void | RaisedFault {
    const bits = WHO_BITS[request.who];
    const actions: Record<Kind, () => number | void | RaisedFault> = {
      read: () => this.load32(request.linear, bits),
      write: () => this.store32(request.linear, value, bits),
      rmw: () => this.load32(request.linear, bits | ACCESS.WRITE),
      execute: () => this.fetch(request.linear, request.who === "user"),
    };
    return actions[request.kind]();
  }
}
