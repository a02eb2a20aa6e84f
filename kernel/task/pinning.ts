/**
 * Why futures are pinned: a state machine whose state has a reference into itself, as bytes.
 *
 * ```text
 * async fn pin_example() -> i32 {               offset
 *     let array = [1, 2, 3];                      0  u32 array[3]
 *     let element = &array[2];                   16  u64 element: address of array[2]
 *     async_write_file("foo.txt", …).await;      24  u32 state
 *     *element
 * }
 * ```
 *
 * Moved in memory, the bytes stay the same: `element` points to where the array was.
 */
import type { Machine } from "../../machine/mod.ts";

const ARRAY = 0;
const ELEMENT = 16;
const STATE = 24;

/** Bytes of the struct. */
export const SELF_REFERENTIAL_BYTES = 32;

/** What moving needs: a guest's memcpy. */
export interface PinningHost {
  readonly machine: Machine;
  memcpy(to: number | bigint, from: number | bigint, bytes: number): void;
}

/** The struct as plain data. */
export interface SelfReferentialState {
  readonly address: number;
  readonly array: readonly number[];
  /** Where the reference points. */
  readonly element: number;
  /** Where `array[2]` is. */
  readonly target: number;
  /** What is read through the reference. */
  readonly value: number;
  readonly isDangling: boolean;
}

/** The state of `pin_example` while it waits. */
export class SelfReferential {
  readonly #host: PinningHost;
  #address: number;
  #pinned = false;

  /** @param address Of {@linkcode SELF_REFERENTIAL_BYTES} bytes of guest memory. */
  constructor(host: PinningHost, address: number, array: readonly [number, number, number]) {
    this.#host = host;
    this.#address = address;
    const { cpu } = host.machine;
    array.forEach((value, i) => cpu.store32(address + ARRAY + 4 * i, value));
    cpu.store64(address + ELEMENT, address + ARRAY + 8);
    cpu.store32(address + STATE, 1);
  }

  get address(): number {
    return this.#address;
  }

  /** Whether it may not be moved any more. */
  get pinned(): boolean {
    return this.#pinned;
  }

  /** `Pin::new`: from now on it stays where it is. */
  pin(): this {
    this.#pinned = true;
    return this;
  }

  /**
   * Moves it, as `mem::replace` or a growing `Vec` does: copies the bytes, and no more.
   *
   * @throws {TypeError} If it is pinned: what the compiler refuses.
   */
  moveTo(address: number): void {
    if (this.#pinned) {
      throw new TypeError("Cannot move a pinned future: PhantomPinned is not Unpin");
    }
    this.#host.memcpy(address, this.#address, SELF_REFERENTIAL_BYTES);
    this.#address = address;
  }

  /** The last line of the function: loads through the reference. */
  dereference(): number {
    const { cpu } = this.#host.machine;
    return cpu.load32(cpu.load64(this.#address + ELEMENT));
  }

  /** The bytes, without time passing. */
  inspect(): SelfReferentialState {
    const { virtual } = this.#host.machine;
    const address = this.#address;
    const element = Number(virtual.u64(address + ELEMENT));
    const target = address + ARRAY + 8;
    return {
      address,
      array: [0, 4, 8].map((offset) => virtual.u32(address + ARRAY + offset)),
      element,
      target,
      value: virtual.u32(element),
      isDangling: element !== target,
    };
  }
}
