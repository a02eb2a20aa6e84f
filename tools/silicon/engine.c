/*
 * Runs a case on the processor: a signal handler returns into it with every register chosen, and
 * the int3 that fills the code page, or the fault, brings it back with every register as the
 * instruction left it.
 */
#define _GNU_SOURCE
#include "silicon.h"
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define VARIANTS 4
void signal_entry(int, siginfo_t *, void *);
void signal_handler(int sig, siginfo_t *info, ucontext_t *uc);

static u8 *code_alias; /* the writable view of the code page */
static u8 alternate_stack[1 << 17] __attribute__((aligned(64)));
static Form *form;
static Ctx ctx;
static int index_, variant, running, wanted_mode;
static Outcome first, now;
static mcontext_t home;
static int prelude_length;

static void *map(u32 at, u32 size, int protection) {
  void *p = mmap((void *)(u64)at, size, protection, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) perror("mmap"), exit(1);
  return p;
}

static void ldt(unsigned entry, u32 base, u32 limit, unsigned contents) {
  struct user_desc d = {.entry_number = entry, .base_addr = base, .limit = limit,
                        .contents = contents, .useable = 1};
  if (syscall(SYS_modify_ldt, 0x11, &d, sizeof d)) perror("modify_ldt"), exit(1);
}

void engine_init(void) {
  int fd = memfd_create("code", 0);
  if (ftruncate(fd, 4096)) exit(1);
  code_alias = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  memset(code_alias, 0xcc, 4096);
  mmap((void *)(u64)CODE, 4096, PROT_READ | PROT_EXEC, MAP_FIXED | MAP_SHARED, fd, 0);
  memcpy(map(DATA, DATA_SIZE, PROT_READ | PROT_WRITE), background_data, DATA_SIZE);
  memcpy(map(STACK, STACK_SIZE, PROT_READ | PROT_WRITE), background_stack, STACK_SIZE);
  memcpy(map(READ_ONLY, READ_ONLY_SIZE, PROT_READ | PROT_WRITE), background_ro, READ_ONLY_SIZE);
  mprotect((void *)(u64)READ_ONLY, READ_ONLY_SIZE, PROT_READ);
  map(SCRATCH, 4096, PROT_READ | PROT_WRITE);
  ldt(0, CODE, 0xffff, 2);
  ldt(1, DATA, 0x1fff, 0);
  ldt(2, STACK, 0xffff, 0);
  ldt(3, DATA, 0xffff, 0);
  stack_t st = {.ss_sp = alternate_stack, .ss_size = sizeof alternate_stack};
  sigaltstack(&st, 0);
  struct sigaction sa = {.sa_sigaction = signal_entry, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigfillset(&sa.sa_mask);
  static const int SIGNALS[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
  for (int i = 0; i < 5; i++) sigaction(SIGNALS[i], &sa, 0);
}

static void enter_mode(int mode) {
  static const u16 DS_ES[4][2] = {{0, 0}, {0x2b, 0x2b}, {0x0f, 0x0f}, {0x0f, 0x1f}};
  static const u16 GS_[4] = {0, 0x0f, 0x0f, 0x1f};
  __asm__ volatile("mov %0, %%ds" ::"r"((u32)DS_ES[mode][0]));
  __asm__ volatile("mov %0, %%es" ::"r"((u32)DS_ES[mode][1]));
  __asm__ volatile("mov %0, %%gs" ::"r"((u32)GS_[mode]));
  if (mode == MODE_64) syscall(SYS_arch_prctl, ARCH_SET_GS, (u64)GS_BASE_64);
}

static void fatal(const char *what) {
  fprintf(stderr, "%s: %s (%d-bit) case %d variant %d vector %d rip %lx err %x cr2 %lx code", what,
          form->name, form->code_size, index_, variant, now.vector, now.rip, now.error, now.cr2);
  for (int i = 0; i < ctx.length; i++) fprintf(stderr, " %02x", ctx.code[i]);
  fprintf(stderr, "\n");
  _exit(1);
}

/* What runs just before, so that flags which a form leaves undefined have different pasts. */
static int prelude(u8 *to) {
  u32 f = ctx.flags;
  u8 cf = f & F_CF ? 0xf9 : 0xf8, df = f & F_DF ? 0xfd : 0xfc;
  if (variant == 0) return 0;
  if (variant == 1 || (variant == 3 && ctx.mode == MODE_16)) {
    memcpy(to, (u8[]){0xf5, 0x90, 0xf5}, 3);
    return variant == 1 ? 3 : (to[3] = df, 4);
  }
  if (variant == 2) {
    memcpy(to, (u8[]){df, cf, 0x90}, 3);
    return 3;
  }
  *(u64 *)(u64)(SCRATCH + 0x200) = f;
#define S0 SCRATCH & 0xff, SCRATCH >> 8 & 0xff, SCRATCH >> 16 & 0xff, SCRATCH >> 24
#define S1 0x00, (SCRATCH >> 8 & 0xff) | 1, SCRATCH >> 16 & 0xff, SCRATCH >> 24
#define S2 0x00, (SCRATCH >> 8 & 0xff) | 2, SCRATCH >> 16 & 0xff, SCRATCH >> 24
  static const u8 P64[] = {0x48, 0x89, 0x24, 0x25, S0, 0x48, 0xc7, 0xc4, S1, 0x50, 0x52,
    0x48, 0xf7, 0xe2, 0xc1, 0xe0, 3, 0x48, 0xff, 0xc8, 0x5a, 0x58,
    0xff, 0x34, 0x25, S2, 0x9d, 0x48, 0x8b, 0x24, 0x25, S0};
  static const u8 P32[] = {0x36, 0x89, 0x25, S0, 0xbc, S1, 0x50, 0x52,
    0xf7, 0xe2, 0xc1, 0xe0, 3, 0x48, 0x5a, 0x58,
    0x36, 0xff, 0x35, S2, 0x9d, 0x36, 0x8b, 0x25, S0};
  if (ctx.mode == MODE_64) return memcpy(to, P64, sizeof P64), (int)sizeof P64;
  return memcpy(to, P32, sizeof P32), (int)sizeof P32;
}

static void launch(mcontext_t *m) {
  static const u16 CODE_SEL[4] = {0x33, 0x23, 0x23, 0x07}, STACK_SEL[4] = {0x2b, 0x2b, 0x2b, 0x17};
  static const int GREG[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI,
    REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  u8 p[64];
  memset(code_alias + START_OFFSET - 64, 0xcc, 64 + 32);
  prelude_length = prelude(p);
  memcpy(code_alias + START_OFFSET - prelude_length, p, (size_t)prelude_length);
  memcpy(code_alias + START_OFFSET, ctx.code, (size_t)ctx.length);
  for (int i = 0; i < ctx.npokes; i++)
    memcpy((void *)(u64)ctx.pokes[i].address, ctx.pokes[i].bytes, ctx.pokes[i].length);
  greg_t *g = m->gregs;
  for (int i = 0; i < 16; i++) g[GREG[i]] = (greg_t)ctx.reg[i];
  g[REG_RIP] = start_ip(&ctx) - prelude_length;
  g[REG_EFL] = ctx.flags;
  g[REG_CSGSFS] = (g[REG_CSGSFS] & 0xffffffff0000) | CODE_SEL[ctx.mode] |
                  (greg_t)((u64)STACK_SEL[ctx.mode] << 48);
}

static void changes(u32 at, u32 size, const u8 *background) {
  u8 *live = (u8 *)(u64)at;
  if (!ctx.npokes && !memcmp(live, background, size)) return;
  u8 before[DATA_SIZE];
  memcpy(before, background, size);
  for (int i = 0; i < ctx.npokes; i++)
    if (ctx.pokes[i].address - at < size)
      memcpy(before + (ctx.pokes[i].address - at), ctx.pokes[i].bytes, ctx.pokes[i].length);
  for (u32 i = 0; i < size; i++) {
    if (live[i] == before[i]) continue;
    u32 end = i + 1, last = i + 1;
    for (; end < size && end < last + 4 && end - i < 64; end++)
      if (live[end] != before[end]) last = end + 1;
    if (now.nmem == 64) fatal("too many changes");
    Bytes *b = &now.mem[now.nmem++];
    b->address = at + i;
    b->length = (u8)(last - i);
    memcpy(b->bytes, live + i, last - i);
    i = last - 1;
  }
  memcpy(live, background, size);
}

static void collect(mcontext_t *m) {
  static const int GREG[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI,
    REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  memset(&now, 0, sizeof now);
  greg_t *g = m->gregs;
  int trap = (int)g[REG_TRAPNO];
  u32 start = start_ip(&ctx);
  now.rip = (u64)g[REG_RIP];
  now.flags = (u32)g[REG_EFL] & ~F_RF;
  int count = ctx.mode == MODE_64 ? 16 : 8;
  for (int i = 0; i < count; i++)
    now.reg[i] = ctx.mode == MODE_64 ? (u64)g[GREG[i]] : (u32)g[GREG[i]];
  changes(DATA, DATA_SIZE, background_data);
  changes(STACK, STACK_SIZE, background_stack);
  now.vector = -1;
  if (trap == 3) {
    now.rip -= 1;
    if (now.rip == start) fatal("breakpoint at the start");
    return;
  }
  /* A fault elsewhere is the next instruction's fetch: this one has ended well. */
  if (now.rip != start && trap != 4) {
    if (trap != 14 && trap != 13) fatal("fault elsewhere");
    if (trap == 14 && !(g[REG_ERR] & 16)) fatal("data fault elsewhere");
    return;
  }
  now.vector = trap;
  now.error = (u32)g[REG_ERR];
  /* Linux hides what is mapped beyond the user's half by setting P. Nothing is, here. */
  if (trap == 14 && (u64)g[REG_CR2] >= 0x7ffffffff000) now.error &= ~1u;
  now.cr2 = trap == 14 ? (u64)g[REG_CR2] : 0;
}

static int agree(void) {
  form->unstable_flags |= first.flags ^ now.flags;
  Outcome a = first, b = now;
  a.flags = b.flags = 0;
  return !memcmp(&a, &b, sizeof a);
}

void signal_handler(int sig, siginfo_t *info, ucontext_t *uc) {
  (void)sig;
  (void)info;
  mcontext_t *m = &uc->uc_mcontext;
  if (!running) {
    home = *m;
    running = 1;
  } else {
    collect(m);
    if (variant == 0) first = now;
    else if (!agree()) {
      form->unstable++;
      if (form->unstable <= 3 && getenv("VERBOSE")) {
        fprintf(stderr, "unstable %s/%d case %d variant %d:", form->name, form->code_size, index_, variant);
        for (int i = 0; i < ctx.length; i++) fprintf(stderr, " %02x", ctx.code[i]);
        fprintf(stderr, "\n");
      }
    }
    if (++variant == VARIANTS) {
      variant = 0;
      writer_case(&ctx, &first);
      index_++;
    }
  }
  if (variant == 0 && index_ < form->cases) build_case(&ctx, form, index_);
  if (index_ == form->cases || ctx.mode != wanted_mode) {
    /* Home again: at the end, or to have DS, ES and GS loaded for another environment. */
    wanted_mode = index_ == form->cases ? -1 : ctx.mode;
    void *fp = m->fpregs;
    *m = home;
    m->fpregs = fp;
    running = 0;
    return;
  }
  launch(m);
}

void engine_run(Form *f) {
  form = f;
  index_ = variant = 0;
  build_case(&ctx, f, 0);
  wanted_mode = ctx.mode;
  while (wanted_mode >= 0) {
    enter_mode(wanted_mode);
    __asm__ volatile("int3" ::: "memory", "cc");
  }
}
