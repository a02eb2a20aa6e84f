/**
 * What a PC's firmware writes to the devices before it boots anything.
 *
 * The devices start as silicon does: the interrupt controllers wait for ICW1, the timer stands
 * still, the keyboard is locked out. A machine without firmware plays this list over its port bus
 * once, and finds what a boot loader finds: vectors 0x08 and 0x70, IRQs 0, 1 and the cascade
 * unmasked, 18.2 ticks a second, scancode set 1 by translation with IRQ 1 on.
 *
 * @see IBM Personal Computer AT Technical Reference, "BIOS Listing" (POST)
 */

/** Port and value, in order. */
export const FIRMWARE_WRITES: readonly (readonly [port: number, value: number])[] = [
  // Interrupt controllers: edge-triggered, cascade on IR2, 8086 mode.
  [0x20, 0x11],
  [0xa0, 0x11],
  [0x21, 0x08],
  [0xa1, 0x70],
  [0x21, 0x04],
  [0xa1, 0x02],
  [0x21, 0x01],
  [0xa1, 0x01],
  [0x21, 0xb8],
  [0xa1, 0x8f],
  // Timer: counter 0 in mode 3 with 65536, counter 1 in mode 2 with 18.
  [0x43, 0x36],
  [0x40, 0x00],
  [0x40, 0x00],
  [0x43, 0x54],
  [0x41, 0x12],
  // Keyboard controller: translate, self test passed, keyboard on with interrupt, mouse off.
  [0x64, 0x60],
  [0x60, 0x65],
];
