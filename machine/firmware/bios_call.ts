/**
 * One BIOS call as its service sees it: the caller's registers, its FLAGS on the stack, memory,
 * ports. Everything that a service does goes through here.
 */
import type { PortBus } from "../bus/port_bus.ts";
import type { CpuDoor } from "../cpu_door.ts";
import type { Events } from "../events.ts";
import type { MemoryDoor } from "../peek.ts";
import type { Drives } from "./drives.ts";
import { ROM_BASE } from "./rom.ts";

/** What the firmware is built into. */
export interface FirmwareHost {
  readonly cpu: CpuDoor;
  readonly memory: MemoryDoor;
  readonly ports: PortBus;
  readonly events: Events;
  /** RAM in bytes. */
  readonly ramSize: number;
  /** The guest switches the machine off. */
  readonly powerOff: () => void;
}

const FLAG = { CF: 0x01, ZF: 0x40 } as const;

/** Segment registers that calls take pointers in. */
export type PointerSegment = "es" | "ds" | "ss";

/** The machine at the moment of a call. */
export class BiosCall {
  readonly cpu: CpuDoor;
  readonly memory: MemoryDoor;
  readonly ports: PortBus;

  /** @param leaveTo Moves RIP to a label of the ROM. */
  constructor(
    readonly host: FirmwareHost,
    readonly drives: Drives,
    readonly leaveTo: (label: string) => void,
  ) {
    this.cpu = host.cpu;
    this.memory = host.memory;
    this.ports = host.ports;
  }

  /** CF as the caller will find it. */
  set carry(on: boolean) {
    this.#setFlag(FLAG.CF, on);
  }

  /** ZF as the caller will find it. */
  set zero(on: boolean) {
    this.#setFlag(FLAG.ZF, on);
  }

  /** The linear address of segment:offset, with the segment's cached base. */
  linear(segment: PointerSegment, offset: number): number {
    return Number(this.cpu[segment].base & 0xffff_ffffn) + (offset & 0xffff);
  }

  /** Loads a segment register as real mode does. */
  setSegment(segment: PointerSegment, selector: number): void {
    this.cpu[segment].selector = selector;
    this.cpu[segment].base = BigInt(selector) << 4n;
  }

  /** Bytes at a physical address; beyond memory as a bus would give them. */
  read(address: number, length: number): Uint8Array {
    return this.memory.read(address, length);
  }

  /** Stores as the guest would: nothing changes where there is ROM or nothing. */
  write(address: number, bytes: Uint8Array): void {
    const { ramSize } = this.host;
    for (
      const [from, to] of [[0, 0xc_0000], [0x10_0000, ramSize]] as const
    ) {
      const start = Math.max(address, from);
      const end = Math.min(address + bytes.length, to);
      if (start < end) {
        this.memory.write(start, bytes.subarray(start - address, end - address));
      }
    }
  }

  /** A null-padded record at segment:offset. */
  writeRecord(segment: PointerSegment, offset: number, bytes: Uint8Array): void {
    this.write(this.linear(segment, offset), bytes);
  }

  /** Tells of something that this BIOS does not have. */
  report(message: string): void {
    this.host.events.emit("device", { device: "bios", message });
  }

  /** A function that this BIOS does not have: told, and CF with AH = 86h. */
  unsupported(interrupt: number): void {
    this.reportUnsupported(interrupt);
    this.cpu.ah = 0x86;
    this.carry = true;
  }

  /** The same for interrupts that have no CF to answer with. */
  reportUnsupported(interrupt: number): void {
    this.report(`INT ${hex(interrupt, 2)}h AX=${hex(this.cpu.ax, 4)}h is not supported`);
  }

  /** Reads a byte of CMOS memory through the ports. */
  readCmos(index: number): number {
    this.ports.write(0x70, index, 1);
    return this.ports.read(0x71, 1);
  }

  writeCmos(index: number, value: number): void {
    this.ports.write(0x70, index, 1);
    this.ports.write(0x71, value, 1);
  }

  /** The interrupt frame is IP, CS, FLAGS. */
  #setFlag(bit: number, on: boolean): void {
    const at = this.linear("ss", this.cpu.sp + 4);
    const flags = this.memory.u16(at);
    this.write(at, word(on ? flags | bit : flags & ~bit));
  }
}

function word(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, value >> 8 & 0xff);
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, "0");
}

/** The linear address of an offset in the ROM. */
export function romAddress(offset: number): number {
  return ROM_BASE + offset;
}
