/* A JSON parser into a node pool, and a printer: what is printed parses to the same text again. */
#include "platform.h"

typedef enum { NUL, FALSE, TRUE, NUMBER, STRING, ARRAY, OBJECT } Kind;

typedef struct Node {
  Kind kind;
  int64_t number;
  const char *text;
  uint32_t length;
  struct Node *key, *child, *next;
} Node;

enum { NODES = 400 };
static Node pool[NODES];
static int used;
static const char *at;
static const char *error;

static Node *value(int depth);

static Node *node(Kind kind) {
  if (used == NODES) {
    error = "too many nodes";
    return &pool[0];
  }
  Node *n = &pool[used++];
  memset(n, 0, sizeof *n);
  n->kind = kind;
  return n;
}

static void space(void) {
  while (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r') at++;
}

static int accept(char c) {
  space();
  if (*at != c) return 0;
  at++;
  return 1;
}

static Node *word(const char *text, Kind kind) {
  while (*text) {
    if (*at++ != *text++) {
      error = "unknown word";
      break;
    }
  }
  return node(kind);
}

static Node *string(void) {
  Node *n = node(STRING);
  n->text = at;
  while (*at != '"') {
    if (*at == '\\') at++;
    if (!*at) {
      error = "string without an end";
      return n;
    }
    at++;
  }
  n->length = (uint32_t)(at++ - n->text);
  return n;
}

static Node *number(void) {
  Node *n = node(NUMBER);
  int negative = *at == '-';
  if (negative) at++;
  if (*at < '0' || *at > '9') error = "no digit";
  while (*at >= '0' && *at <= '9') n->number = n->number * 10 + (*at++ - '0');
  if (negative) n->number = -n->number;
  return n;
}

static Node *list(Kind kind, char end, int depth) {
  Node *n = node(kind), **tail = &n->child;
  if (accept(end)) return n;
  do {
    Node *key = NULL;
    if (kind == OBJECT) {
      if (!accept('"')) {
        error = "no key";
        return n;
      }
      key = string();
      if (!accept(':')) error = "no colon";
    }
    if (error) return n;
    *tail = value(depth + 1);
    (*tail)->key = key;
    tail = &(*tail)->next;
  } while (!error && accept(','));
  if (!error && !accept(end)) error = "list without an end";
  return n;
}

static Node *value(int depth) {
  space();
  if (depth > 30) error = "too deep";
  if (error) return node(NUL);
  switch (*at) {
    case 'n': return word("null", NUL);
    case 't': return word("true", TRUE);
    case 'f': return word("false", FALSE);
    case '"': at++; return string();
    case '[': at++; return list(ARRAY, ']', depth);
    case '{': at++; return list(OBJECT, '}', depth);
    default: return number();
  }
}

static char out[2048];
static uint32_t out_length;

static void emit(char c) {
  if (out_length < sizeof out - 1) out[out_length++] = c;
}

static void emit_text(const char *text, uint32_t length) {
  while (length--) emit(*text++);
}

static void emit_number(int64_t value) {
  char digits[20];
  int n = 0;
  uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
  if (value < 0) emit('-');
  do digits[n++] = (char)('0' + magnitude % 10);
  while (magnitude /= 10);
  while (n) emit(digits[--n]);
}

static void print(const Node *n) {
  if (n->key) {
    emit('"');
    emit_text(n->key->text, n->key->length);
    emit_text("\":", 2);
  }
  switch (n->kind) {
    case NUL: emit_text("null", 4); break;
    case FALSE: emit_text("false", 5); break;
    case TRUE: emit_text("true", 4); break;
    case NUMBER: emit_number(n->number); break;
    case STRING:
      emit('"');
      emit_text(n->text, n->length);
      emit('"');
      break;
    case ARRAY:
    case OBJECT:
      emit(n->kind == ARRAY ? '[' : '{');
      for (const Node *c = n->child; c; c = c->next) {
        print(c);
        if (c->next) emit(',');
      }
      emit(n->kind == ARRAY ? ']' : '}');
  }
}

static const char *parse_and_print(const char *text) {
  used = 0;
  error = NULL;
  at = text;
  out_length = 0;
  Node *root = value(0);
  space();
  if (!error && *at) error = "something after the end";
  if (!error) print(root);
  out[out_length] = 0;
  return error;
}

static const char *const documents[] = {
    "null",
    " [ ] ",
    "{\"a\": 1, \"b\": [true, false, null], \"c\": {\"d\": -42}}",
    "[1, 22, 333, 4444, 55555, 9223372036854775807, -9223372036854775807]",
    "{\"name\": \"ring0\", \"quote\": \"say \\\"hi\\\" \\\\\", \"empty\": {}, \"list\": [[[[]]], [1, [2, [3]]]]}",
    "[{\"vector\": 14, \"name\": \"#PF\", \"error\": true}, {\"vector\": 3, \"name\": \"#BP\", \"error\": false}]",
    "[1, 2",
    "{\"a\" 1}",
    "\"abc",
    "truth",
    "[1] 2",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
};

int run(unsigned repeat) {
  static char copy[sizeof out];
  int failed = 0;
  uint32_t sum = 0;
  for (unsigned round = 0; round < repeat; round++) {
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
      const char *problem = parse_and_print(documents[i]);
      if (!problem) {
        memcpy(copy, out, out_length + 1);
        failed |= parse_and_print(copy) != NULL || memcmp(copy, out, out_length + 1) != 0;
      }
      for (uint32_t j = 0; j < out_length; j++) sum = sum * 33 + (uint8_t)out[j];
      if (round) continue;
      put_string(problem ? problem : out);
      put_char('\n');
    }
  }
  put_field("checksum", sum);
  return failed;
}
