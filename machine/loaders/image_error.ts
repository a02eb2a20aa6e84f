/** The one error with which loaders refuse an image. */

/** Why an image was refused; one reason per cause. */
export type ImageErrorReason =
  /** There is nothing in it. */
  | "empty"
  /** The first bytes are not those of the format. */
  | "not-elf"
  /** The file ends before something that its headers promise. */
  | "truncated"
  /** ELF class, byte order, version, type or machine that this machine cannot run. */
  | "unsupported"
  /** A size in a header is not the format's, or contradicts another one. */
  | "wrong-size"
  /** Nothing in it is to be loaded. */
  | "no-segments"
  /** Two segments want the same memory. */
  | "overlap"
  /** A range passes the end of the address space. */
  | "overflow"
  /** An address is not canonical. */
  | "non-canonical"
  /** Execution would start outside of what is loaded. */
  | "bad-entry"
  /** It needs a dynamic linker: an interpreter or relocations. */
  | "dynamic"
  /** It does not fit the machine's memory. */
  | "does-not-fit"
  /** It wants to write where no RAM is, 0xc0000 to 0xfffff, or to lie in video memory below. */
  | "reserved-memory"
  /** An address that the CPU could not start at in the chosen mode. */
  | "unreachable"
  /** No room is left for the descriptor tables, page tables or the stack. */
  | "no-room"
  /** Virtual and physical address are not equal modulo 2 MiB, so that no large page maps them. */
  | "unmappable"
  /** Not a disk to start from: its first sector does not end in 55 AA. */
  | "no-boot-signature"
  /** A Multiboot header that cannot be obeyed. */
  | "bad-multiboot";

/**
 * An image was refused. The machine is as it was.
 *
 * The message says what was tried, the value in hex, a colon, what is wrong with it.
 */
export class ImageError extends Error {
  override readonly name = "ImageError";
  readonly reason: ImageErrorReason;

  constructor(reason: ImageErrorReason, message: string) {
    super(message);
    this.reason = reason;
  }
}
