/**
 * Numbers of the ELF format, as far as images for this machine use them.
 *
 * @see System V ABI, "Object Files"; AMD64 psABI supplement, "Object Files"
 */

/** The first four bytes, as a little-endian word. */
export const ELF_MAGIC = 0x464c_457f;

/** Offsets within `e_ident`, the 16 bytes that both classes share. */
export const EI = { CLASS: 4, DATA: 5, VERSION: 6, SIZE: 16 } as const;

/** `e_ident[EI.CLASS]`. */
export const ELFCLASS = { BITS_32: 1, BITS_64: 2 } as const;

/** `e_ident[EI.DATA]`. */
export const ELFDATA = { LITTLE: 1, BIG: 2 } as const;

/** The only version there is. */
export const EV_CURRENT = 1;

/** `e_type`. */
export const ET = { REL: 1, EXEC: 2, DYN: 3, CORE: 4 } as const;

/** `e_machine`. */
export const EM = { I386: 3, X86_64: 62 } as const;

/** `p_type`. */
export const PT = { LOAD: 1, DYNAMIC: 2, INTERP: 3 } as const;

/** `p_flags`. */
export const PF = { X: 1, W: 2, R: 4 } as const;

/** `e_phnum` when the true count is elsewhere (65,535 segments or more). */
export const PN_XNUM = 0xffff;

/** `d_tag` of the entries that ask for relocations. */
export const DT = { NULL: 0, PLTRELSZ: 2, RELASZ: 8, RELSZ: 18, RELRSZ: 35 } as const;

/** `sh_type`. */
export const SHT = { SYMTAB: 2, STRTAB: 3 } as const;

/** `st_shndx` of a symbol that is defined elsewhere. */
export const SHN_UNDEF = 0;

/** Low four bits of `st_info`. */
export const STT = { NOTYPE: 0, OBJECT: 1, FUNC: 2, SECTION: 3, FILE: 4 } as const;

/** Where the fields of the two classes lie; offsets and sizes in bytes. `word` is an address. */
export interface ElfShape {
  readonly bits: 32 | 64;
  /** Bytes of an address, an offset or a size. */
  readonly word: 4 | 8;
  readonly header: {
    readonly size: number;
    readonly entry: number;
    readonly phoff: number;
    readonly shoff: number;
    readonly ehsize: number;
    readonly phentsize: number;
    readonly phnum: number;
    readonly shentsize: number;
    readonly shnum: number;
  };
  readonly segment: {
    readonly size: number;
    readonly flags: number;
    readonly offset: number;
    readonly vaddr: number;
    readonly paddr: number;
    readonly filesz: number;
    readonly memsz: number;
    readonly align: number;
  };
  readonly section: {
    readonly size: number;
    readonly offset: number;
    readonly bytes: number;
    readonly link: number;
    readonly entsize: number;
  };
  readonly symbol: {
    readonly size: number;
    readonly value: number;
    readonly bytes: number;
    readonly info: number;
    readonly shndx: number;
  };
}

/** ELF64. */
export const ELF64: ElfShape = {
  bits: 64,
  word: 8,
  header: {
    size: 64,
    entry: 24,
    phoff: 32,
    shoff: 40,
    ehsize: 52,
    phentsize: 54,
    phnum: 56,
    shentsize: 58,
    shnum: 60,
  },
  segment: {
    size: 56,
    flags: 4,
    offset: 8,
    vaddr: 16,
    paddr: 24,
    filesz: 32,
    memsz: 40,
    align: 48,
  },
  section: { size: 64, offset: 24, bytes: 32, link: 40, entsize: 56 },
  symbol: { size: 24, value: 8, bytes: 16, info: 4, shndx: 6 },
};

/** ELF32. */
export const ELF32: ElfShape = {
  bits: 32,
  word: 4,
  header: {
    size: 52,
    entry: 24,
    phoff: 28,
    shoff: 32,
    ehsize: 40,
    phentsize: 42,
    phnum: 44,
    shentsize: 46,
    shnum: 48,
  },
  segment: {
    size: 32,
    flags: 24,
    offset: 4,
    vaddr: 8,
    paddr: 12,
    filesz: 16,
    memsz: 20,
    align: 28,
  },
  section: { size: 40, offset: 16, bytes: 20, link: 24, entsize: 36 },
  symbol: { size: 16, value: 4, bytes: 8, info: 12, shndx: 14 },
};
