/** The state of a 16550A, and what it is after power-on. */
import {
  byte,
  byteText,
  type Checked,
  fields,
  flag,
  integer,
  list,
  nullable,
  timeNs,
} from "../bus/state_format.ts";
import { FIFO_SIZE } from "./uart16550_spec.ts";

/** The fields of a UART's state. */
export const UART_STATE = fields({
  ier: byte,
  lcr: byte,
  mcr: byte,
  /** OE alone is kept; the other bits follow from the rest. */
  overrun: flag,
  /** Delta bits of MSR. */
  deltas: integer(0, 15),
  scr: byte,
  divisor: integer(0, 0xffff),
  fifos: flag,
  trigger: integer(0, 3),
  received: list(byte, 0, FIFO_SIZE),
  waiting: list(byte, 0, FIFO_SIZE),
  /** The byte in the transmit shift register, and when it has left. */
  shifting: nullable(byte),
  sentAtNs: nullable(timeNs),
  thrEmptyPending: flag,
  timeoutPending: flag,
  timeoutAtNs: nullable(timeNs),
  /** What the host has sent and the receiver has not got yet. */
  incoming: list(byte, 0, Number.MAX_SAFE_INTEGER),
  arrivesAtNs: nullable(timeNs),
  /** What the guest has sent. */
  output: byteText,
});

export type UartState = Checked<typeof UART_STATE>;

/** The state after power-on. */
export function newUart(): UartState {
  return {
    ier: 0,
    lcr: 0,
    mcr: 0,
    overrun: false,
    deltas: 0,
    scr: 0,
    divisor: 12,
    fifos: false,
    trigger: 0,
    received: [],
    waiting: [],
    shifting: null,
    sentAtNs: null,
    thrEmptyPending: false,
    timeoutPending: false,
    timeoutAtNs: null,
    incoming: [],
    arrivesAtNs: null,
    output: "",
  };
}
