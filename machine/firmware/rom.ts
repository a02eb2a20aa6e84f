/**
 * The BIOS's ROM: real machine code, the same for every machine.
 *
 * ```text
 * F000:E05B  power-on: vectors, chips, then INT 19h
 * F000:xxxx  one entry per interrupt, at the addresses that the IBM PC's had
 * F000:FFF0  reset vector, date, model
 * ```
 *
 * An entry executes VMCALL and returns; the hypercall's other side knows the service by the
 * address. What takes time or can be intercepted is done in guest code: handlers call INT 1Ch,
 * 4Ah, 15h/4Fh through the vectors, and waiting is a loop around HLT that the hypercall leaves by
 * moving RIP.
 *
 * @see IBM PS/2 and PC BIOS Interface Technical Reference, "Interrupts"
 */
import { FIRMWARE_WRITES } from "../devices/firmware_setup.ts";
import { vgaFont } from "../devices/vga_font.ts";
import { Assembler16 } from "./assembler16.ts";

/** Segment of the ROM; its first byte is at 0xf0000. */
export const ROM_SEGMENT = 0xf000;
export const ROM_BASE = 0xf_0000;

/** What a VMCALL of the ROM asks for. */
export type ServiceName =
  | "post"
  | "boot"
  | "noBoot"
  | "video"
  | "equipment"
  | "memorySize"
  | "disk"
  | "serial"
  | "system"
  | "waitDone"
  | "keyboard"
  | "printer"
  | "time"
  | "scancode"
  | "rtcTick";

/** Tables inside the ROM that services point guests to. */
export const ROM_TABLE = {
  /** System descriptor table of INT 15h AH=C0h. */
  CONFIGURATION: 0xe6f5,
  FLOPPY_PARAMETERS: 0xefc7,
  /** 256 glyphs of 16 rows. */
  FONT_8X16: 0xc000,
  /** 256 glyphs of 8 rows. */
  FONT_8X8: 0xd000,
  /** The first 128 of them again, where the IBM PC had them. */
  FONT_8X8_LOW: 0xfa6e,
} as const;

/** The ROM and its places. */
export interface Rom {
  /** 64 KiB. */
  readonly bytes: Uint8Array;
  /** The interrupt vectors that power-on sets: offsets in the ROM's segment. */
  readonly vectors: readonly number[];
  /** By the offset behind the VMCALL. */
  readonly services: ReadonlyMap<number, ServiceName>;
  /** Offset of a label: where a hypercall may move RIP. */
  readonly offsetOf: (label: string) => number;
}

/** Interrupt vectors that point to data, and to entries, by label. */
const VECTORS: readonly (readonly [vector: number, label: string])[] = [
  [0x08, "timer"],
  [0x09, "keyboardIrq"],
  ...[0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f].map((vector) => [vector, "masterIrq"] as const),
  [0x10, "video"],
  [0x11, "equipment"],
  [0x12, "memorySize"],
  [0x13, "disk"],
  [0x14, "serial"],
  [0x15, "system"],
  [0x16, "keyboard"],
  [0x17, "printer"],
  [0x18, "noBoot"],
  [0x19, "boot"],
  [0x1a, "time"],
  [0x1e, "floppyParameters"],
  [0x1f, "font8x8High"],
  [0x40, "disk"],
  [0x41, "diskParameters"],
  [0x43, "font8x8"],
  [0x70, "rtcIrq"],
  ...[0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77].map((vector) => [vector, "slaveIrq"] as const),
];

const END_OF_INTERRUPT = 0x20;
const PIC = { MASTER: 0x20, SLAVE: 0xa0 } as const;

/** Assembles the ROM. */
export function buildRom(): Rom {
  const a = new Assembler16();
  const services = new Map<number, ServiceName>();
  const service = (name: ServiceName) => {
    a.plain("vmcall");
    services.set(a.at, name);
  };
  /** An entry at a well-known place that does nothing but its service. */
  const entry = (at: number, name: ServiceName) => {
    a.org(at).label(name);
    service(name);
    a.plain("iret");
  };
  const acknowledge = (...ports: number[]) => {
    a.mov8("al", END_OF_INTERRUPT);
    for (const port of ports) a.db(0xe6, port);
  };

  powerOn(a, service);
  tables(a);

  // Hardware interrupts.
  a.org(0xe987).label("keyboardIrq").push("ax").inAl(0x60);
  a.mov8("ah", 0x4f).plain("stc").int(0x15).jump("jnc", "keyboardEoi");
  service("scancode");
  a.label("keyboardEoi");
  acknowledge(PIC.MASTER);
  a.pop("ax").plain("iret");
  a.label("keyboardBreak").int(0x1b).jump("jmp", "keyboardEoi");
  a.label("restart").out(0x64, 0xfe).label("restartWait").plain("hlt").jump("jmp", "restartWait");

  a.org(0xfea5).label("timer").push("ds").push("ax").push("dx").mov("ax", 0x40);
  a.movSegment("ds", "ax");
  a.db(0x66, 0xff, 0x06).dw(0x6c); // INC DWORD [006C]
  a.db(0x66, 0x81, 0x3e).dw(0x6c, 0x00b0, 0x0018); // CMP DWORD [006C], 1800B0h
  a.jump("jc", "sameDay");
  a.db(0x66, 0xc7, 0x06).dw(0x6c, 0, 0); // MOV DWORD [006C], 0
  a.db(0xfe, 0x06).dw(0x70); // INC BYTE [0070]
  a.label("sameDay").int(0x1c);
  acknowledge(PIC.MASTER);
  a.pop("dx").pop("ax").pop("ds").plain("iret");

  a.org(0xff00).label("masterIrq").push("ax");
  acknowledge(PIC.MASTER);
  a.pop("ax").plain("iret");
  a.label("slaveIrq").push("ax");
  acknowledge(PIC.SLAVE, PIC.MASTER);
  a.pop("ax").plain("iret");
  a.label("rtcIrq").push("ax");
  service("rtcTick");
  a.jump("jmp", "rtcEoi");
  a.label("rtcAlarm").int(0x4a);
  a.label("rtcEoi");
  acknowledge(PIC.SLAVE, PIC.MASTER);
  a.pop("ax").plain("iret");
  a.org(0xff53).label("dummy").plain("iret");

  // Services.
  entry(0xe3fe, "disk");
  entry(0xe739, "serial");
  entry(0xefd2, "printer");
  entry(0xf065, "video");
  entry(0xf841, "memorySize");
  entry(0xf84d, "equipment");
  entry(0xfe6e, "time");

  a.org(0xe82e).label("keyboard").plain("cli");
  service("keyboard"); // Moves RIP to keyboardDone unless a key must be waited for.
  a.plain("sti", "hlt").jump("jmp", "keyboard");
  a.label("keyboardDone").plain("iret");

  a.org(0xf859).label("system");
  service("system"); // Moves RIP to systemDone unless time must pass.
  a.label("waiting").plain("sti", "hlt").push("ds").push("ax").mov("ax", 0x40);
  a.movSegment("ds", "ax");
  a.db(0xf6, 0x06).dw(0xa0).db(0x80); // TEST BYTE [00A0], 80h
  a.pop("ax").pop("ds").jump("jz", "waiting");
  service("waitDone");
  a.label("systemDone").plain("iret");

  a.org(0xe6f2).label("boot");
  a.jump("jmp", "bootCode");
  a.org(0xe700).label("bootCode").plain("sti");
  service("boot"); // Moves RIP to bootStart when there is something to start.
  a.int(0x18);
  a.label("bootStart").jumpFar(0, 0x7c00);
  a.org(0xe720).label("noBoot");
  service("noBoot");
  a.label("noBootWait").plain("cli", "hlt").jump("jmp", "noBootWait");

  a.org(0xfff0).jumpFar(ROM_SEGMENT, "post");
  a.text("01/01/20").org(0xfffe).db(0xfc, 0x00);
  const bytes = a.finish();
  const vectors = new Array<number>(256).fill(a.offsetOf("dummy"));
  for (const [vector, label] of VECTORS) vectors[vector] = a.offsetOf(label);
  return { bytes, vectors, services, offsetOf: (label) => a.offsetOf(label) };
}

/** From the reset vector to INT 19h. */
function powerOn(a: Assembler16, service: (name: ServiceName) => void): void {
  a.org(0xe05b).label("post").plain("cli", "cld").out(0x80, 0x01);
  a.clear("ax").movSegment("ss", "ax").mov("sp", 0x7000).movSegment("es", "ax");
  // All vectors to an IRET, then those of the table.
  a.clear("di").mov("cx", 256);
  a.label("nextDummy").mov("ax", "dummy").plain("stosw").mov("ax", ROM_SEGMENT).plain("stosw");
  a.jump("loop", "nextDummy");
  a.mov("si", "vectorTable").label("nextVector").plain("csLodsw").cmpAx(0xffff);
  a.jump("jz", "vectorsDone").copy("di", "ax").plain("csLodsw", "stosw");
  a.mov("ax", ROM_SEGMENT).plain("stosw").jump("jmp", "nextVector");
  a.label("vectorsDone").out(0x80, 0x02);
  a.mov("si", "portTable").label("nextPort").plain("csLodsw").cmpAx(0xffff);
  a.jump("jz", "portsDone").copy("dx", "ax").plain("csLodsb", "outDxAl").jump("jmp", "nextPort");
  a.label("portsDone").out(0x80, 0x03);
  service("post");
  a.plain("sti").out(0x80, 0x04).int(0x19).jump("jmp", "post");

  a.label("vectorTable");
  for (const [vector, label] of VECTORS) a.dw(vector * 4, label);
  a.dw(0xffff);
  a.label("portTable");
  for (const [port, value] of [...FIRMWARE_WRITES, [0x92, 0x02]]) a.dw(port).db(value);
  a.dw(0xffff);
}

/** Data that guests are pointed to. */
function tables(a: Assembler16): void {
  // Length, model, submodel, revision, features (RTC, second PIC, keyboard intercept, EBDA).
  a.org(ROM_TABLE.CONFIGURATION).dw(8).db(0xfc, 0x00, 0x01, 0x74, 0x40, 0x00, 0x00, 0x00);
  // Step rate, DMA, motor off, 512 bytes, sectors, gap, data length, format gap, fill, settle,
  // motor start.
  a.org(ROM_TABLE.FLOPPY_PARAMETERS).label("floppyParameters");
  a.db(0xaf, 0x02, 0x25, 0x02, 0x12, 0x1b, 0xff, 0x6c, 0xf6, 0x0f, 0x08);
  a.org(0xe410).label("diskParameters").db(...new Array(16).fill(0));
  const font = vgaFont();
  // The small glyphs are every other row of the large ones.
  const small = Array.from(font.filter((_, i) => i % 2 === 0));
  a.org(ROM_TABLE.FONT_8X16).db(...font);
  a.org(ROM_TABLE.FONT_8X8).label("font8x8").db(...small);
  a.org(ROM_TABLE.FONT_8X8 + 128 * 8).label("font8x8High");
  a.org(ROM_TABLE.FONT_8X8_LOW).db(...small.slice(0, 128 * 8));
}
