/**
 * What a Multiboot loader tells a kernel: memory, command line, modules, as bytes.
 *
 * @see Multiboot Specification version 0.6.96, "Boot information format"
 * @see Multiboot2 Specification version 2.0, "Boot information format"
 */

/** What EAX holds when the kernel starts. */
export const MULTIBOOT_ANSWER = { 1: 0x2bad_b002, 2: 0x36d7_6289 } as const;

/** A range of memory with the type that E820 gives it. */
export interface MultibootRange {
  readonly start: number;
  readonly size: number;
  readonly type: number;
}

/** A file beside the kernel. */
export interface PlacedModule {
  readonly start: number;
  readonly size: number;
  readonly commandLine: string;
}

/** What is to be told. */
export interface MultibootFacts {
  readonly ramSize: number;
  readonly map: readonly MultibootRange[];
  readonly commandLine: string;
  readonly modules: readonly PlacedModule[];
}

const LOADER_NAME = "ring0";
const INFO_BYTES = 116;
const FLAG = { MEMORY: 1, COMMAND_LINE: 4, MODULES: 8, MAP: 64, LOADER: 512 } as const;
const MIB = 1 << 20;
const MAX_LOW_KIB = 639;

/** Writes little-endian words, and text with its zero. */
class Writer {
  readonly bytes: number[] = [];

  u32(...values: readonly number[]): void {
    for (const value of values) {
      for (let shift = 0; shift < 32; shift += 8) this.bytes.push(value >>> shift & 0xff);
    }
  }

  u64(value: number): void {
    this.u32(value % 2 ** 32, Math.floor(value / 2 ** 32));
  }

  text(value: string): void {
    this.bytes.push(...new TextEncoder().encode(value), 0);
  }

  align(to: number): void {
    while (this.bytes.length % to !== 0) this.bytes.push(0);
  }
}

/**
 * The boot information of version 1, with everything that it points to behind it.
 *
 * @param base Where it will lie.
 */
export function multiboot1Info(facts: MultibootFacts, base: number): Uint8Array {
  const { map, modules, commandLine, ramSize } = facts;
  const rest = new Writer();
  const here = () => base + INFO_BYTES + rest.bytes.length;
  const mapAt = here();
  for (const { start, size, type } of map) {
    rest.u32(20);
    rest.u64(start);
    rest.u64(size);
    rest.u32(type);
  }
  const texts = modules.map((module) => {
    const at = here();
    rest.text(module.commandLine);
    return at;
  });
  const commandLineAt = here();
  rest.text(commandLine);
  const nameAt = here();
  rest.text(LOADER_NAME);
  rest.align(4);
  const modulesAt = here();
  modules.forEach(({ start, size }, i) => rest.u32(start, start + size, texts[i], 0));

  const info = new Writer();
  const flags = FLAG.MEMORY | FLAG.COMMAND_LINE | FLAG.MAP | FLAG.LOADER |
    (modules.length > 0 ? FLAG.MODULES : 0);
  info.u32(flags, MAX_LOW_KIB, (ramSize - MIB) / 1024, 0, commandLineAt);
  info.u32(modules.length, modules.length > 0 ? modulesAt : 0);
  info.u32(0, 0, 0, 0); // Symbols.
  info.u32(map.length * 24, mapAt);
  info.u32(0, 0, 0, nameAt); // Drives, configuration table.
  while (info.bytes.length < INFO_BYTES) info.u32(0);
  return Uint8Array.from([...info.bytes, ...rest.bytes]);
}

/** Tags of version 2. */
const TAG = { END: 0, COMMAND_LINE: 1, LOADER: 2, MODULE: 3, MEMORY: 4, MAP: 6 } as const;
const MAP_ENTRY_BYTES = 24;

/** The boot information of version 2: tags, each aligned to 8. */
export function multiboot2Info(facts: MultibootFacts): Uint8Array {
  const { map, modules, commandLine, ramSize } = facts;
  const out = new Writer();
  out.u32(0, 0);
  const tag = (type: number, write: (body: Writer) => void) => {
    const body = new Writer();
    write(body);
    out.u32(type, 8 + body.bytes.length);
    out.bytes.push(...body.bytes);
    out.align(8);
  };
  tag(TAG.COMMAND_LINE, (body) => body.text(commandLine));
  tag(TAG.LOADER, (body) => body.text(LOADER_NAME));
  for (const { start, size, commandLine } of modules) {
    tag(TAG.MODULE, (body) => {
      body.u32(start, start + size);
      body.text(commandLine);
    });
  }
  tag(TAG.MEMORY, (body) => body.u32(MAX_LOW_KIB, (ramSize - MIB) / 1024));
  tag(TAG.MAP, (body) => {
    body.u32(MAP_ENTRY_BYTES, 0);
    for (const { start, size, type } of map) {
      body.u64(start);
      body.u64(size);
      body.u32(type, 0);
    }
  });
  tag(TAG.END, () => {});
  const bytes = Uint8Array.from(out.bytes);
  new DataView(bytes.buffer).setUint32(0, bytes.length, true);
  return bytes;
}
