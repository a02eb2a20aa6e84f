/* silicon DIRECTORY [FAMILY]: captures all families, or one, into DIRECTORY. */
#include "silicon.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <unistd.h>

Form forms[8000];
int nforms;
const char *const MEM_SUFFIX[3] = {"", " mem", ""};

void add_form(const char *family, int code_size, void (*gen)(Ctx *), int op, int size, int mem,
              int x, const char *format, ...) {
  Form *f = &forms[nforms++];
  *f = (Form){.family = family, .code_size = code_size, .gen = gen, .op = op, .size = size,
              .mem = mem, .x = x, .cases = CASES, .check = 0x811c9dc5u};
  va_list args;
  va_start(args, format);
  vsnprintf(f->name, sizeof f->name, format, args);
  va_end(args);
  strncat(f->name, MEM_SUFFIX[mem], sizeof f->name - strlen(f->name) - 1);
}

Form *last_form(void) { return &forms[nforms - 1]; }

static void capture(const char *family, const char *directory) {
  int cases = 0;
  writer_begin(family);
  for (int i = 0; i < nforms; i++) {
    Form *f = &forms[i];
    if (strcmp(f->family, family)) continue;
    engine_run(f);
    writer_form(f);
    cases += f->cases;
    if (f->unstable_flags || f->unstable)
      printf("unstable: %s, %d-bit code: flags %x; %d cases in more than flags\n", f->name, f->code_size,
             f->unstable_flags, f->unstable);
  }
  writer_end(directory, cases);
}

int main(int argc, char **argv) {
  if (argc < 2) return fprintf(stderr, "use: silicon DIRECTORY [FAMILY]\n"), 2;
  if (!(personality(0xffffffff) & ADDR_NO_RANDOMIZE)) {
    personality(ADDR_NO_RANDOMIZE);
    execv("/proc/self/exe", argv);
  }
  setbuf(stdout, 0);
  make_background();
  engine_init();
  forms_alu(), forms_move(), forms_stack(), forms_shift(), forms_bit();
  forms_branch(), forms_string(), forms_misc(), forms_fault();
  for (int i = 0; i < nforms; i++)
    for (int k = 0; k < i; k++)
      if (forms[i].code_size == forms[k].code_size && !strcmp(forms[i].name, forms[k].name))
        return fprintf(stderr, "two forms are called %s\n", forms[i].name), 1;
  for (int i = 0; i < nforms; i++) {
    int seen = 0;
    for (int k = 0; k < i; k++) seen |= !strcmp(forms[k].family, forms[i].family);
    if (!seen && (argc < 3 || !strcmp(argv[2], forms[i].family)))
      capture(forms[i].family, argv[1]);
  }
  return 0;
}
