/**
 * Control, debug and model-specific registers, the descriptor-table registers, the caches.
 *
 * @see Intel SDM Vol. 1, "System Instructions"
 */
import { SEG, SEGMENT, SEGMENT_BYTES, STATE } from "../../memory/layout.ts";
import type { Builder } from "../builder.ts";
import type {
  MemoryOperand,
  Operand,
  RegisterOperand,
  SystemRegisterOperand,
} from "../decode/instruction.ts";
import type { Value } from "../microop.ts";
import { asMemory, GPR, sizeOf } from "./common.ts";
import { protectedOnly, selectorOf } from "./system_segments.ts";
import type { Semantics, SemanticsFamily } from "./semantics.ts";

export const SYSTEM_CONTROL: SemanticsFamily = {
  mov_cr_read: moveFrom("readControlRegister"),
  mov_cr_write: moveTo("writeControlRegister"),
  mov_dr_read: moveFrom("readDebugRegister"),
  mov_dr_write: moveTo("writeDebugRegister"),

  clts: (b) => b.call("clearTaskSwitched"),
  smsw: (b, [destination]) => {
    b.call("checkUmip");
    b.write(destination, b.resize(b.state(4, STATE.cr0), sizeOf(destination)));
  },
  lmsw: (b, [source]) => {
    b.call("requireRing0");
    const value = b.read(source);
    b.sync();
    b.call("loadMachineStatus", value);
    b.exitNext();
  },

  sgdt: storeTable(STATE.gdtrBase, STATE.gdtrLimit),
  sidt: storeTable(STATE.idtrBase, STATE.idtrLimit),
  lgdt: loadTable("loadGdtr"),
  lidt: loadTable("loadIdtr"),
  sldt: protectedOnly((b, [destination]) => storeSelector(b, destination, SEG.LDTR)),
  str: protectedOnly((b, [destination]) => storeSelector(b, destination, SEG.TR)),
  lldt: protectedOnly((b, [source]) => loadSystem(b, source, "loadLdtr")),
  ltr: protectedOnly((b, [source]) => loadSystem(b, source, "loadTaskRegister")),

  /** INVLPG: no segment check, no access. */
  invlpg: (b, [operand]) => {
    b.sync();
    b.call("invalidatePage", b.zext64(uncheckedLinear(b, asMemory(operand))));
    b.exitNext();
  },
  invpcid: (b) => {
    b.sync();
    b.call("undefinedInstruction");
    b.exit();
  },
  /** No caches to write back or to drop. */
  invd: (b) => b.call("requireRing0"),
  wbinvd: (b) => b.call("requireRing0"),
  /** CLFLUSH is checked like a load. */
  clflush: (b, [operand]) => void b.read(operand),

  rdmsr: (b) => {
    b.sync();
    toEdxEax(b, b.callFor(8, "readMsr", b.register(GPR.RCX, 4)));
  },
  wrmsr: (b) => {
    const number = b.register(GPR.RCX, 4);
    b.sync();
    b.call("writeMsr", number, b.register(GPR.RAX, 4), b.register(GPR.RDX, 4));
    b.exitNext();
  },
  rdpmc: (b) => b.call("readCounter"),
};

/** EDX:EAX, zero-extended, from an 8-byte value. */
export function toEdxEax(b: Builder, value: Value): void {
  b.setRegister(GPR.RAX, b.trunc(value, 4));
  b.setRegister(GPR.RDX, b.high32(value));
}

/** MOV r, CRn or DRn. */
function moveFrom(helper: string): Semantics {
  return (b, [destination, source]) => {
    const number = b.constant(4, (source as SystemRegisterOperand).register);
    b.sync();
    const value = b.callFor(8, helper, number);
    b.write(destination, b.resize(value, (destination as RegisterOperand).size));
  };
}

/** MOV CRn or DRn, r: anything may be different afterwards. */
function moveTo(helper: string): Semantics {
  return (b, [destination, source]) => {
    const number = b.constant(4, (destination as SystemRegisterOperand).register);
    const value = b.zext64(b.read(source));
    b.sync();
    b.call(helper, number, value);
    b.exitNext();
  };
}

/** SGDT, SIDT: limit, then all of the base whatever the operand size. */
function storeTable(baseAt: number, limitAt: number): Semantics {
  return (b, [destination]) => {
    const memory = asMemory(destination);
    const size = memory.size === 10 ? 8 : 4;
    b.call("checkUmip");
    const { limitAddress, baseAddress } = tableAddresses(b, memory, true);
    const stack = memory.segment === SEG.SS;
    // Both pages must be writable before either is written.
    b.load(2, limitAddress, { write: true, stack });
    b.load(size, baseAddress, { write: true, stack });
    b.store(limitAddress, b.trunc(b.state(4, limitAt), 2), { stack });
    b.store(baseAddress, b.state(size, baseAt), { stack });
  };
}

/** LGDT, LIDT: a 16-bit operand size takes 24 bits of the base. */
function loadTable(helper: string): Semantics {
  return (b, [source]) => {
    const memory = asMemory(source);
    const isWide = memory.size === 10;
    b.call("requireRing0");
    const { limitAddress, baseAddress } = tableAddresses(b, memory, false);
    const stack = memory.segment === SEG.SS;
    const limit = b.load(2, limitAddress, { stack });
    const base = b.load(isWide ? 8 : 4, baseAddress, { stack });
    const cut = b.size === 2 && !isWide ? b.and(base, b.constant(4, 0xff_ffff)) : base;
    b.sync();
    b.call(helper, b.zext(limit, 4), b.zext64(cut));
  };
}

function tableAddresses(
  b: Builder,
  memory: MemoryOperand,
  write: boolean,
): { limitAddress: Value; baseAddress: Value } {
  const limitAddress = b.address(memory, { write });
  const baseAddress = b.add(limitAddress, b.constant(limitAddress.size, 2));
  return { limitAddress, baseAddress };
}

function storeSelector(b: Builder, destination: Operand, segment: number): void {
  b.call("checkUmip");
  b.write(destination, b.resize(selectorOf(b, segment), sizeOf(destination)));
}

function loadSystem(b: Builder, source: Operand, helper: string): void {
  b.call("requireRing0");
  const selector = b.read(source);
  b.sync();
  b.call(helper, b.zext(selector, 4));
}

/** Segment base + effective address, without a check. */
function uncheckedLinear(b: Builder, operand: MemoryOperand): Value {
  const { segment } = operand;
  const offset = b.effectiveAddress(operand);
  const base = STATE.segments + segment * SEGMENT_BYTES + SEGMENT.base;
  if (!b.code64) return b.add(b.state(4, base), b.resize(offset, 4));
  const wide = b.zext64(offset);
  return segment === SEG.FS || segment === SEG.GS ? b.add(b.state(8, base), wide) : wide;
}
