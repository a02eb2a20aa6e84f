/**
 * MMX and SSE in the 0F maps, which CPUID does not offer: what is valid, and its length.
 *
 * Columns: no prefix, 66, F3, F2. `*` valid, `m` valid with a memory operand, `r` with a
 * register, `-` invalid.
 */

import { vectorShiftGroup } from "./groups.ts";
import { columns, group, type Node, range } from "./table.ts";

const MMX = "sse ;MMX/SSE2";
const SSE = "sse ;SSE/SSE2";
const SSE3 = "sse ;SSE3";
const SSSE3 = "sse ;SSSE3";
const SSE4 = "sse ;SSE4.1";
const PACKED = columns("**--", SSE);
const ALL = columns("****", SSE);
const INTEGER = columns("**--", MMX);
const PLUS_MMX = columns("**--", SSSE3);
const ONLY_66 = columns("-*--", SSE4);
const ONLY_66_IMMEDIATE = columns("-*--", "sse imm8 ;SSE4");

/** 0F xx. */
export const VECTOR_0F: Readonly<Record<number, Node>> = {
  0x10: ALL,
  0x11: ALL,
  0x12: columns("*m**", SSE),
  0x13: columns("mm--", SSE),
  0x14: PACKED,
  0x15: PACKED,
  0x16: columns("*m*-", SSE),
  0x17: columns("mm--", SSE),
  0x28: PACKED,
  0x29: PACKED,
  0x2a: ALL,
  0x2b: columns("mmmm", "sse ;SSE/SSE2/SSE4A"),
  0x2c: ALL,
  0x2d: ALL,
  0x2e: PACKED,
  0x2f: PACKED,
  0x50: columns("rr--", SSE),
  0x51: ALL,
  0x52: columns("*-*-", SSE),
  0x53: columns("*-*-", SSE),
  ...range(0x54, 0x57, PACKED),
  ...range(0x58, 0x5a, ALL),
  0x5b: columns("***-", SSE),
  ...range(0x5c, 0x5f, ALL),
  ...range(0x60, 0x6b, INTEGER),
  0x6c: columns("-*--", MMX),
  0x6d: columns("-*--", MMX),
  0x6e: INTEGER,
  0x6f: columns("***-", MMX),
  0x70: columns("****", "sse imm8 ;MMX/SSE2"),
  0x71: vectorShiftGroup([2, "rr--"], [4, "rr--"], [6, "rr--"]),
  0x72: vectorShiftGroup([2, "rr--"], [4, "rr--"], [6, "rr--"]),
  0x73: vectorShiftGroup([2, "rr--"], [3, "-r--"], [6, "rr--"], [7, "-r--"]),
  ...range(0x74, 0x76, INTEGER),
  0x77: { none: "sse ;MMX: emms" },
  0x78: {
    none: "ud modrm ;VMX: vmread",
    x66: ["sse modrm reg imm16 ;SSE4A: extrq"],
    xf2: "sse modrm reg imm16 ;SSE4A: insertq",
  },
  0x79: {
    none: "ud modrm ;VMX: vmwrite",
    x66: "sse modrm reg ;SSE4A: extrq",
    xf2: "sse modrm reg ;SSE4A: insertq",
  },
  0x7c: columns("-*-*", SSE3),
  0x7d: columns("-*-*", SSE3),
  0x7e: columns("***-", MMX),
  0x7f: columns("***-", MMX),
  0xc2: columns("****", "sse imm8 ;SSE/SSE2"),
  0xc4: columns("**--", "sse imm8 ;SSE/SSE2"),
  0xc5: columns("rr--", "sse imm8 ;SSE/SSE2"),
  0xc6: columns("**--", "sse imm8 ;SSE/SSE2"),
  0xd0: columns("-*-*", SSE3),
  ...range(0xd1, 0xd5, INTEGER),
  0xd6: columns("-*rr", MMX),
  0xd7: columns("rr--", MMX),
  ...range(0xd8, 0xe5, INTEGER),
  0xe6: columns("-***", SSE),
  0xe7: columns("mm--", MMX),
  ...range(0xe8, 0xef, INTEGER),
  0xf0: columns("---m", SSE3),
  ...range(0xf1, 0xf6, INTEGER),
  0xf7: columns("rr--", MMX),
  ...range(0xf8, 0xfe, INTEGER),
};

/** 0F 38 xx. */
export const VECTOR_0F38: Readonly<Record<number, Node>> = {
  ...range(0x00, 0x0b, PLUS_MMX),
  0x10: ONLY_66,
  0x14: ONLY_66,
  0x15: ONLY_66,
  0x17: ONLY_66,
  ...range(0x1c, 0x1e, PLUS_MMX),
  ...range(0x20, 0x25, ONLY_66),
  0x28: ONLY_66,
  0x29: ONLY_66,
  0x2a: columns("-m--", SSE4),
  0x2b: ONLY_66,
  ...range(0x30, 0x35, ONLY_66),
  ...range(0x37, 0x41, ONLY_66),
  ...range(0xc8, 0xcd, columns("*---", "sse ;SHA")),
  0xcf: columns("-*--", "sse ;GFNI"),
  0xd8: { xf3: group("modrm mem ;Key Locker", "ud", "ud", "ud", "ud") },
  0xdb: columns("-*--", "sse ;AES"),
  ...range(0xdc, 0xdf, { x66: "sse modrm ;AES", xf3: "ud modrm ;Key Locker" }),
  0xfa: { xf3: "ud modrm reg ;Key Locker" },
  0xfb: { xf3: "ud modrm reg ;Key Locker" },
  0xfc: columns("mmmm", "ud ;RAO-INT"),
};

/** 0F 3A xx: all with an immediate. */
export const VECTOR_0F3A: Readonly<Record<number, Node>> = {
  ...range(0x08, 0x0e, ONLY_66_IMMEDIATE),
  0x0f: columns("**--", "sse imm8 ;SSSE3"),
  ...range(0x14, 0x17, ONLY_66_IMMEDIATE),
  ...range(0x20, 0x22, ONLY_66_IMMEDIATE),
  ...range(0x40, 0x42, ONLY_66_IMMEDIATE),
  0x44: columns("-*--", "sse imm8 ;PCLMULQDQ"),
  ...range(0x60, 0x63, ONLY_66_IMMEDIATE),
  0xcc: columns("*---", "sse imm8 ;SHA"),
  0xce: columns("-*--", "sse imm8 ;GFNI"),
  0xcf: columns("-*--", "sse imm8 ;GFNI"),
  0xdf: columns("-*--", "sse imm8 ;AES"),
};
