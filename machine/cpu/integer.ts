/** Integer arithmetic on int32 words that JavaScript has no operator for. */

/** High 32 bits of the unsigned 64-bit product of two int32 words. */
export function umulh(a: number, b: number): number {
  const al = a & 0xffff;
  const ah = a >>> 16;
  const bl = b & 0xffff;
  const bh = b >>> 16;
  // Neither sum can reach 2^32.
  const middle = (Math.imul(ah, bl) + (Math.imul(al, bl) >>> 16)) >>> 0;
  const low = ((middle & 0xffff) + Math.imul(al, bh)) >>> 0;
  return (Math.imul(ah, bh) + (middle >>> 16) + (low >>> 16)) | 0;
}

/** Reverses the four bytes of a word. */
export function bswap(a: number): number {
  return (a << 24) | ((a & 0xff00) << 8) | ((a >>> 8) & 0xff00) | (a >>> 24);
}

/** Trailing zeros of a word; 32 for 0. */
export function ctz(a: number): number {
  return a === 0 ? 32 : 31 - Math.clz32(a & -a);
}

/** Ones of a word. */
export function popcnt(a: number): number {
  a -= (a >>> 1) & 0x5555_5555;
  a = (a & 0x3333_3333) + ((a >>> 2) & 0x3333_3333);
  return Math.imul((a + (a >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
