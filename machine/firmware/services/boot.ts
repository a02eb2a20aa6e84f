/** What happens between power-on and the boot sector: the data area, INT 18h and INT 19h. */
import { CMOS, RTC } from "../../devices/cmos_rtc_spec.ts";
import { BDA, EBDA_SEGMENT, TICKS_PER_DAY } from "../bda.ts";
import type { BiosCall } from "../bios_call.ts";
import { CONVENTIONAL_END } from "./memory_map.ts";
import { setMode } from "./video_mode.ts";
import { teletype } from "./video_text.ts";

const BOOT_ADDRESS = 0x7c00;
const SIGNATURE_AT = 510;
const SIGNATURE = 0xaa55;

/** The equipment word: 80-column colour display, a mouse-less PC without a coprocessor. */
const EQUIPMENT = { FLOPPY: 0x0001, COLOR_80: 0x0020, FLOPPIES_SHIFT: 6, SERIAL_SHIFT: 9 } as const;

/** POST: after the ROM has set the vectors and the chips. */
export function postService(call: BiosCall): void {
  const { memory } = call;
  const warm = memory.u16(BDA.RESET_FLAG);
  memory.write(0x400, new Uint8Array(0x100));
  memory.setU16(BDA.RESET_FLAG, warm);
  memory.setU16(BDA.COM_PORTS, 0x3f8);
  memory.setU16(BDA.COM_PORTS + 2, 0x2f8);
  memory.write(BDA.COM_TIMEOUTS, new Uint8Array(4).fill(1));
  memory.setU16(BDA.EBDA_SEGMENT, EBDA_SEGMENT);
  memory.write(EBDA_SEGMENT * 16, Uint8Array.of(1, ...new Array(1023).fill(0)));
  const floppies = call.drives.count("floppy");
  const equipment = EQUIPMENT.COLOR_80 | 2 << EQUIPMENT.SERIAL_SHIFT |
    (floppies === 0 ? 0 : EQUIPMENT.FLOPPY | floppies - 1 << EQUIPMENT.FLOPPIES_SHIFT);
  memory.setU16(BDA.EQUIPMENT, equipment);
  memory.setU16(BDA.BASE_KIB, CONVENTIONAL_END / 1024);
  for (const at of [BDA.KEYBOARD_HEAD, BDA.KEYBOARD_TAIL, BDA.KEYBOARD_START]) {
    memory.setU16(at, 0x1e);
  }
  memory.setU16(BDA.KEYBOARD_END, 0x3e);
  memory.setU8(BDA.KEYBOARD_MODE, 0x10);
  memory.setU8(BDA.DISK_COUNT, call.drives.count("disk"));
  memory.setU32(BDA.TICKS, ticksOfDay(call));
  describeFloppies(call, floppies);
  setMode(call, 3);
}

/** The time of day in timer ticks. */
function ticksOfDay(call: BiosCall): number {
  const bcd = (index: number) => {
    const value = call.readCmos(index);
    return (value >> 4) * 10 + (value & 15);
  };
  const seconds = (bcd(RTC.HOURS) * 60 + bcd(RTC.MINUTES)) * 60 + bcd(RTC.SECONDS);
  return Math.floor(seconds * TICKS_PER_DAY / 86_400);
}

/** CMOS: the types of the floppy drives, the equipment, and the sum over both. */
function describeFloppies(call: BiosCall, count: number): void {
  const type = (number: number) => call.drives.get(number)?.floppyType ?? 0;
  call.writeCmos(CMOS.FLOPPIES, type(0) << 4 | type(1));
  const equipment = call.memory.u8(BDA.EQUIPMENT) & 0xc1;
  call.writeCmos(CMOS.EQUIPMENT, count === 0 ? 0x04 : equipment | 0x04);
  let sum = 0;
  for (let i = CMOS.FLOPPIES; i < CMOS.CHECKSUM_HIGH; i++) sum += call.readCmos(i);
  call.writeCmos(CMOS.CHECKSUM_HIGH, sum >> 8 & 0xff);
  call.writeCmos(CMOS.CHECKSUM_LOW, sum & 0xff);
}

/** INT 19h: the first sector of the boot drive to 0000:7C00. Without one the ROM goes to INT 18h. */
export function bootService(call: BiosCall): void {
  const { cpu, drives, memory } = call;
  const sector = drives.get(drives.bootDrive)?.read(0);
  if (
    sector === undefined || (sector[SIGNATURE_AT] | sector[SIGNATURE_AT + 1] << 8) !== SIGNATURE
  ) {
    return;
  }
  memory.write(BOOT_ADDRESS, sector);
  for (const name of ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp"] as const) cpu[name] = 0n;
  call.setSegment("es", 0);
  call.setSegment("ds", 0);
  cpu.ax = SIGNATURE;
  cpu.dl = drives.bootDrive;
  call.leaveTo("bootStart");
}

/** INT 18h: nothing to start. */
export function noBootService(call: BiosCall): void {
  const page = call.memory.u8(BDA.VIDEO_PAGE);
  for (const character of "No bootable device.\r\n") {
    teletype(call, character.charCodeAt(0), page);
  }
}
