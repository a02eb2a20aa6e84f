/**
 * ROMs for lock-step and for QEMU's side of the benchmarks: 64 KiB ending at 1 MiB and at 4 GiB,
 * so that both machines start at F000:FFF0 with the same bytes and nothing else.
 */

export const ROM_SIZE = 0x1_0000;
const HEADER_ADDRESS = 0xf_0000;

/** The loader's code (`images/loader.asm`): 4 KiB for the ROM's end. */
export function loader(): Uint8Array {
  return Deno.readFileSync(new URL("./images/loader.bin", import.meta.url));
}

/** A ROM with `image` at its end. @throws {RangeError} If it is larger than 64 KiB. */
export function romFromImage(image: Uint8Array): Uint8Array {
  if (image.length > ROM_SIZE) {
    throw new RangeError(`Cannot make a ROM of ${image.length} bytes: 64 KiB at most`);
  }
  const rom = new Uint8Array(ROM_SIZE);
  rom.set(image, ROM_SIZE - image.length);
  return rom;
}

/**
 * A ROM that boots an ELF program: the loader, and the program's segments.
 *
 * @throws {TypeError} If it is no ELF32 or ELF64 file.
 * @throws {RangeError} If its segments do not fit.
 */
export function romFromElf(elf: Uint8Array): Uint8Array {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  if (elf.length < 64 || view.getUint32(0) !== 0x7f454c46) {
    throw new TypeError("Cannot make a ROM: not an ELF file");
  }
  const long = elf[4] === 2;
  const word = (at: number) =>
    long ? Number(view.getBigUint64(at, true)) : view.getUint32(at, true);
  const rom = romFromImage(loader());
  const header = new DataView(rom.buffer);
  header.setUint32(0, long ? 64 : 32, true);
  header.setUint32(4, word(24), true);
  const first = word(long ? 32 : 28);
  const size = view.getUint16(long ? 54 : 42, true);
  const count = view.getUint16(long ? 56 : 44, true);
  let entry = 12;
  let at = 0x100;
  for (let i = 0; i < count; i++) {
    const ph = first + i * size;
    if (view.getUint32(ph, true) !== 1) continue;
    const offset = word(ph + (long ? 8 : 4));
    const target = word(ph + (long ? 24 : 12));
    const length = word(ph + (long ? 32 : 16));
    if (at + length > ROM_SIZE - 0x1000) {
      throw new RangeError(`Cannot make a ROM: a segment of ${length} bytes does not fit`);
    }
    rom.set(elf.subarray(offset, offset + length), at);
    header.setUint32(entry, HEADER_ADDRESS + at, true);
    header.setUint32(entry + 4, target, true);
    header.setUint32(entry + 8, length, true);
    entry += 12;
    at += (length + 15) & ~15;
  }
  header.setUint32(8, (entry - 12) / 12, true);
  return rom;
}
