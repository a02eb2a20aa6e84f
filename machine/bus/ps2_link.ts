/**
 * The two wires between the 8042 and a PS/2 device, as the two ends see them.
 *
 * The controller decides when a byte may travel (it holds the clock line); the device keeps what
 * it has to say until then.
 */

/** A PS/2 device as its controller sees it. */
export interface Ps2Device {
  /** Called by the device when it has got something to say. The controller sets it. */
  onData: (() => void) | undefined;
  /** Whether a byte waits. */
  readonly ready: boolean;
  /** Takes the next byte. @returns 0–255, or `undefined` when none waits. */
  take(): number | undefined;
  /** The host sends a byte: a command or its parameter. */
  receive(byte: number): void;
}
