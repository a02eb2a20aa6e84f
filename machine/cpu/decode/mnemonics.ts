/**
 * The keys of the semantics: one per behaviour. What the decoder hands over with each, in
 * this order of operands:
 *
 * | mnemonic | operands and remarks |
 * |---|---|
 * | `add` `or` `adc` `sbb` `and` `sub` `xor` `cmp` `test` `mov` `xchg` `xadd` `cmpxchg` | destination, source |
 * | `not` `neg` `inc` `dec` `mul` `imul1` `div` `idiv` `bswap` | one operand |
 * | `imul2` | destination, first source, second source (two-operand form: destination twice) |
 * | `rol` … `sar` | destination, count: immediate 8 (unmasked), immediate 1, or CL |
 * | `shld` `shrd` | destination, source, count: immediate 8 or CL |
 * | `bt` `bts` `btr` `btc` | destination, bit: a register of the same size (memory: a signed bit string offset) or immediate 8 |
 * | `bsf` `bsr` `tzcnt` `lzcnt` `popcnt` `movzx` `movsx` `movbe` `lea` `lar` `lsl` | destination, source (`movsx` is MOVSXD too; `lea`'s memory has size 0; `lar` and `lsl` have a 16-bit source) |
 * | `jcc` | condition, relative |
 * | `setcc` `cmovcc` | condition, destination(, source) |
 * | `jmp` `call` | relative, or register or memory with the new RIP |
 * | `jmp_far` `call_far` | far pointer, or memory of size 4, 6 or 10 (offset, then selector) |
 * | `ret` `ret_far` | none, or the immediate 16 that is added to RSP |
 * | `loop` `loope` `loopne` `jcxz` | relative; counter by `addressSize` |
 * | `push` `pop` | register, memory or immediate of `operandSize`; `push_sreg` `pop_sreg`: segment |
 * | `pusha` `popa` `pushf` `popf` `iret` `leave` `cbw` `cwd` | none; by `operandSize` (`cbw`: CBW CWDE CDQE, `cwd`: CWD CDQ CQO) |
 * | `enter` | immediate 16, immediate 8 |
 * | `movsreg` | register of `operandSize` or 16-bit memory, segment |
 * | `loadsreg` | segment (never CS), 16-bit register or memory |
 * | `load_far` | segment, register, memory of size 4, 6 or 10: LDS LES LSS LFS LGS |
 * | `mov_cr_read` `mov_dr_read` | register of 4 or 8 bytes, control or debug register; `…_write`: the reverse |
 * | `movs` | memory ES:rDI, memory segment:rSI; their size is the element's, with the address size applied |
 * | `cmps` | memory segment:rSI, memory ES:rDI |
 * | `stos` `scas` `lods` | `stos`: memory ES:rDI, accumulator; `scas`: accumulator, memory ES:rDI; `lods`: accumulator, memory segment:rSI |
 * | `ins` `outs` | `ins`: memory ES:rDI, DX; `outs`: DX, memory segment:rSI (element 1, 2 or 4 bytes) |
 * | `in` `out` | accumulator, port (immediate 8 or DX); `out`: the reverse |
 * | `xlat` | memory segment:rBX of one byte, to which AL is to be added |
 * | `aam` `aad` `int` | immediate 8; `aaa` `aas` `daa` `das` `salc` `int1` `int3` `into`: none |
 * | `bound` | register, memory of twice `operandSize`; `arpl`: 16-bit destination, source |
 * | `sldt` `str` `smsw` | register of `operandSize` or 16-bit memory; `lldt` `ltr` `verr` `verw` `lmsw`: 16-bit source |
 * | `sgdt` `sidt` `lgdt` `lidt` | memory of size 6 (in 64-bit code 10) |
 * | `invlpg` `clflush` `invpcid` | memory of size 0; memory of size 1; register of 4 or 8 bytes, memory of size 16 |
 * | `cmpxchg8b` | memory of size 8, or with `operandSize` 8 (CMPXCHG16B) of size 16 |
 * | `rdrand` `rdseed` `rdpid` `rdfsbase` … | one register |
 * | `movnti` | memory, register |
 * | `andn` | destination, first source (inverted), second source |
 * | `bextr` `bzhi` | destination, source, control; `sarx` `shlx` `shrx`: destination, source, count; `rorx`: count is immediate 8 |
 * | `blsr` `blsmsk` `blsi` | destination, source |
 * | `mulx` | high destination, low destination, source; `pdep` `pext`: destination, source, mask |
 * | `adcx` `adox` | destination, source |
 * | `nop` | none, or operands that must not be touched: 90, 0F 0D, 0F 18–1F, prefetches, ENDBR |
 * | `fence` | LFENCE, MFENCE, SFENCE |
 * | `x87` `sse` | none; `reason` names the family. No such CPUID bit: #UD, or #NM where CR0 says so |
 * | `ud` | none; `reason` says why. UD0, UD1, UD2 and whatever CPUID lacks |
 * | `too_long` | none: more than 15 bytes, which is #GP(0) |
 *
 * `operandSize` is that of the operands wherever they are not bytes; where 66 chooses the
 * instruction (ADCX) or means nothing (MOV to CR3, CMPXCHG8B) it does not count. For jumps, calls
 * and returns it is the size that RIP is cut to.
 *
 * The BMI instructions that are VEX-encoded (`andn` … `pext`) and the segment instructions
 * (`arpl` `lar` `lsl` `lldt` `ltr` `sldt` `str` `verr` `verw`) are #UD in real and virtual-8086
 * mode, of which the decoder knows nothing.
 */

/** Every mnemonic that `decode()` gives. */
export const MNEMONICS = [
  // Arithmetic and logic
  "add",
  "or",
  "adc",
  "sbb",
  "and",
  "sub",
  "xor",
  "cmp",
  "test",
  "not",
  "neg",
  "inc",
  "dec",
  "mul",
  "imul1",
  "imul2",
  "div",
  "idiv",
  "adcx",
  "adox",
  "mulx",
  "aaa",
  "aas",
  "aam",
  "aad",
  "daa",
  "das",
  "cbw",
  "cwd",
  // Shifts and bits
  "rol",
  "ror",
  "rcl",
  "rcr",
  "shl",
  "shr",
  "sar",
  "shld",
  "shrd",
  "rorx",
  "sarx",
  "shlx",
  "shrx",
  "bt",
  "bts",
  "btr",
  "btc",
  "bsf",
  "bsr",
  "tzcnt",
  "lzcnt",
  "popcnt",
  "bswap",
  "andn",
  "bextr",
  "blsi",
  "blsmsk",
  "blsr",
  "bzhi",
  "pdep",
  "pext",
  // Moves
  "mov",
  "movzx",
  "movsx",
  "movbe",
  "movnti",
  "lea",
  "xchg",
  "xadd",
  "cmpxchg",
  "cmpxchg8b",
  "setcc",
  "cmovcc",
  "xlat",
  "movsreg",
  "loadsreg",
  "load_far",
  // Stack
  "push",
  "pop",
  "push_sreg",
  "pop_sreg",
  "pusha",
  "popa",
  "pushf",
  "popf",
  "enter",
  "leave",
  // Control flow
  "jmp",
  "jmp_far",
  "jcc",
  "call",
  "call_far",
  "ret",
  "ret_far",
  "iret",
  "loop",
  "loope",
  "loopne",
  "jcxz",
  "int",
  "int1",
  "int3",
  "into",
  "bound",
  // Strings and ports
  "movs",
  "cmps",
  "stos",
  "lods",
  "scas",
  "ins",
  "outs",
  "in",
  "out",
  // Flags
  "clc",
  "stc",
  "cmc",
  "cld",
  "std",
  "cli",
  "sti",
  "clac",
  "stac",
  "lahf",
  "sahf",
  "salc",
  // System
  "arpl",
  "lar",
  "lsl",
  "verr",
  "verw",
  "sldt",
  "lldt",
  "str",
  "ltr",
  "sgdt",
  "sidt",
  "lgdt",
  "lidt",
  "smsw",
  "lmsw",
  "clts",
  "mov_cr_read",
  "mov_cr_write",
  "mov_dr_read",
  "mov_dr_write",
  "invlpg",
  "invpcid",
  "invd",
  "wbinvd",
  "clflush",
  "rdmsr",
  "wrmsr",
  "rdpmc",
  "rdtsc",
  "rdtscp",
  "rdpid",
  "rdrand",
  "rdseed",
  "cpuid",
  "syscall",
  "sysret",
  "sysenter",
  "sysexit",
  "swapgs",
  "rdfsbase",
  "rdgsbase",
  "wrfsbase",
  "wrgsbase",
  "vmcall",
  "hlt",
  "wait",
  "pause",
  "nop",
  "fence",
  // What is not there
  "x87",
  "sse",
  "ud",
  "too_long",
] as const;

/** Key of the semantics table: `Record<Mnemonic, Semantics>` is complete by construction. */
export type Mnemonic = typeof MNEMONICS[number];
