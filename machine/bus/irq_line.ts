/** An interrupt request wire: a level, not an event. */
export interface IrqLine {
  /** Drives the wire. Setting the level that it has already is harmless. */
  set(level: boolean): void;
}
