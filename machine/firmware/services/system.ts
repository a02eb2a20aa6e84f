/**
 * INT 15h: the rest of the system.
 *
 * | AX or AH | what |
 * |---|---|
 * | 2400h–2403h | A20 off, on, status, support |
 * | 4Fh | keyboard intercept: the scancode is taken as it is |
 * | 53xxh | power management: only to switch off, see `power.ts` |
 * | 83h, 86h | timed event, timed wait: by the real-time clock's periodic interrupt |
 * | 87h | copy from and to anywhere |
 * | 88h, E801h, E881h, E820h | sizes of memory |
 * | 90h, 91h | device busy, ready: nothing to do |
 * | C0h, C1h | configuration table, extended data area |
 *
 * @see IBM PS/2 and PC BIOS Interface Technical Reference, "Interrupt 15h"
 * @see ACPI Specification, "INT 15H, E820H - Query System Address Map"
 */
import { OUTPUT_PORT, PS2_COMMAND, PS2_PORT } from "../../devices/ps2_controller_spec.ts";
import { BDA, EBDA_SEGMENT } from "../bda.ts";
import type { BiosCall } from "../bios_call.ts";
import { ROM_SEGMENT, ROM_TABLE } from "../rom.ts";
import { extendedMemory, memoryMap } from "./memory_map.ts";
import { powerService } from "./power.ts";
import { startWait, stopWait } from "./wait.ts";

const SMAP = 0x534d_4150;
/** Without the extended attributes of ACPI 3.0, as most BIOSes answer. */
const ENTRY_BYTES = 20;
const A20_PORT = 0x92;
const A20_BIT = 0x02;
/** Of the keyboard controller: no reset, and its clock and data lines free. */
const OUTPUTS = 0xdd;

export function systemService(call: BiosCall): void {
  if (answer(call)) call.leaveTo("systemDone");
}

/** @returns False when the caller must wait. */
function answer(call: BiosCall): boolean {
  const { cpu } = call;
  switch (cpu.ah) {
    case 0x24:
      a20(call);
      return true;
    case 0x4f:
      // CF stays as the caller set it.
      return true;
    case 0x53:
      powerService(call);
      return true;
    case 0x83:
      timedEvent(call);
      return true;
    case 0x86:
      return !timedWait(call);
    case 0x87:
      copyBlock(call);
      return true;
    case 0x88: {
      const { kibBelow16, unitsAbove16 } = extendedMemory(call.host.ramSize);
      cpu.ax = Math.min(0xfc00, kibBelow16 + unitsAbove16 * 64);
      call.carry = false;
      return true;
    }
    case 0x90:
    case 0x91:
      cpu.ah = 0;
      call.carry = false;
      return true;
    case 0xc0:
      call.setSegment("es", ROM_SEGMENT);
      cpu.bx = ROM_TABLE.CONFIGURATION;
      cpu.ah = 0;
      call.carry = false;
      return true;
    case 0xc1:
      call.setSegment("es", EBDA_SEGMENT);
      call.carry = false;
      return true;
    case 0xe8:
      memorySizes(call);
      return true;
    default:
      call.unsupported(0x15);
      return true;
  }
}

function a20(call: BiosCall): void {
  const { cpu, ports } = call;
  const control = ports.read(A20_PORT, 1);
  switch (cpu.al) {
    case 0:
    case 1: {
      // Either of the two gates keeps the line on.
      const on = cpu.al === 1;
      ports.write(A20_PORT, on ? control | A20_BIT : control & ~A20_BIT & 0xff, 1);
      ports.write(PS2_PORT.COMMAND, PS2_COMMAND.WRITE_OUTPUT_PORT, 1);
      ports.write(PS2_PORT.DATA, on ? OUTPUTS | OUTPUT_PORT.A20 : OUTPUTS, 1);
      break;
    }
    case 2:
      cpu.al = control >> 1 & 1;
      break;
    case 3:
      cpu.bx = 3; // By the keyboard controller, and by port 0x92.
      break;
    default:
      return call.unsupported(0x15);
  }
  cpu.ah = 0;
  call.carry = false;
}

function memorySizes(call: BiosCall): void {
  const { cpu } = call;
  const { ramSize } = call.host;
  if (cpu.al === 0x20) return mapEntry(call);
  if (cpu.al !== 0x01 && cpu.al !== 0x81) return call.unsupported(0x15);
  const { kibBelow16, unitsAbove16 } = extendedMemory(ramSize);
  if (cpu.al === 0x01) {
    cpu.ax = cpu.cx = kibBelow16;
    cpu.bx = cpu.dx = unitsAbove16;
  } else {
    cpu.eax = cpu.ecx = kibBelow16;
    cpu.ebx = cpu.edx = unitsAbove16;
  }
  call.carry = false;
}

function mapEntry(call: BiosCall): void {
  const { cpu } = call;
  const map = memoryMap(call.host.ramSize);
  const index = cpu.ebx;
  if (cpu.edx !== SMAP || cpu.ecx < ENTRY_BYTES || index >= map.length) {
    return call.unsupported(0x15);
  }
  const { start, size, type } = map[index];
  const record = new DataView(new ArrayBuffer(ENTRY_BYTES));
  record.setBigUint64(0, BigInt(start), true);
  record.setBigUint64(8, BigInt(size), true);
  record.setUint32(16, type, true);
  call.write(call.linear("es", cpu.di), new Uint8Array(record.buffer));
  cpu.eax = SMAP;
  cpu.ebx = index + 1 === map.length ? 0 : index + 1;
  cpu.ecx = ENTRY_BYTES;
  call.carry = false;
}

/** 87h: CX words, between two descriptors of the table at ES:SI. */
function copyBlock(call: BiosCall): void {
  const { cpu, memory } = call;
  const table = call.linear("es", cpu.si);
  const base = (descriptor: number) =>
    memory.u16(descriptor + 2) + memory.u8(descriptor + 4) * 0x1_0000 +
    memory.u8(descriptor + 7) * 0x100_0000;
  const bytes = call.read(base(table + 0x10), (cpu.cx & 0x7fff) * 2 || 0x1_0000);
  call.write(base(table + 0x18), cpu.cx === 0 ? new Uint8Array(0) : bytes);
  cpu.ah = 0;
  call.carry = false;
  call.zero = true;
}

const microseconds = ({ cpu }: BiosCall) => cpu.cx * 0x1_0000 + cpu.dx;

function timedEvent(call: BiosCall): void {
  const { cpu, memory } = call;
  call.carry = false;
  if (cpu.al === 1) return stopWait(call);
  if ((memory.u8(BDA.WAIT_ACTIVE) & 1) !== 0) {
    call.carry = true;
    return;
  }
  startWait(call, cpu.es.selector, cpu.bx, microseconds(call));
}

/** @returns Whether the caller waits now. */
function timedWait(call: BiosCall): boolean {
  const { memory } = call;
  if ((memory.u8(BDA.WAIT_ACTIVE) & 1) !== 0) {
    call.cpu.ah = 0x83;
    call.carry = true;
    return false;
  }
  startWait(call, 0x40, BDA.WAIT_ACTIVE - 0x400, microseconds(call));
  return true;
}

/** After the wait of 86h. */
export function waitDoneService(call: BiosCall): void {
  call.memory.setU8(BDA.WAIT_ACTIVE, 0);
  call.carry = false;
}
