/**
 * 16550A UART: registers.
 *
 * ```text
 *      7    6    5    4    3    2    1    0     offset
 * IER  0    0    0    0  EDSSI ELSI ETBEI ERBFI   1  (DLAB = 0)
 * IIR FIFO FIFO  0    0    ID 3:1       /PEND     2  read
 * FCR  trigger   –    –  DMA  XFR  RFR   FE       2  write
 * LCR DLAB BRK  SP   EPS  PEN  STB   WLS 1:0      3
 * MCR  0    0    0  LOOP OUT2 OUT1 RTS  DTR       4
 * LSR FERR TEMT THRE BI   FE   PE   OE   DR       5
 * MSR DCD  RI   DSR  CTS  DDCD TERI DDSR DCTS     6
 * ```
 *
 * @see National Semiconductor PC16550D data sheet, "Registers"
 */

/** Offsets from the base port. RBR/THR and IER give way to the divisor while LCR.DLAB is set. */
export const UART_REGISTER = {
  RBR_THR: 0,
  IER: 1,
  IIR_FCR: 2,
  LCR: 3,
  MCR: 4,
  LSR: 5,
  MSR: 6,
  SCR: 7,
} as const;

export const IER = { ERBFI: 0x01, ETBEI: 0x02, ELSI: 0x04, EDSSI: 0x08 } as const;

/** Values of IIR 3:0, highest priority first, with what takes the cause away. */
export const IIR = {
  /** Receiver line status: read LSR. */
  LINE_STATUS: 0x06,
  /** Data at the trigger level: read RBR until below it. */
  RECEIVED: 0x04,
  /** Data waits and nothing has happened for four characters: read RBR. */
  TIMEOUT: 0x0c,
  /** THR empty: read IIR, or write THR. */
  THR_EMPTY: 0x02,
  /** Modem status: read MSR. */
  MODEM: 0x00,
  NONE: 0x01,
  FIFOS_ENABLED: 0xc0,
} as const;

export const FCR = { FE: 0x01, RFR: 0x02, XFR: 0x04, DMA: 0x08, TRIGGER_SHIFT: 6 } as const;

/** Bytes at which the receiver interrupts, by FCR 7:6. */
export const TRIGGER_LEVELS: readonly number[] = [1, 4, 8, 14];

export const FIFO_SIZE = 16;

export const LCR = { WLS: 0x03, STB: 0x04, PEN: 0x08, BRK: 0x40, DLAB: 0x80 } as const;

export const MCR = { DTR: 0x01, RTS: 0x02, OUT1: 0x04, OUT2: 0x08, LOOP: 0x10 } as const;

export const LSR = {
  DR: 0x01,
  OE: 0x02,
  PE: 0x04,
  FE: 0x08,
  BI: 0x10,
  THRE: 0x20,
  TEMT: 0x40,
  FERR: 0x80,
} as const;

export const MSR = {
  DCTS: 0x01,
  DDSR: 0x02,
  TERI: 0x04,
  DDCD: 0x08,
  CTS: 0x10,
  DSR: 0x20,
  RI: 0x40,
  DCD: 0x80,
} as const;

/** Frequency of the crystal; the baud rate is this / 16 / divisor. */
export const UART_CLOCK_HZ = 1_843_200;

/** A PC's serial ports. */
export const UART_PORTS = {
  COM1: { base: 0x3f8, irq: 4 },
  COM2: { base: 0x2f8, irq: 3 },
} as const;
