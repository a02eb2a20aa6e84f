/**
 * Physical memory: the machine's one `WebAssembly.Memory`, its typed views, and what each
 * physical address is.
 *
 * ```text
 * 0x0000_0000  RAM
 * 0x000a_0000  video memory: plain bytes of the same RAM, looked at by the display
 * 0x000c_0000  ROM (writes are dropped; `loadRom` and host pokes can fill it)
 * 0x0010_0000  RAM up to the chosen size
 *              unclaimed: reads as all ones, writes vanish, reported to `onUnclaimed`
 * 0xffff_0000  the last 64 KiB below 4 GiB: alias of the ROM at 0x000f_0000
 * ```
 *
 * MMIO ranges can be claimed page by page over anything. Accesses here are physical and
 * privileged: no translation, no faults. Those of the guest come through the MMU.
 *
 * **Not modelled:** cacheability, the A20 gate's effect above 2 MiB on anything but bit 20,
 * planar video memory.
 */
import { RAM_BASE } from "./layout.ts";

export const PAGE_SIZE = 4096;
const ROM_START = 0xc_0000;
const ROM_END = 0x10_0000;
const ROM_ALIAS = 0xffff_0000;
const MIN_RAM = 1 << 20;
const MAX_RAM = 1 << 30;

/** A device behind memory addresses. */
export interface MmioHandler {
  /** @param offset From the start of the range. @param width 1, 2 or 4 bytes. */
  readMmio(offset: number, width: number): number;
  writeMmio(offset: number, value: number, width: number): void;
}

/** A page-aligned range of memory-mapped I/O. */
export interface MmioRange {
  readonly device: string;
  /** Physical address, a multiple of 4096. */
  readonly start: number;
  /** In bytes, a multiple of 4096. */
  readonly size: number;
}

interface MmioClaim extends MmioRange {
  readonly handler: MmioHandler;
}

/** Kinds of a page; the order matters to no one. */
const KIND = { RAM: 0, ROM: 1, MMIO: 2 } as const;

/** The memory of one machine. */
export class PhysicalMemory {
  readonly wasm: WebAssembly.Memory;
  readonly buffer: ArrayBuffer;
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  readonly view: DataView;
  /** Size of the guest's RAM in bytes. */
  readonly ramSize: number;

  /** Per RAM page: 1 while the CPU holds decoded code of it, so that stores must be told. */
  readonly codePages: Uint8Array;
  /** Told before bytes of a code page change: physical address and length, within one page. */
  onCodeWrite: ((address: number, length: number) => void) | undefined;
  /** Told after a device behind memory addresses was accessed. */
  onDeviceAccess: (() => void) | undefined;
  /** Told of accesses to addresses where nothing is. */
  onUnclaimed:
    | ((address: number, width: number, written: number | undefined) => void)
    | undefined;
  /** Told when the meaning of addresses changed (MMIO claimed, A20 switched). */
  onMapChange: (() => void) | undefined;

  readonly #kinds: Uint8Array;
  readonly #mmio: MmioClaim[] = [];
  #a20 = true;

  /**
   * @param ramSize In bytes: a multiple of 4096 from 1 MiB to 1 GiB.
   * @throws {RangeError} If the size is anything else.
   */
  constructor(ramSize: number) {
    if (!Number.isInteger(ramSize) || ramSize % PAGE_SIZE !== 0) {
      throw new RangeError(
        `Cannot make ${ramSize} bytes of memory: not a whole number of 4096-byte pages`,
      );
    }
    if (ramSize < MIN_RAM || ramSize > MAX_RAM) {
      throw new RangeError(`Cannot make ${ramSize} bytes of memory: not within 1 MiB and 1 GiB`);
    }
    this.ramSize = ramSize;
    const pages = Math.ceil((RAM_BASE + ramSize) / 0x1_0000);
    this.wasm = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.buffer = this.wasm.buffer as ArrayBuffer;
    this.u8 = new Uint8Array(this.buffer);
    this.u16 = new Uint16Array(this.buffer);
    this.i32 = new Int32Array(this.buffer);
    this.view = new DataView(this.buffer);
    this.codePages = new Uint8Array(ramSize / PAGE_SIZE);
    this.#kinds = new Uint8Array(ramSize / PAGE_SIZE);
    this.#kinds.fill(KIND.ROM, ROM_START / PAGE_SIZE, ROM_END / PAGE_SIZE);
  }

  /** Whether address line 20 works. When false, bit 20 of every physical address reads as 0. */
  get a20(): boolean {
    return this.#a20;
  }

  set a20(enabled: boolean) {
    if (enabled === this.#a20) return;
    this.#a20 = enabled;
    this.onMapChange?.();
  }

  /**
   * Claims an MMIO range.
   *
   * @throws {RangeError} If it is not page-aligned, empty or above 2^52.
   * @throws {TypeError} If it overlaps another one.
   */
  claimMmio(range: MmioRange, handler: MmioHandler): void {
    const { device, start, size } = range;
    const at = `0x${start.toString(16)}+0x${size.toString(16)}`;
    if (start % PAGE_SIZE !== 0 || size % PAGE_SIZE !== 0 || size <= 0 || start < 0) {
      throw new RangeError(`Cannot claim memory ${at} for ${device}: not whole pages`);
    }
    if (start + size > 2 ** 52) {
      throw new RangeError(`Cannot claim memory ${at} for ${device}: beyond 52 bits`);
    }
    const other = this.#mmio.find((claim) =>
      start < claim.start + claim.size && claim.start < start + size
    );
    if (other !== undefined) {
      throw new TypeError(
        `Cannot claim memory ${at} for ${device}: ${other.device} has part of it`,
      );
    }
    this.#mmio.push({ device, start, size, handler });
    const end = Math.min(start + size, this.ramSize);
    if (start < end) this.#kinds.fill(KIND.MMIO, start / PAGE_SIZE, end / PAGE_SIZE);
    this.onMapChange?.();
  }

  /** The claimed MMIO ranges in the order of their claims. */
  mmioRanges(): MmioRange[] {
    return this.#mmio.map(({ device, start, size }) => ({ device, start, size }));
  }

  /**
   * Where the page of a physical address lies in the memory, for reading.
   *
   * @param low,high The physical address.
   * @returns Byte offset of the page's first byte, or -1 if it is MMIO or nothing is there.
   */
  readablePage(low: number, high: number): number {
    if (high !== 0) return -1;
    const address = this.#gate(low);
    if (address < this.ramSize) {
      return this.#kinds[address >>> 12] === KIND.MMIO ? -1 : RAM_BASE + (address & ~0xfff);
    }
    if (address >= ROM_ALIAS && this.#claimAt(address) === undefined) {
      return RAM_BASE + 0xf_0000 + (address & 0xf000);
    }
    return -1;
  }

  /** Like {@linkcode readablePage} for writing: also -1 for ROM and for pages with cached code. */
  writablePage(low: number, high: number): number {
    if (high !== 0) return -1;
    const address = this.#gate(low);
    if (address >= this.ramSize) return -1;
    const page = address >>> 12;
    if (this.#kinds[page] !== KIND.RAM || this.codePages[page] !== 0) return -1;
    return RAM_BASE + (address & ~0xfff);
  }

  /** Reads a byte. */
  read8(low: number, high: number): number {
    return this.#read(low, high, 1);
  }

  /** Reads 16 bits; must not cross a page. */
  read16(low: number, high: number): number {
    return this.#read(low, high, 2);
  }

  /** Reads 32 bits as an int32; must not cross a page. */
  read32(low: number, high: number): number {
    return this.#read(low, high, 4);
  }

  write8(low: number, high: number, value: number): void {
    this.#write(low, high, value, 1);
  }

  write16(low: number, high: number, value: number): void {
    this.#write(low, high, value, 2);
  }

  write32(low: number, high: number, value: number): void {
    this.#write(low, high, value, 4);
  }

  /**
   * Copies bytes out for a person or a loader: RAM and ROM as they are, anything else as 0xff.
   * No device is touched.
   *
   * @throws {RangeError} If the range is not within 0–2^52.
   */
  peek(address: number, length: number): Uint8Array {
    this.#checkRange(address, length, "read");
    const bytes = new Uint8Array(length).fill(0xff);
    const end = Math.min(address + length, this.ramSize);
    if (address < end) {
      bytes.set(this.u8.subarray(RAM_BASE + address, RAM_BASE + end));
    }
    for (let at = Math.max(address, ROM_ALIAS); at < Math.min(address + length, 2 ** 32); at++) {
      bytes[at - address] = this.u8[RAM_BASE + 0xf_0000 + (at - ROM_ALIAS)];
    }
    return bytes;
  }

  /**
   * Puts bytes into RAM or ROM from outside of the guest.
   *
   * @throws {RangeError} If a byte would fall outside of RAM; nothing is written then.
   */
  poke(address: number, bytes: Uint8Array): void {
    this.#checkRange(address, bytes.length, "write");
    if (address + bytes.length > this.ramSize) {
      throw new RangeError(
        `Cannot write ${bytes.length} bytes at 0x${address.toString(16)}: ` +
          `memory ends at 0x${this.ramSize.toString(16)}`,
      );
    }
    if (bytes.length === 0) return;
    const end = address + bytes.length;
    for (let page = address >>> 12; page * PAGE_SIZE < end; page++) {
      if (this.codePages[page] === 0) continue;
      const from = Math.max(address, page * PAGE_SIZE);
      this.onCodeWrite?.(from, Math.min(end, (page + 1) * PAGE_SIZE) - from);
    }
    this.u8.set(bytes, RAM_BASE + address);
  }

  /** The RAM as int32 words, for hashes and snapshots. */
  ramWords(): Int32Array {
    return this.i32.subarray(RAM_BASE >> 2, (RAM_BASE + this.ramSize) >> 2);
  }

  #checkRange(address: number, length: number, verb: string): void {
    if (!Number.isSafeInteger(address) || address < 0 || !Number.isSafeInteger(length)) {
      throw new RangeError(
        `Cannot ${verb} ${length} bytes at ${address}: not a whole number from 0`,
      );
    }
    if (length < 0 || address + length > 2 ** 52) {
      throw new RangeError(
        `Cannot ${verb} ${length} bytes at 0x${address.toString(16)}: beyond 52 bits`,
      );
    }
  }

  #gate(low: number): number {
    return (this.#a20 ? low : low & ~(1 << 20)) >>> 0;
  }

  #claimAt(address: number): MmioClaim | undefined {
    for (const claim of this.#mmio) {
      if (address >= claim.start && address < claim.start + claim.size) return claim;
    }
    return undefined;
  }

  #read(low: number, high: number, width: number): number {
    const page = this.readablePage(low, high);
    if (page >= 0) {
      const at = page + (low & 0xfff);
      return width === 1
        ? this.u8[at]
        : width === 2
        ? this.view.getUint16(at, true)
        : this.view.getInt32(at, true);
    }
    const address = high * 2 ** 32 + this.#gate(low);
    const claim = this.#claimAt(address);
    if (claim !== undefined) {
      const value = claim.handler.readMmio(address - claim.start, width) | 0;
      this.onDeviceAccess?.();
      return value;
    }
    this.onUnclaimed?.(address, width, undefined);
    return width === 1 ? 0xff : width === 2 ? 0xffff : -1;
  }

  #write(low: number, high: number, value: number, width: number): void {
    const address = high * 2 ** 32 + this.#gate(low);
    if (address < this.ramSize) {
      const page = address >>> 12;
      const kind = this.#kinds[page];
      if (kind === KIND.ROM) return;
      if (kind === KIND.RAM) {
        if (this.codePages[page] !== 0) this.onCodeWrite?.(address, width);
        const at = RAM_BASE + address;
        if (width === 1) this.u8[at] = value;
        else if (width === 2) this.view.setUint16(at, value, true);
        else this.view.setInt32(at, value, true);
        return;
      }
    }
    const claim = this.#claimAt(address);
    if (claim !== undefined) {
      claim.handler.writeMmio(address - claim.start, value, width);
      this.onDeviceAccess?.();
    } else if (address < ROM_ALIAS || address > 0xffff_ffff) {
      this.onUnclaimed?.(address, width, value);
    }
  }
}
