/**
 * Division, which no micro-operation does: unsigned and signed, 8 to 64 bits.
 *
 * Each takes the dividend's upper half, its lower half and the divisor, gives the quotient, and
 * raises #DE when the divisor is 0 or the quotient does not fit. Doubles do the work wherever
 * all numbers stay below 2^53; there `Math.floor(a / b)` is exact.
 */
import { VECTOR } from "../../arch/exceptions.ts";
import { STATE } from "../../memory/layout.ts";
import type { CpuContext, Helper } from "../context.ts";
import { umulh } from "../integer.ts";

const WORD = 2 ** 32;

function divide8(cpu: CpuContext, high: number, low: number, divisor: number): number {
  if (high >= divisor) overflow(cpu);
  return Math.floor((high * 0x100 + low) / divisor);
}

function divide16(cpu: CpuContext, high: number, low: number, divisor: number): number {
  if (high >= divisor) overflow(cpu);
  return Math.floor((high * 0x1_0000 + low) / divisor);
}

function divide32(cpu: CpuContext, high: number, low: number, divisor: number): number {
  const upper = high >>> 0;
  const by = divisor >>> 0;
  if (upper >= by) overflow(cpu);
  return divide64by32(upper, low >>> 0, by) | 0;
}

function divide64(
  cpu: CpuContext,
  highLow: number,
  highHigh: number,
  low: number,
  lowHigh: number,
  divisorLow: number,
  divisorHigh: number,
): number {
  const n3 = highHigh >>> 0;
  const n2 = highLow >>> 0;
  const n1 = lowHigh >>> 0;
  const n0 = low >>> 0;
  const d1 = divisorHigh >>> 0;
  const d0 = divisorLow >>> 0;
  if (n3 > d1 || (n3 === d1 && n2 >= d0)) overflow(cpu);
  if (d1 === 0) {
    // The overflow check says that n3 is 0 and n2 < d0.
    const upper = divide64by32(n2, n1, d0);
    const rest = n2 * WORD + n1 < 2 ** 53 ? (n2 * WORD + n1) % d0 : remainder64by32(n2, n1, d0);
    return result(cpu, divide64by32(rest, n0, d0), upper);
  }
  if (n3 === 0 && n2 === 0) {
    if (n1 < 0x20_0000 && d1 < 0x20_0000) {
      return result(cpu, Math.floor((n1 * WORD + n0) / (d1 * WORD + d0)), 0);
    }
    const quotient = divide96by64(0, n1, n0, d1, d0);
    return result(cpu, quotient, 0);
  }
  const upper = divide96by64(n3, n2, n1, d1, d0);
  // The remainder so far: its two words, modulo 2^64, as it is below the divisor.
  const productLow = Math.imul(upper | 0, divisorLow) >>> 0;
  const productHigh = (umulh(upper | 0, divisorLow) + Math.imul(upper | 0, divisorHigh)) >>> 0;
  const r0 = (n1 - productLow) >>> 0;
  const r1 = (n2 - productHigh - (n1 < productLow ? 1 : 0)) >>> 0;
  return result(cpu, divide96by64(r1, r0, n0, d1, d0), upper);
}

function signedDivide8(cpu: CpuContext, high: number, low: number, divisor: number): number {
  return signedNarrow(cpu, (high << 24 >> 16) | low, divisor << 24 >> 24, 0x80) & 0xff;
}

function signedDivide16(cpu: CpuContext, high: number, low: number, divisor: number): number {
  return signedNarrow(cpu, (high << 16) | low, divisor << 16 >> 16, 0x8000) & 0xffff;
}

function signedDivide32(cpu: CpuContext, high: number, low: number, divisor: number): number {
  const isNegative = high < 0;
  const upper = (isNegative ? negateHigh(low, high) : high) >>> 0;
  const lower = (isNegative ? -low : low) >>> 0;
  const by = Math.abs(divisor);
  if (upper >= by) overflow(cpu);
  const quotient = divide64by32(upper, lower, by);
  const negates = (high ^ divisor) < 0;
  if (quotient > (negates ? 0x8000_0000 : 0x7fff_ffff)) overflow(cpu);
  return negates ? -quotient | 0 : quotient | 0;
}

function signedDivide64(
  cpu: CpuContext,
  highLow: number,
  highHigh: number,
  low: number,
  lowHigh: number,
  divisorLow: number,
  divisorHigh: number,
): number {
  let n3 = highHigh;
  let n2 = highLow;
  let n1 = lowHigh;
  let n0 = low;
  if (n3 < 0) {
    n3 = ~n3;
    n2 = ~n2;
    n1 = ~n1;
    n0 = -n0 | 0;
    if (n0 === 0 && (n1 = (n1 + 1) | 0) === 0 && (n2 = (n2 + 1) | 0) === 0) n3 = (n3 + 1) | 0;
  }
  const d1 = divisorHigh < 0 ? negateHigh(divisorLow, divisorHigh) : divisorHigh;
  const d0 = divisorHigh < 0 ? -divisorLow | 0 : divisorLow;
  const quotient = divide64(cpu, n2, n3, n0, n1, d0, d1);
  const quotientHigh = cpu.state.word(STATE.high);
  const negates = (highHigh ^ divisorHigh) < 0;
  if (quotientHigh < 0 && !(negates && quotientHigh === -0x8000_0000 && quotient === 0)) {
    overflow(cpu);
  }
  return negates
    ? result(cpu, -quotient, negateHigh(quotient, quotientHigh))
    : result(cpu, quotient, quotientHigh);
}

/** Quotient of int32 numbers that must lie between `-limit` and `limit - 1`. */
function signedNarrow(
  cpu: CpuContext,
  dividend: number,
  divisor: number,
  limit: number,
): number {
  if (divisor === 0) overflow(cpu);
  const quotient = Math.trunc(dividend / divisor);
  if (quotient >= limit || quotient < -limit) overflow(cpu);
  return quotient;
}

/** High word of the negative of a pair. */
function negateHigh(low: number, high: number): number {
  return low === 0 ? -high | 0 : ~high;
}

/** `(high * 2^32 + low) / divisor`, all unsigned, `high < divisor`: the quotient below 2^32. */
function divide64by32(high: number, low: number, divisor: number): number {
  if (high < 0x20_0000) return Math.floor((high * WORD + low) / divisor);
  const first = high * 0x1_0000 + (low >>> 16);
  const digit = Math.floor(first / divisor);
  const second = (first - digit * divisor) * 0x1_0000 + (low & 0xffff);
  return digit * 0x1_0000 + Math.floor(second / divisor);
}

/** The remainder of the same division; `high` may be anything. */
function remainder64by32(high: number, low: number, divisor: number): number {
  const first = (high % divisor) * 0x1_0000 + (low >>> 16);
  return ((first % divisor) * 0x1_0000 + (low & 0xffff)) % divisor;
}

/**
 * One digit of long division, base 2^32: three words by two, `n2:n1 < d1:d0`, `d1` not 0.
 * The estimate in doubles is off by at most 1.
 */
function divide96by64(n2: number, n1: number, n0: number, d1: number, d0: number): number {
  const estimate = Math.floor(((n2 * WORD + n1) * WORD + n0) / (d1 * WORD + d0));
  let quotient = Math.min(estimate, 0xffff_ffff);
  // n - quotient * d, word by word.
  const q = quotient | 0;
  const p0 = Math.imul(q, d0) >>> 0;
  const middle = (umulh(q, d0) >>> 0) + (Math.imul(q, d1) >>> 0);
  const p1 = middle >>> 0;
  const p2 = (umulh(q, d1) >>> 0) + (middle >= WORD ? 1 : 0);
  const r0 = n0 - p0;
  const r1 = n1 - p1 - (r0 < 0 ? 1 : 0);
  const r2 = n2 - p2 - (r1 < 0 ? 1 : 0);
  if (r2 < 0) quotient--;
  else if (r2 > 0 || (r1 >>> 0) > d1 || ((r1 >>> 0) === d1 && (r0 >>> 0) >= d0)) quotient++;
  return quotient;
}

/** Hands over a 64-bit result. */
function result(cpu: CpuContext, low: number, high: number): number {
  cpu.state.setWord(STATE.high, high | 0);
  return low | 0;
}

function overflow(cpu: CpuContext): never {
  return cpu.state.raise(VECTOR.DE);
}

export const arithmeticHelpers = {
  divide8,
  divide16,
  divide32,
  divide64,
  signedDivide8,
  signedDivide16,
  signedDivide32,
  signedDivide64,
} satisfies Record<string, Helper>;
