/**
 * ATA disks: registers and commands.
 *
 * ```text
 *            7    6    5    4    3    2    1    0     offset
 * data       16 bits                                    0
 * error     ICRC UNC   -  IDNF   -  ABRT   -    -       1  read; features when written
 * count     sectors, 0 = 256 (48-bit: 65536)            2
 * LBA low   LBA 7:0,   or sector (from 1)               3
 * LBA mid   LBA 15:8,  or cylinder 7:0                  4
 * LBA high  LBA 23:16, or cylinder 15:8                 5
 * device     1   LBA   1  DEV   LBA 27:24 or head       6
 * status    BSY DRDY   DF DSC  DRQ   -    -   ERR       7  read; command when written
 *
 * control   HOB   -    -   -    -  SRST nIEN  0       0x3f6 written; read: status once more
 * ```
 *
 * A 48-bit command takes two bytes from each of count and LBA: the last one written, and the one
 * before it. Reading gives the byte before while HOB is set.
 *
 * @see T13/1410D, AT Attachment with Packet Interface - 6, "Interface register definitions and
 * descriptions", "Command descriptions"
 */

/** Offsets from the first port of the command block. */
export const ATA_REGISTER = {
  DATA: 0,
  ERROR_FEATURES: 1,
  COUNT: 2,
  LBA_LOW: 3,
  LBA_MID: 4,
  LBA_HIGH: 5,
  DEVICE: 6,
  STATUS_COMMAND: 7,
} as const;

export const ATA_STATUS = {
  BSY: 0x80,
  DRDY: 0x40,
  DF: 0x20,
  /** Seek complete; gone from the standard, expected by software. */
  DSC: 0x10,
  DRQ: 0x08,
  ERR: 0x01,
} as const;

/** An idle drive's status. */
export const ATA_READY = ATA_STATUS.DRDY | ATA_STATUS.DSC;

export const ATA_ERROR = { UNC: 0x40, IDNF: 0x10, ABRT: 0x04, DIAGNOSTIC_PASSED: 0x01 } as const;

/** Bits of the device register. */
export const ATA_DEVICE = { LBA: 0x40, DEV: 0x10, HEAD: 0x0f, OBSOLETE: 0xa0 } as const;

/** Bits of the device control register. */
export const ATA_CONTROL = { HOB: 0x80, SRST: 0x04, NIEN: 0x02 } as const;

export const ATA_COMMAND = {
  RECALIBRATE: 0x10,
  READ_SECTORS: 0x20,
  READ_SECTORS_NO_RETRY: 0x21,
  READ_SECTORS_EXT: 0x24,
  READ_NATIVE_MAX_EXT: 0x27,
  READ_MULTIPLE_EXT: 0x29,
  WRITE_SECTORS: 0x30,
  WRITE_SECTORS_NO_RETRY: 0x31,
  WRITE_SECTORS_EXT: 0x34,
  WRITE_MULTIPLE_EXT: 0x39,
  READ_VERIFY: 0x40,
  READ_VERIFY_NO_RETRY: 0x41,
  READ_VERIFY_EXT: 0x42,
  SEEK: 0x70,
  EXECUTE_DIAGNOSTIC: 0x90,
  INITIALIZE_PARAMETERS: 0x91,
  READ_MULTIPLE: 0xc4,
  WRITE_MULTIPLE: 0xc5,
  SET_MULTIPLE: 0xc6,
  STANDBY_IMMEDIATE: 0xe0,
  IDLE_IMMEDIATE: 0xe1,
  STANDBY: 0xe2,
  IDLE: 0xe3,
  CHECK_POWER_MODE: 0xe5,
  FLUSH_CACHE: 0xe7,
  FLUSH_CACHE_EXT: 0xea,
  IDENTIFY: 0xec,
  SET_FEATURES: 0xef,
  READ_NATIVE_MAX: 0xf8,
} as const;

/** Subcommands of SET FEATURES that change nothing here, and are accepted. */
export const ATA_FEATURES: readonly number[] = [
  0x02, // Write cache on.
  0x03, // Transfer mode; the sector count register names it.
  0x55, // Read look-ahead off.
  0x66, // Keep settings over a reset.
  0x82, // Write cache off.
  0xaa, // Read look-ahead on.
  0xcc, // Defaults after a reset.
];

/** Ports and interrupt of the two channels of a PC. */
export const ATA_CHANNEL = [
  { name: "ata0", base: 0x1f0, control: 0x3f6, irq: 14 },
  { name: "ata1", base: 0x170, control: 0x376, irq: 15 },
] as const;

/** From a command, or a block of data, to what comes of it. */
export const ATA_COMMAND_NS = 10_000;

/** From the end of a reset to readiness. */
export const ATA_RESET_NS = 100_000;

/** Most sectors in a block of READ MULTIPLE and WRITE MULTIPLE. */
export const ATA_MAX_MULTIPLE = 16;

/** The geometry that a drive starts with; cylinders as many as there are, to 16383. */
export const ATA_GEOMETRY = { heads: 16, sectors: 63, maxCylinders: 16_383 } as const;

/** Commands that take data. */
export const ATA_WRITES: readonly number[] = [
  ATA_COMMAND.WRITE_SECTORS,
  ATA_COMMAND.WRITE_SECTORS_NO_RETRY,
  ATA_COMMAND.WRITE_SECTORS_EXT,
  ATA_COMMAND.WRITE_MULTIPLE,
  ATA_COMMAND.WRITE_MULTIPLE_EXT,
];

/** Commands that move blocks of several sectors. */
export const ATA_MULTIPLE: readonly number[] = [
  ATA_COMMAND.READ_MULTIPLE,
  ATA_COMMAND.READ_MULTIPLE_EXT,
  ATA_COMMAND.WRITE_MULTIPLE,
  ATA_COMMAND.WRITE_MULTIPLE_EXT,
];

/** 48-bit commands. */
export const ATA_EXTENDED: readonly number[] = [
  ATA_COMMAND.READ_SECTORS_EXT,
  ATA_COMMAND.READ_NATIVE_MAX_EXT,
  ATA_COMMAND.READ_MULTIPLE_EXT,
  ATA_COMMAND.WRITE_SECTORS_EXT,
  ATA_COMMAND.WRITE_MULTIPLE_EXT,
  ATA_COMMAND.READ_VERIFY_EXT,
];

/** Commands that a disk in memory has nothing to do for. */
export const ATA_HARMLESS: readonly number[] = [
  ATA_COMMAND.STANDBY_IMMEDIATE,
  ATA_COMMAND.IDLE_IMMEDIATE,
  ATA_COMMAND.STANDBY,
  ATA_COMMAND.IDLE,
  ATA_COMMAND.FLUSH_CACHE,
  ATA_COMMAND.FLUSH_CACHE_EXT,
];
