/**
 * Arithmetic as JavaScript text: int32 expressions, and pairs of them for 8-byte values.
 *
 * Shift counts are less than the width in bits; JavaScript takes them modulo 32 by itself.
 */
import { STATE } from "../memory/layout.ts";
import type { BinaryOp, CompareOp, Size, UnaryOp } from "./microop.ts";

/** A value as text: its words, and its size in bytes. `high` is `0` up to 4 bytes. */
export interface Text {
  readonly low: string;
  readonly high: string;
  readonly size: Size;
}

/** A word of the state block. */
export const word = (offset: number) => `I[${offset >> 2}]`;

/** The mask of a 1- or 2-byte value. */
export const mask = (size: Size) => size === 1 ? "255" : "65535";

/** A binary operation on values of up to 4 bytes, as an expression. */
export function binary32(op: BinaryOp, size: Size, a: string, b: string): string {
  const narrow = size < 4;
  const bits = size * 8;
  const wrap = (text: string) => narrow ? `(${text})&${mask(size)}` : text;
  const extend = (text: string) => `(${text}<<${32 - bits}>>${32 - bits})`;
  switch (op) {
    case "add":
      return narrow ? wrap(`${a}+${b}`) : `(${a}+${b})|0`;
    case "sub":
      return narrow ? wrap(`${a}-${b}`) : `(${a}-${b})|0`;
    case "mul":
      return wrap(`Math.imul(${a},${b})`);
    case "and":
      return `${a}&${b}`;
    case "or":
      return `${a}|${b}`;
    case "xor":
      return `${a}^${b}`;
    case "shl":
      return wrap(`${a}<<${b}`);
    case "shr":
      return narrow ? `${a}>>>${b}` : `(${a}>>>${b})|0`;
    case "sar":
      return narrow ? wrap(`${extend(a)}>>${b}`) : `${a}>>${b}`;
    case "rotl":
      return wrap(`(${a}<<${b})|(${a}>>>(${bits}-${b}))`);
    case "mulHighU":
      return narrow ? `Math.imul(${a},${b})>>>${bits}` : `umulh(${a},${b})`;
    case "mulHighS":
      return narrow
        ? wrap(`Math.imul(${extend(a)},${extend(b)})>>${bits}`)
        : `(umulh(${a},${b})-(${a}<0?${b}:0)-(${b}<0?${a}:0))|0`;
  }
}

/** A binary operation on 8-byte values, as declarations of `${n}l` and `${n}h`. */
export function binary64(op: BinaryOp, n: string, a: Text, b: Text): string {
  const { low: al, high: ah } = a;
  const { low: bl, high: bh } = b;
  const far = `(${bl}&32)!==0`;
  const rest = `31-(${bl}&31)`;
  switch (op) {
    case "add":
      return `const ${n}l=(${al}+${bl})|0,` +
        `${n}h=(${ah}+${bh}+((${n}l>>>0)<(${al}>>>0)?1:0))|0;`;
    case "sub":
      return `const ${n}l=(${al}-${bl})|0,` +
        `${n}h=(${ah}-${bh}-((${al}>>>0)<(${bl}>>>0)?1:0))|0;`;
    case "mul":
      return `const ${n}l=Math.imul(${al},${bl}),` +
        `${n}h=(umulh(${al},${bl})+Math.imul(${al},${bh})+Math.imul(${ah},${bl}))|0;`;
    case "and":
      return `const ${n}l=${al}&${bl},${n}h=${ah}&${bh};`;
    case "or":
      return `const ${n}l=${al}|${bl},${n}h=${ah}|${bh};`;
    case "xor":
      return `const ${n}l=${al}^${bl},${n}h=${ah}^${bh};`;
    case "shl":
      return `const ${n}t=${al}<<${bl},${n}l=${far}?0:${n}t,` +
        `${n}h=${far}?${n}t:(${ah}<<${bl})|((${al}>>>1)>>>(${rest}));`;
    case "shr":
      return `const ${n}t=(${ah}>>>${bl})|0,${n}h=${far}?0:${n}t,` +
        `${n}l=${far}?${n}t:(${al}>>>${bl})|((${ah}<<1)<<(${rest}));`;
    case "sar":
      return `const ${n}t=${ah}>>${bl},${n}h=${far}?${ah}>>31:${n}t,` +
        `${n}l=${far}?${n}t:(${al}>>>${bl})|((${ah}<<1)<<(${rest}));`;
    case "rotl":
      return `const ${n}x=${far}?${ah}:${al},${n}y=${far}?${al}:${ah},` +
        `${n}l=(${n}x<<${bl})|((${n}y>>>1)>>>(${rest})),` +
        `${n}h=(${n}y<<${bl})|((${n}x>>>1)>>>(${rest}));`;
    case "mulHighU":
      return `const ${n}l=umulh64(${al},${ah},${bl},${bh}),${n}h=${word(STATE.high)};`;
    case "mulHighS":
      return `const ${n}l=smulh64(${al},${ah},${bl},${bh}),${n}h=${word(STATE.high)};`;
  }
}

/** A unary operation, as expressions for the words of its result. */
export function unary(op: UnaryOp, { low, high, size }: Text): [low: string, high: string] {
  const wide = size === 8;
  switch (op) {
    case "not":
      return wide
        ? [`~${low}`, `~${high}`]
        : [size === 4 ? `~${low}` : `~${low}&${mask(size)}`, "0"];
    case "bswap":
      if (wide) return [`bswap(${high})`, `bswap(${low})`];
      return [size === 4 ? `bswap(${low})` : `bswap(${low})>>>16`, "0"];
    case "clz":
      if (wide) return [`${high}!==0?Math.clz32(${high}):32+Math.clz32(${low})`, "0"];
      return [size === 4 ? `Math.clz32(${low})` : `Math.clz32(${low})-${32 - size * 8}`, "0"];
    case "ctz":
      if (wide) return [`${low}!==0?ctz(${low}):32+ctz(${high})`, "0"];
      return [size === 4 ? `ctz(${low})` : `ctz(${low}|${2 ** (size * 8)})`, "0"];
    case "popcnt":
      return [wide ? `popcnt(${low})+popcnt(${high})` : `popcnt(${low})`, "0"];
  }
}

/** A comparison, as a condition. */
export function compare(op: CompareOp, a: Text, b: Text): string {
  const { low: al, high: ah, size } = a;
  const { low: bl, high: bh } = b;
  if (op === "eq" || op === "ne") {
    const equal = size === 8 ? `(${al}===${bl}&&${ah}===${bh})` : `${al}===${bl}`;
    return op === "eq" ? equal : `!(${equal})`;
  }
  const sign = op === "lts" || op === "les";
  const relation = op === "leu" || op === "les" ? "<=" : "<";
  if (size === 8) {
    const top = (text: string) => sign ? text : `(${text}>>>0)`;
    return `(${ah}===${bh}?(${al}>>>0)${relation}(${bl}>>>0):${top(ah)}<${top(bh)})`;
  }
  if (size === 4 && !sign) return `(${al}>>>0)${relation}(${bl}>>>0)`;
  if (size === 4 || !sign) return `${al}${relation}${bl}`;
  return `(${al}<<${32 - size * 8})${relation}(${bl}<<${32 - size * 8})`;
}
