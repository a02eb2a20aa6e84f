/* What the parts of the silicon harness share. The file format is told in README.md. */
#ifndef SILICON_H
#define SILICON_H
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t i64;

/* Linear addresses; tests/_support/silicon.ts has the same. */
#define CODE 0x10000000u       /* one page, user, read and execute; 0xCC but for the instruction */
#define START_OFFSET 0x800u    /* of the instruction in the code page */
#define DATA 0x20000000u       /* two pages, user, read and write, no execute */
#define DATA_SIZE 0x2000u
#define STACK 0x30000000u      /* one page, like data */
#define STACK_SIZE 0x1000u
#define HOLE 0x40000000u       /* never mapped */
#define READ_ONLY 0x50000000u  /* one page, user, read only, no execute */
#define READ_ONLY_SIZE 0x1000u
#define GS_BASE_64 0x20001000u /* IA32_GS_BASE in 64-bit code */
#define SCRATCH 0x0fff0000u    /* the harness's own: preludes save registers here */

#define F_CF 0x1u
#define F_PF 0x4u
#define F_AF 0x10u
#define F_ZF 0x40u
#define F_SF 0x80u
#define F_DF 0x400u
#define F_OF 0x800u
#define F_RF 0x10000u
#define F_AC 0x40000u

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };
enum { ES, CS, SS, DS, FS, GS, NO_SEG = -1 };

/* Environments. MODE_32S is 32-bit code whose DS, ES and GS are small segments of the LDT. */
enum { MODE_64, MODE_32, MODE_32S, MODE_16 };

typedef struct { u32 state; } Rng;
u32 rng_next(Rng *r);
u64 rng_edge(Rng *r);
u32 hash_name(const char *name, int code_size);
u32 hash_bytes(u32 h, const u8 *bytes, u32 size);
u32 hash_case(u32 form_hash, u32 index);

typedef struct Ctx Ctx;
typedef struct Form {
  const char *family;
  char name[48];
  int code_size;          /* 16, 32, 64 */
  void (*gen)(Ctx *);
  int op, size, mem, x;   /* parameters of gen; mem: 0 register, 1 memory, 2 either */
  int cases;
  int partial_stores;     /* on a fault, memory may have changed: not to be compared */
  int partial_registers;  /* likewise the general registers but RSP */
  u32 check;              /* hash of all states before, for readers that derive them */
  u32 unstable_flags;     /* found while capturing */
  int unstable;           /* cases in which anything but flags differed between repetitions */
} Form;

typedef struct { u32 address; u8 length; u8 bytes[64]; } Bytes;

struct Ctx {
  Form *form;
  Rng g;                  /* the generator's choices; the state before has a stream of its own */
  int mode, code_size;
  u8 code[32];
  int length;
  u64 derived[16], reg[16];
  u32 derived_flags, flags;
  Bytes pokes[4];
  int npokes;
  u32 pinned;             /* registers whose values are chosen */
  u32 addressed;          /* registers that the memory operand's address is made of */
  int norex;
  u64 target;             /* linear address of the memory operand */
};

/* An instruction being built. */
typedef struct {
  int lock, rep, seg, a67, o66, rexw;
  int vex, vexpp, vvvv, vexl;
  int map, op;
  int modrm, reg, regbyte;
  int mem, rm, rmbyte;
  int asz, base, index, scale, disp_size, rip_relative, rm16;
  int64_t disp;
  int imm_size;
  u64 imm;
} Insn;

extern u8 background_data[DATA_SIZE], background_stack[STACK_SIZE], background_ro[READ_ONLY_SIZE];
void make_background(void);
u64 background_read(Ctx *c, u64 address, int bytes);

/* encode.c */
u32 rnd(Ctx *c, u32 n);
int chance(Ctx *c, int in);
Insn insn(Ctx *c, int map, int op, int size);
int pick_reg(Ctx *c);
int pick_free(Ctx *c);
void set_reg(Ctx *c, int reg, u64 value, int width);
void set_flags(Ctx *c, u32 flags);
void poke(Ctx *c, u64 address, u64 value, int bytes);
u64 edge_imm(Ctx *c, int size);
u64 seg_base(Ctx *c, int seg);
u64 pick_target(Ctx *c, int bytes);
void memory(Ctx *c, Insn *in, int bytes);
void memory_at(Ctx *c, Insn *in, u64 target);
void operand(Ctx *c, Insn *in, int bytes);
u64 operand_value(Ctx *c, Insn *in, int bytes);
void imm(Ctx *c, Insn *in, int size);
void maybe_lock(Ctx *c, Insn *in);
void emit(Ctx *c, Insn *in);
void raw(Ctx *c, const u8 *bytes, int n);
u32 start_ip(Ctx *c);

/* forms */
void add_form(const char *family, int code_size, void (*gen)(Ctx *), int op, int size, int mem,
              int x, const char *format, ...) __attribute__((format(printf, 8, 9)));
Form *last_form(void);
void forms_alu(void);
void forms_move(void);
void forms_stack(void);
void forms_shift(void);
void forms_bit(void);
void forms_branch(void);
void forms_string(void);
void forms_misc(void);
void forms_fault(void);
#define EACH_CODE_SIZE(cs) for (int cs = 64; cs >= 16; cs /= 2)
#define MEM_KINDS(cs, m) \
  for (int m = (cs) == 16 ? 2 : 0, m##_end = (cs) == 16 ? 2 : 1; m <= m##_end; m++)
extern const char *const MEM_SUFFIX[3];

extern Form forms[];
extern int nforms;
#define CASES 200

/* engine.c, writer.c */
typedef struct {
  int vector;             /* -1: none */
  u32 error;
  u64 cr2, rip, reg[16];
  u32 flags;
  int nmem;
  Bytes mem[64];
} Outcome;
void engine_init(void);
void engine_run(Form *f);
void writer_case(Ctx *c, Outcome *o);
void writer_begin(const char *family);
void writer_end(const char *directory, int cases);
void writer_form(Form *f);
void build_case(Ctx *c, Form *f, int index);
#endif
