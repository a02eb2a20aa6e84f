/** What the board needs of every device: its ports, and its state as plain data. */
import type { PortHandler, PortRange } from "./port_bus.ts";
import type { DeviceState } from "./state_format.ts";

/** A device on the port bus. */
export interface Device extends PortHandler {
  /** The ports that the board claims for it. */
  readonly ports: readonly PortRange[];
  /** The RESET wire: back to the power-on state (wires and batteries keep what they have). */
  reset(): void;
  /** Its state as a plain object that survives JSON, with the device's name and a version. */
  saveState(): DeviceState;
  /**
   * Takes a state over, re-arms its alarms and drives its lines. The clock is expected to show
   * the time of the snapshot already.
   *
   * @throws {TypeError} If a field is missing, unknown or of the wrong type.
   * @throws {RangeError} If a value, the device's name or the version does not fit.
   * In both cases nothing has changed.
   */
  loadState(state: unknown): void;
}
