/** Memory for people: typed reads and writes that no device, fault or clock notices. */
import { hex } from "./arch/address.ts";

/** What can be read at once: as much as the largest machine has. */
const MOST_BYTES = 2 ** 30;

/** Where the bytes come from. */
export interface ByteAccess {
  read(address: number | bigint, length: number): Uint8Array;
  write(address: number | bigint, bytes: Uint8Array): void;
}

/**
 * Bytes and little-endian integers at an address: `machine.physical`, `machine.virtual`.
 *
 * All reads and writes throw a `RangeError` when the address is not a whole number, is out of
 * range, or (through the page tables) is not mapped; nothing is written then.
 */
export class MemoryDoor {
  readonly #access: ByteAccess;

  constructor(access: ByteAccess) {
    this.#access = access;
  }

  /** Copies `length` bytes out. */
  read(address: number | bigint, length: number): Uint8Array {
    if (!Number.isSafeInteger(length) || length < 0 || length > MOST_BYTES) {
      throw new RangeError(
        `Cannot read ${length} bytes at ${
          hex(checked(address))
        }: not a whole number from 0 to 2^30`,
      );
    }
    return this.#access.read(checked(address), length);
  }

  /** Puts bytes in. */
  write(address: number | bigint, bytes: Uint8Array): void {
    if (!(bytes instanceof Uint8Array)) {
      throw new TypeError(`Cannot write at ${hex(checked(address))}: not a Uint8Array`);
    }
    this.#access.write(checked(address), bytes);
  }

  u8(address: number | bigint): number {
    return this.#view(address, 1).getUint8(0);
  }

  u16(address: number | bigint): number {
    return this.#view(address, 2).getUint16(0, true);
  }

  u32(address: number | bigint): number {
    return this.#view(address, 4).getUint32(0, true);
  }

  u64(address: number | bigint): bigint {
    return this.#view(address, 8).getBigUint64(0, true);
  }

  setU8(address: number | bigint, value: number): void {
    this.#set(address, value, 1);
  }

  setU16(address: number | bigint, value: number): void {
    this.#set(address, value, 2);
  }

  setU32(address: number | bigint, value: number): void {
    this.#set(address, value, 4);
  }

  setU64(address: number | bigint, value: number | bigint): void {
    this.#set(address, value, 8);
  }

  #view(address: number | bigint, length: number): DataView {
    const bytes = this.read(address, length);
    return new DataView(bytes.buffer, bytes.byteOffset, length);
  }

  #set(address: number | bigint, value: number | bigint, length: number): void {
    if (typeof value !== "number" && typeof value !== "bigint") {
      throw new TypeError(
        `Cannot write ${String(value)} at ${hex(checked(address))}: not a number`,
      );
    }
    if (typeof value === "number" && !Number.isInteger(value)) {
      throw new RangeError(`Cannot write ${value} at ${hex(checked(address))}: not a whole number`);
    }
    const wide = BigInt(value);
    if (wide < 0n || wide >> BigInt(length * 8) !== 0n) {
      throw new RangeError(
        `Cannot write ${value} at ${hex(checked(address))}: not within 0 and 2^${length * 8} - 1`,
      );
    }
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, wide, true);
    this.write(address, bytes.subarray(0, length));
  }
}

function checked(address: number | bigint): number | bigint {
  if (typeof address !== "number" && typeof address !== "bigint") {
    throw new TypeError(`Cannot use ${String(address)} as an address: not a number`);
  }
  if (address < 0 || (typeof address === "number" && !Number.isSafeInteger(address))) {
    throw new RangeError(`Cannot use ${address} as an address: not a whole number from 0`);
  }
  return address;
}
