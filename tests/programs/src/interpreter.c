/* A bytecode machine with a stack: a sieve of primes and a recursive Fibonacci run on it. */
#include "platform.h"

enum {
  PUSH, LOAD, STORE, FETCH, PUT, ADD, SUB, MUL, MOD, LESS, EQUAL, DUP, DROP, SWAP,
  JUMP, JUMP_IF_ZERO, CALL, RETURN, PRINT, HALT
};

enum { LIMIT = 1000, ARRAY = 16 };

/* Globals: 0 i, 1 j, 2 count, 3 sum; from ARRAY on, the sieve. */
static const int32_t program[] = {
    /* 0: i = 2 */ PUSH, 2, STORE, 0,
    /* 4: while (i < LIMIT) */ LOAD, 0, PUSH, LIMIT, LESS, JUMP_IF_ZERO, 65,
    /* 11: if (!sieve[i]) */ LOAD, 0, PUSH, ARRAY, ADD, FETCH, JUMP_IF_ZERO, 21,
    /* 19: */ JUMP, 56,
    /* 21: count++, sum += i */ LOAD, 2, PUSH, 1, ADD, STORE, 2, LOAD, 3, LOAD, 0, ADD, STORE, 3,
    /* 35: for (j = i + i; */ LOAD, 0, DUP, ADD,
    /* 39: j < LIMIT; on the stack */ DUP, PUSH, LIMIT, LESS, JUMP_IF_ZERO, 55,
    /* 45: sieve[j] = 1 */ DUP, PUSH, ARRAY, ADD, PUT,
    /* 50: j += i */ LOAD, 0, ADD, JUMP, 39,
    /* 55: */ DROP,
    /* 56: i++ */ LOAD, 0, PUSH, 1, ADD, STORE, 0, JUMP, 4,
    /* 65: print count, sum */ LOAD, 2, PRINT, LOAD, 3, PRINT,
    /* 71: print fib(15) */ PUSH, 15, CALL, 77, PRINT, HALT,
    /* 77: fib: if (n < 2) return n */ DUP, PUSH, 2, LESS, JUMP_IF_ZERO, 84, RETURN,
    /* 84: return fib(n - 1) + fib(n - 2) */ DUP, PUSH, 1, SUB, CALL, 77,
    /* 90: */ SWAP, PUSH, 2, SUB, CALL, 77, ADD, RETURN,
};

static int32_t globals[ARRAY + LIMIT];
static uint32_t executed;
static int32_t printed[8];
static int prints;

static int execute(void) {
  int32_t stack[128], *sp = stack;
  uint16_t calls[128], *rp = calls;
  const int32_t *pc = program;
  for (;;) {
    executed++;
    switch (*pc++) {
      case PUSH: *sp++ = *pc++; break;
      case LOAD: *sp++ = globals[*pc++]; break;
      case STORE: globals[*pc++] = *--sp; break;
      case FETCH: sp[-1] = globals[sp[-1]]; break;
      case PUT: globals[*--sp] = 1; break;
      case ADD: sp--, sp[-1] += sp[0]; break;
      case SUB: sp--, sp[-1] -= sp[0]; break;
      case MUL: sp--, sp[-1] *= sp[0]; break;
      case MOD: sp--, sp[-1] %= sp[0]; break;
      case LESS: sp--, sp[-1] = sp[-1] < sp[0]; break;
      case EQUAL: sp--, sp[-1] = sp[-1] == sp[0]; break;
      case DUP: *sp = sp[-1], sp++; break;
      case DROP: sp--; break;
      case SWAP: {
        int32_t top = sp[-1];
        sp[-1] = sp[-2], sp[-2] = top;
        break;
      }
      case JUMP: pc = program + *pc; break;
      case JUMP_IF_ZERO: pc = *--sp ? pc + 1 : program + *pc; break;
      case CALL: *rp++ = (uint16_t)(pc + 1 - program), pc = program + *pc; break;
      case RETURN: pc = program + *--rp; break;
      case PRINT: printed[prints++ & 7] = *--sp; break;
      case HALT: return sp != stack;
      default: return 1;
    }
  }
}

int run(unsigned repeat) {
  int failed = 0;
  for (unsigned round = 0; round < repeat; round++) {
    memset(globals, 0, sizeof globals);
    prints = 0;
    failed |= execute();
  }
  put_field("primes", (uint32_t)printed[0]);
  put_field("sum", (uint32_t)printed[1]);
  put_field("fib", (uint32_t)printed[2]);
  put_field("executed", executed);
  return failed || printed[0] != 168 || printed[2] != 610;
}
