/**
 * The three-byte opcode maps, 0F 38 xx and 0F 3A xx, and the BMI part of VEX's.
 *
 * @see Intel SDM Vol. 2, "Three-Byte Opcode Map"
 */

import { GROUP_17 } from "./groups.ts";
import { compileTable } from "./table.ts";
import { VECTOR_0F38, VECTOR_0F3A } from "./vector.ts";

const CRC32 = "sse modrm ;SSE4.2: crc32";

/** 256 entries by the byte after 0F 38. */
export const THREE_BYTE_38 = compileTable({
  ...VECTOR_0F38,
  0x80: { x66: "ud modrm mem ;VMX: invept" },
  0x81: { x66: "ud modrm mem ;VMX: invvpid" },
  0x82: { x66: "invpcid Gn,Mx" },
  0xf0: { none: "movbe Gv,Mv", x66: "movbe Gv,Mv", xf2: CRC32 },
  0xf1: { none: "movbe Mv,Gv", x66: "movbe Mv,Gv", xf2: CRC32 },
  0xf5: { x66: "ud modrm mem ;CET: wruss" },
  0xf6: { none: "ud modrm mem ;CET: wrss", x66: "adcx Gy,Ey", xf3: "adox Gy,Ey" },
  0xf8: {
    x66: "ud modrm mem ;MOVDIR64B",
    xf3: "ud modrm mem ;ENQCMD: enqcmds",
    xf2: "ud modrm mem ;ENQCMD",
  },
  0xf9: { none: "ud modrm mem ;MOVDIRI" },
});

/** 256 entries by the byte after 0F 3A. */
export const THREE_BYTE_3A = compileTable({
  ...VECTOR_0F3A,
  0xf0: { xf3: ["ud modrm reg imm8 ;HRESET"] },
});

/** VEX map 2, with VEX.L clear. Instructions of BMI1 and BMI2 alone. */
export const VEX_0F38 = compileTable({
  0xf2: { none: "andn Gy,By,Ey" },
  0xf3: GROUP_17,
  0xf5: { none: "bzhi Gy,Ey,By", xf3: "pext Gy,By,Ey", xf2: "pdep Gy,By,Ey" },
  0xf6: { xf2: "mulx Gy,By,Ey" },
  0xf7: {
    none: "bextr Gy,Ey,By",
    x66: "shlx Gy,Ey,By",
    xf3: "sarx Gy,Ey,By",
    xf2: "shrx Gy,Ey,By",
  },
});

/** VEX map 3, with VEX.L clear. */
export const VEX_0F3A = compileTable({ 0xf0: { xf2: "rorx Gy,Ey,Ib" } });
