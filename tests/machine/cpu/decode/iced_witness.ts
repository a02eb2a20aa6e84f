/** Our decoder beside iced-x86: one byte sequence, one verdict. */

import {
  Code,
  ConditionCode,
  Decoder,
  DecoderOptions,
  Instruction as IcedInstruction,
  MemorySize,
  MemorySizeExt,
  Mnemonic as IcedMnemonic,
  OpKind,
  Register,
} from "iced-x86";
import { decode } from "../../../../machine/cpu/decode/decoder.ts";
import {
  type CodeSize,
  type Instruction,
  type MemoryOperand,
  type Operand,
  type RegisterOperand,
  RIP_BASE,
} from "../../../../machine/cpu/decode/instruction.ts";
import { SEG } from "../../../../machine/memory/layout.ts";

/** Bytes that each sequence gets: one more than an instruction may have. */
export const SLOT = 16;

/** iced's names for our mnemonics, where they differ. Conditions are handled apart. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  cbw: ["cbw", "cwde", "cdqe"],
  cwd: ["cwd", "cdq", "cqo"],
  movs: ["movsb", "movsw", "movsd", "movsq"],
  cmps: ["cmpsb", "cmpsw", "cmpsd", "cmpsq"],
  stos: ["stosb", "stosw", "stosd", "stosq"],
  lods: ["lodsb", "lodsw", "lodsd", "lodsq"],
  scas: ["scasb", "scasw", "scasd", "scasq"],
  ins: ["insb", "insw", "insd"],
  outs: ["outsb", "outsw", "outsd"],
  pusha: ["pusha", "pushad"],
  popa: ["popa", "popad"],
  pushf: ["pushf", "pushfd", "pushfq"],
  popf: ["popf", "popfd", "popfq"],
  iret: ["iret", "iretd", "iretq"],
  ret_far: ["retf"],
  load_far: ["lds", "les", "lss", "lfs", "lgs"],
  cmpxchg8b: ["cmpxchg8b", "cmpxchg16b"],
  shl: ["shl", "sal"],
  xlat: ["xlatb"],
  movsx: ["movsx", "movsxd"],
  jcxz: ["jcxz", "jecxz", "jrcxz"],
  fence: ["lfence", "mfence", "sfence"],
  sysret: ["sysret", "sysretq"],
  sysexit: ["sysexit", "sysexitq"],
  nop: [
    "nop",
    "prefetch",
    "prefetchw",
    "prefetchwt1",
    "prefetchnta",
    "prefetcht0",
    "prefetcht1",
    "prefetcht2",
    "prefetchit0",
    "prefetchit1",
    "prefetchreserved_0f0d",
    "reservednop",
    "cldemote",
    "endbr32",
    "endbr64",
    "rdsspd",
    "rdsspq",
    "bndmk",
    "bndcl",
    "bndcu",
    "bndcn",
    "bndmov",
    "bndldx",
    "bndstx",
  ],
  imul1: ["imul"],
  imul2: ["imul"],
  wbinvd: ["wbinvd", "wbnoinvd"],
  movsreg: ["mov"],
  loadsreg: ["mov"],
  mov_cr_read: ["mov"],
  mov_cr_write: ["mov"],
  mov_dr_read: ["mov"],
  mov_dr_write: ["mov"],
  push_sreg: ["push"],
  pop_sreg: ["pop"],
  jmp_far: ["jmp"],
  call_far: ["call"],
  loop: ["loop"],
};

const mnemonicNames: string[] = [];
for (const [name, value] of Object.entries(IcedMnemonic)) {
  if (typeof value === "number") mnemonicNames[value] = name.toLowerCase();
}
const memorySizes = Object.values(MemorySize).filter((value) => typeof value === "number").map((
  value,
) => MemorySizeExt.size(value as MemorySize));
const registerNumbers = new Map<number, RegisterOperand>();
const namedRegisters = {
  1: "AL CL DL BL SPL BPL SIL DIL R8L R9L R10L R11L R12L R13L R14L R15L",
  2: "AX CX DX BX SP BP SI DI R8W R9W R10W R11W R12W R13W R14W R15W",
  4: "EAX ECX EDX EBX ESP EBP ESI EDI R8D R9D R10D R11D R12D R13D R14D R15D",
  8: "RAX RCX RDX RBX RSP RBP RSI RDI R8 R9 R10 R11 R12 R13 R14 R15",
};
const registerByName = Register as unknown as Readonly<Record<string, number>>;
for (const size of [1, 2, 4, 8] as const) {
  namedRegisters[size].split(" ").forEach((name, register) => {
    registerNumbers.set(registerByName[name], { kind: "register", register, size, high: false });
  });
}
["AH", "CH", "DH", "BH"].forEach((name, register) => {
  registerNumbers.set(registerByName[name], { kind: "register", register, size: 1, high: true });
});

/** What came of a comparison. */
export interface Verdict {
  /** What differs, if anything. */
  readonly problem?: string;
  /** iced's mnemonic, or "(invalid)". */
  readonly iced: string;
  /** Our mnemonic, and the reason that it gives. */
  readonly ours: string;
  readonly reason: string | undefined;
  readonly length: number;
}

/** Compares sequences in slots of {@linkcode SLOT} bytes. */
export class Witness {
  readonly #bytes: Uint8Array;
  readonly #decoder: Decoder;
  readonly #iced = new IcedInstruction();
  readonly #bits: CodeSize;

  constructor(bits: CodeSize, bytes: Uint8Array) {
    this.#bits = bits;
    this.#bytes = bytes;
    this.#decoder = new Decoder(bits, bytes, DecoderOptions.None);
  }

  /** Decodes at an offset with both. */
  compare(at: number): Verdict {
    const iced = this.#iced;
    this.#decoder.position = at;
    this.#decoder.ip = 0n;
    this.#decoder.decodeOut(iced);
    const ours = decode((offset) => this.#bytes[at + offset] ?? 0, this.#bits);
    const name = iced.code === Code.INVALID ? "(invalid)" : mnemonicNames[iced.mnemonic];
    const problem = judge(ours, iced, name, this.#bits);
    const { mnemonic, reason, length } = ours;
    const verdict = { iced: name, ours: mnemonic, reason, length };
    return problem === undefined ? verdict : { ...verdict, problem };
  }

  free(): void {
    this.#decoder.free();
    this.#iced.free();
  }
}

function judge(
  ours: Instruction,
  iced: IcedInstruction,
  name: string,
  bits: CodeSize,
): string | undefined {
  if (name === "(invalid)") {
    if (ours.mnemonic === "ud" || ours.mnemonic === "too_long") return undefined;
    return `valid here, invalid there`;
  }
  if (ours.mnemonic === "too_long") return "too long here, valid there";
  if (ours.length !== iced.length) return `length ${ours.length}, expected ${iced.length}`;
  if (ours.mnemonic === "sse" || ours.mnemonic === "x87" || ours.mnemonic === "ud") {
    return KNOWN.has(name) && !isVectorTwin(name, iced)
      ? `${ours.mnemonic} (${ours.reason}), expected ${name}`
      : undefined;
  }
  return sameMnemonic(ours, iced, name) ?? samePrefixes(ours, iced) ??
    sameSizes(ours, iced, name) ??
    sameOperands(ours, iced, bits);
}

/** MOVSD and CMPSD are string instructions and SSE2's too. */
function isVectorTwin(name: string, iced: IcedInstruction): boolean {
  return name === "movsd" && iced.code !== Code.Movsd_m32_m32 ||
    name === "cmpsd" && iced.code !== Code.Cmpsd_m32_m32;
}

/** Every name of iced's that we must not call unknown. */
const KNOWN: ReadonlySet<string> = new Set(
  [
    ...Object.values(NAMES).flat(),
    ..."add or adc sbb and sub xor cmp test not neg inc dec mul imul div idiv adcx adox mulx aaa"
      .split(" "),
    ..."aas aam aad daa das rol ror rcl rcr shl shr sar shld shrd rorx sarx shlx shrx bt bts btr"
      .split(" "),
    ..."btc bsf bsr tzcnt lzcnt popcnt bswap andn bextr blsi blsmsk blsr bzhi pdep pext mov movzx"
      .split(" "),
    ..."movbe movnti lea xchg xadd cmpxchg push pop enter leave jmp call ret loope loopne int int1"
      .split(" "),
    ..."int3 into bound in out clc stc cmc cld std cli sti clac stac lahf sahf salc arpl lar lsl"
      .split(" "),
    ..."verr verw sldt lldt str ltr sgdt sidt lgdt lidt smsw lmsw clts invlpg invpcid invd clflush"
      .split(" "),
    ..."rdmsr wrmsr rdpmc rdtsc rdtscp rdpid rdrand rdseed cpuid syscall sysenter swapgs rdfsbase"
      .split(" "),
    ..."rdgsbase wrfsbase wrgsbase vmcall hlt wait pause".split(" "),
  ],
);

function sameMnemonic(
  ours: Instruction,
  iced: IcedInstruction,
  name: string,
): string | undefined {
  const { mnemonic } = ours;
  if (mnemonic === "jcc" || mnemonic === "setcc" || mnemonic === "cmovcc") {
    const first = ours.operands[0];
    const condition = first.kind === "condition" ? first.condition : -1;
    const family = mnemonic === "jcc" ? "j" : mnemonic === "setcc" ? "set" : "cmov";
    if (!name.startsWith(family)) return `${mnemonic}, expected ${name}`;
    return iced.conditionCode === ConditionCode.o + condition
      ? undefined
      : `condition ${condition}, expected ${iced.conditionCode}`;
  }
  const names = NAMES[mnemonic] ?? [mnemonic];
  return names.includes(name) ? undefined : `${mnemonic}, expected ${name}`;
}

function samePrefixes(ours: Instruction, iced: IcedInstruction): string | undefined {
  if (ours.lock !== iced.hasLockPrefix) return "LOCK differs";
  if (iced.isStringInstruction) {
    const repeat = iced.hasRepnePrefix ? "repne" : iced.hasRepePrefix ? "rep" : "none";
    if (ours.repeat !== repeat) return `repeat ${ours.repeat}, expected ${repeat}`;
  }
  return undefined;
}

const codeNames: string[] = [];
for (const [name, value] of Object.entries(Code)) {
  if (typeof value === "number") codeNames[value] = name;
}
const LETTERS: Readonly<Record<string, number>> = { w: 2, d: 4, q: 8 };
const SIZED: Readonly<Record<string, number>> = {
  cbw: 2,
  cwde: 4,
  cdqe: 8,
  cwd: 2,
  cdq: 4,
  cqo: 8,
  sysretq: 8,
  sysexitq: 8,
  cmpxchg8b: 4,
  cmpxchg16b: 8,
};
const COUNTERS: Readonly<Record<string, number>> = { CX: 2, ECX: 4, RCX: 8 };

/** Sizes that no operand shows: in iced they are part of the code's name. */
function sameSizes(ours: Instruction, iced: IcedInstruction, name: string): string | undefined {
  const code = codeNames[iced.code];
  const letter = /^(?:Leave|Enter|Retn|Retf|Iret|Pushf|Popf|Pusha|Popa|Push|Pop)([wdq])(?:_|$)/
    .exec(code);
  const relative = /_rel(?:8|16|32)_(16|32|64)(?:_([ER]?CX))?$/.exec(code);
  const size = letter !== null
    ? LETTERS[letter[1]]
    : relative !== null
    ? Number(relative[1]) / 8
    : SIZED[name];
  if (size !== undefined && size !== ours.operandSize) {
    return `operand size ${ours.operandSize}, expected ${size} (${code})`;
  }
  const counter = relative?.[2] ?? /^j([er]?cx)z$/.exec(name)?.[1].toUpperCase();
  if (counter !== undefined && COUNTERS[counter] !== ours.addressSize) {
    return `address size ${ours.addressSize}, expected ${counter} (${code})`;
  }
  return undefined;
}

/** Operands that we leave to the mnemonic, or the other way round. */
function sameOperands(
  ours: Instruction,
  iced: IcedInstruction,
  bits: CodeSize,
): string | undefined {
  const operands = ours.operands.filter((operand) => operand.kind !== "condition");
  let first = 0;
  // iced names segment registers as operands; so do we. Forms with fewer operands there:
  switch (ours.mnemonic) {
    case "imul2":
      if (iced.opCount === 2) first = 1;
      break;
    case "load_far":
      first = 1;
      break;
    case "nop":
      if (iced.opCount !== operands.length || iced.opKind(0) === OpKind.Register) return undefined;
  }
  const count = operands.length - first;
  if (count !== iced.opCount) return `${count} operands, expected ${iced.opCount}`;
  for (let i = 0; i < count; i++) {
    const problem = sameOperand(ours, operands[i + first], iced, i, bits);
    if (problem !== undefined) return `operand ${i}: ${problem}`;
  }
  return undefined;
}

function sameOperand(
  ours: Instruction,
  operand: Operand,
  iced: IcedInstruction,
  i: number,
  bits: CodeSize,
): string | undefined {
  const kind = iced.opKind(i);
  switch (operand.kind) {
    case "register": {
      if (kind !== OpKind.Register) return "a register, expected something else";
      const expected = registerNumbers.get(iced.opRegister(i));
      // A 16-bit source, which iced shows as wide as it may be encoded.
      const loose = ["lar", "lsl", "lldt", "ltr", "verr", "verw", "lmsw", "loadsreg", "arpl"]
        .includes(ours.mnemonic) && operand.size === 2;
      if (
        expected?.register === operand.register && expected.high === operand.high &&
        (loose || expected.size === operand.size)
      ) return undefined;
      return `${show(operand)}, expected ${show(expected)}`;
    }
    case "memory":
      return sameMemory(ours, operand, iced, kind);
    case "immediate": {
      const mask = (1n << BigInt(8 * operand.size)) - 1n;
      const value = (BigInt(operand.high >>> 0) << 32n | BigInt(operand.low >>> 0)) & mask;
      const expected = iced.immediate(i) & mask;
      return value === expected ? undefined : `immediate ${value}, expected ${expected}`;
    }
    case "relative": {
      const mask = ours.operandSize === 2 ? 0xffffn : bits === 64 ? ~0n : 0xffff_ffffn;
      const target = BigInt(ours.length + operand.displacement) & mask;
      const expected = BigInt.asIntN(64, iced.nearBranchTarget) & mask;
      return target === expected ? undefined : `target ${target}, expected ${expected}`;
    }
    case "far": {
      const expected = kind === OpKind.FarBranch16 ? iced.farBranch16 : iced.farBranch32 >>> 0;
      return operand.selector === iced.farBranchSelector && operand.offset === expected
        ? undefined
        : `far ${operand.selector}:${operand.offset}`;
    }
    case "segment":
      return iced.opRegister(i) === Register.ES + operand.register ? undefined : "segment differs";
    case "control":
      return iced.opRegister(i) === Register.CR0 + operand.register ? undefined : "CR differs";
    case "debug":
      return iced.opRegister(i) === Register.DR0 + operand.register ? undefined : "DR differs";
  }
  return "strange operand";
}

const STRING_KINDS: ReadonlyMap<number, readonly [base: number, size: number]> = new Map([
  [OpKind.MemorySegSI, [6, 2]],
  [OpKind.MemorySegESI, [6, 4]],
  [OpKind.MemorySegRSI, [6, 8]],
  [OpKind.MemoryESDI, [7, 2]],
  [OpKind.MemoryESEDI, [7, 4]],
  [OpKind.MemoryESRDI, [7, 8]],
]);

function sameMemory(
  ours: Instruction,
  operand: MemoryOperand,
  iced: IcedInstruction,
  kind: OpKind,
): string | undefined {
  const string = STRING_KINDS.get(kind);
  if (string !== undefined) {
    const [base, size] = string;
    if (operand.base !== base || operand.addressSize !== size || operand.index !== -1) {
      return "string pointer differs";
    }
    const segment = base === 7 ? SEG.ES : segmentOf(iced, ours.codeSize, base);
    return operand.segment === segment ? sameSize(ours, operand, iced) : "string segment differs";
  }
  if (kind !== OpKind.Memory) return "memory, expected something else";
  const base = addressRegister(iced.memoryBase);
  // XLAT's AL is implied.
  const index = ours.mnemonic === "xlat" ? -1 : addressRegister(iced.memoryIndex);
  if (operand.base !== base) return `base ${operand.base}, expected ${base}`;
  if (operand.index !== index) return `index ${operand.index}, expected ${index}`;
  if (index >= 0 && operand.scale !== iced.memoryIndexScale) return "scale differs";
  const segment = segmentOf(iced, ours.codeSize, base);
  if (operand.segment !== segment) return `segment ${operand.segment}, expected ${segment}`;
  if (operand.addressSize !== ours.addressSize) return "address size differs";
  const mask = (1n << BigInt(8 * operand.addressSize)) - 1n;
  let displacement = BigInt(operand.displacementHigh) << 32n | BigInt(operand.displacement >>> 0);
  if (base === RIP_BASE) displacement += BigInt(ours.length);
  if ((displacement & mask) !== (iced.memoryDisplacementU64 & mask)) {
    return `displacement ${displacement}, expected ${iced.memoryDisplacement}`;
  }
  const width = addressWidth(iced);
  if (width !== undefined && width !== operand.addressSize) return "address width differs";
  return sameSize(ours, operand, iced);
}

const SIZES_APART = new Set([
  "nop",
  "lea",
  "invlpg",
  "invpcid",
  "clflush",
  "bound",
  "sgdt",
  "sidt",
]);

/** The operand's size against the name of iced's `MemorySize`. */
function sameSize(
  ours: Instruction,
  operand: MemoryOperand,
  iced: IcedInstruction,
): string | undefined {
  if (SIZES_APART.has(ours.mnemonic)) return undefined;
  const expected = memorySizes[iced.memorySize];
  return expected === operand.size ? undefined : `memory of ${operand.size}, expected ${expected}`;
}

function addressWidth(iced: IcedInstruction): number | undefined {
  for (const register of [iced.memoryBase, iced.memoryIndex]) {
    if (register === Register.EIP) return 4;
    if (register === Register.RIP) return 8;
    const known = registerNumbers.get(register);
    if (known !== undefined && known.size !== 1) return known.size;
  }
  return undefined;
}

function addressRegister(register: Register): number {
  if (register === Register.None) return -1;
  if (register === Register.RIP || register === Register.EIP) return RIP_BASE;
  return registerNumbers.get(register)?.register ?? -2;
}

/** iced's effective segment, but 64-bit code's ES, CS, SS and DS follow the default rule. */
function segmentOf(iced: IcedInstruction, bits: CodeSize, base: number): number {
  const segment = iced.memorySegment - Register.ES;
  if (bits !== 64 || segment >= SEG.FS) return segment;
  return base === 4 || base === 5 ? SEG.SS : SEG.DS;
}

function show(operand: RegisterOperand | undefined): string {
  if (operand === undefined) return "no general-purpose register";
  return `${operand.high ? "high " : ""}r${operand.register}:${operand.size}`;
}
