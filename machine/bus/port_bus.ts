/**
 * The I/O port space: 65,536 byte ports, claimed in ranges.
 *
 * A device sees accesses of the widths that it declares; a wider access is split into
 * ascending narrower ones, as the chipset does for an 8-bit device. A port that nobody claims
 * reads as all ones, ignores writes, and is reported to {@linkcode PortBus.onUnclaimed}.
 *
 * **Not modelled:** bus wait states; the 0x80 delay.
 */

/** Access width in bytes. */
export type PortWidth = 1 | 2 | 4;

/** A device's side of its ports. */
export interface PortHandler {
  /**
   * @param port Absolute port number.
   * @param width In bytes; never more than the width that the range was claimed with.
   * @returns The value, zero-extended.
   */
  readPort(port: number, width: PortWidth): number;
  /** @param value Zero-extended to 32 bits. */
  writePort(port: number, value: number, width: PortWidth): void;
}

/** A contiguous run of ports of one device. */
export interface PortRange {
  /** Name of the device, for messages. */
  readonly device: string;
  readonly first: number;
  readonly count: number;
  /** The widest access that the device takes whole. Default 1. */
  readonly width?: PortWidth;
}

interface Claim {
  readonly range: PortRange;
  readonly handler: PortHandler;
}

/** Routes port accesses to the devices. */
export class PortBus {
  readonly #claims: (Claim | undefined)[] = new Array(0x1_0000);

  /** Told of every access to a port that nobody claims. */
  onUnclaimed: ((port: number, width: PortWidth, written: number | undefined) => void) | undefined;

  /**
   * Gives `range` to `handler`.
   *
   * @throws {RangeError} If the range leaves the port space.
   * @throws {TypeError} If a port has an owner already; nothing is claimed then.
   */
  claim(range: PortRange, handler: PortHandler): void {
    const { device, first, count } = range;
    if (!(first >= 0 && count > 0 && first + count <= 0x1_0000)) {
      throw new RangeError(
        `Cannot claim ports 0x${first.toString(16)}+${count} for ${device}: out of 0–0xffff`,
      );
    }
    for (let port = first; port < first + count; port++) {
      const owner = this.#claims[port];
      if (owner !== undefined) {
        throw new TypeError(
          `Cannot claim port 0x${port.toString(16)} for ${device}: ${owner.range.device} has it`,
        );
      }
    }
    const claim = { range, handler };
    for (let port = first; port < first + count; port++) this.#claims[port] = claim;
  }

  /** The range that owns `port`. */
  ownerOf(port: number): PortRange | undefined {
    return this.#claims[port]?.range;
  }

  /** Every claimed range once, by ascending first port. */
  ranges(): PortRange[] {
    return [...new Set(this.#claims.filter((claim) => claim !== undefined))]
      .map((claim) => claim.range);
  }

  /** Reads `width` bytes. Ports wrap at 0xffff. @returns The value as an int32. */
  read(port: number, width: PortWidth): number {
    const claim = this.#claims[port];
    if (claim === undefined) {
      this.onUnclaimed?.(port, width, undefined);
      return width === 1 ? 0xff : width === 2 ? 0xffff : -1;
    }
    const widest = claim.range.width ?? 1;
    if (width <= widest) return claim.handler.readPort(port, width) | 0;
    const half = (width >> 1) as PortWidth;
    const low = this.read(port, half);
    return low | this.read((port + half) & 0xffff, half) << (8 * half);
  }

  /** Writes the low `width` bytes of `value`. */
  write(port: number, value: number, width: PortWidth): void {
    const claim = this.#claims[port];
    const masked = width === 4 ? value >>> 0 : value & (width === 1 ? 0xff : 0xffff);
    if (claim === undefined) {
      this.onUnclaimed?.(port, width, masked);
      return;
    }
    const widest = claim.range.width ?? 1;
    if (width <= widest) {
      claim.handler.writePort(port, masked, width);
      return;
    }
    const half = (width >> 1) as PortWidth;
    this.write(port, masked, half);
    this.write((port + half) & 0xffff, masked >>> (8 * half), half);
  }
}
