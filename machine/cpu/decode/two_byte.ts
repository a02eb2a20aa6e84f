/**
 * The two-byte opcode map, 0F xx: the integer part. {@linkcode VECTOR_0F} has the rest.
 *
 * @see Intel SDM Vol. 2, "Two-Byte Opcode Map"
 */

import { GROUP_15, GROUP_6, GROUP_7, GROUP_8, GROUP_9 } from "./groups.ts";
import { compileTable, type OpcodeTable, range } from "./table.ts";
import { VECTOR_0F } from "./vector.ts";

const TABLE: OpcodeTable = {
  ...VECTOR_0F,
  0x00: GROUP_6,
  0x01: GROUP_7,
  0x02: "lar Gv,Ew",
  0x03: "lsl Gv,Ew",
  0x05: "syscall",
  0x06: "clts",
  0x07: "sysret",
  0x08: "invd",
  // F3: WBNOINVD, which without its CPUID bit is WBINVD.
  0x09: "wbinvd",
  0x0b: "ud ;UD2",
  0x0d: "nop Ev",
  0x0e: "ud ;3DNow!: femms",
  0x0f: "ud modrm imm8 ;3DNow!",
  // Prefetches, MPX, CLDEMOTE, RDSSP, ENDBR: hints, or NOPs to those who do not know them.
  ...range(0x18, 0x1f, "nop Ev"),
  0x20: "mov_cr_read Rn,Cn flat",
  0x21: "mov_dr_read Rn,Dn flat",
  0x22: "mov_cr_write Cn,Rn flat",
  0x23: "mov_dr_write Dn,Rn flat",
  0x30: "wrmsr",
  0x31: "rdtsc",
  0x32: "rdmsr",
  0x33: "rdpmc",
  0x34: "sysenter",
  0x35: "sysexit",
  0x37: { none: "ud ;SMX: getsec" },
  ...range(0x40, 0x4f, "cmovcc cc,Gv,Ev"),
  ...range(0x80, 0x8f, "jcc cc,Jz f64"),
  ...range(0x90, 0x9f, "setcc cc,Eb"),
  0xa0: "push_sreg FS d64",
  0xa1: "pop_sreg FS d64",
  0xa2: "cpuid",
  0xa3: "bt Ev,Gv",
  0xa4: "shld Ev,Gv,Ib",
  0xa5: "shld Ev,Gv,CL",
  0xa6: "ud modrm reg ;VIA PadLock",
  0xa7: "ud modrm reg ;VIA PadLock",
  0xa8: "push_sreg GS d64",
  0xa9: "pop_sreg GS d64",
  0xaa: "ud ;RSM outside of system management mode",
  0xab: "bts Ev,Gv lock",
  0xac: "shrd Ev,Gv,Ib",
  0xad: "shrd Ev,Gv,CL",
  0xae: GROUP_15,
  0xaf: "imul2 Gv,Gv,Ev",
  0xb0: "cmpxchg Eb,Gb lock",
  0xb1: "cmpxchg Ev,Gv lock",
  0xb2: "load_far SS,Gv,Mp",
  0xb3: "btr Ev,Gv lock",
  0xb4: "load_far FS,Gv,Mp",
  0xb5: "load_far GS,Gv,Mp",
  0xb6: "movzx Gv,Eb",
  0xb7: "movzx Gv,Ew",
  0xb8: { xf3: "popcnt Gv,Ev" },
  0xb9: "ud modrm ;UD1",
  0xba: GROUP_8,
  0xbb: "btc Ev,Gv lock",
  0xbc: { none: "bsf Gv,Ev", x66: "bsf Gv,Ev", xf3: "tzcnt Gv,Ev", xf2: "bsf Gv,Ev" },
  0xbd: { none: "bsr Gv,Ev", x66: "bsr Gv,Ev", xf3: "lzcnt Gv,Ev", xf2: "bsr Gv,Ev" },
  0xbe: "movsx Gv,Eb",
  0xbf: "movsx Gv,Ew",
  0xc0: "xadd Eb,Gb lock",
  0xc1: "xadd Ev,Gv lock",
  0xc3: { none: "movnti My,Gy" },
  0xc7: GROUP_9,
  ...range(0xc8, 0xcf, "bswap Zv"),
  0xff: "ud modrm ;UD0",
};

/** 256 entries by the byte after 0F. */
export const TWO_BYTE = compileTable(TABLE);
