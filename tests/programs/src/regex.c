/* A matcher for . [a-z] [^a-z] * + ? ( | ) ^ $ by recursion over pattern and text. It backtracks over
   everything but the inside of a group that has matched. */
#include "platform.h"

static const char *subject_start;

static int match_here(const char *re, const char *re_end, const char *s, const char **stop,
                      int depth);

/* The end of the alternative group or atom that starts at `re`. */
static const char *atom_end(const char *re) {
  if (*re == '\\') return re + 2;
  if (*re == '[') {
    re++;
    if (*re == '^') re++;
    do re++;
    while (*re != ']');
    return re + 1;
  }
  if (*re == '(') {
    int open = 0;
    do {
      if (*re == '(') open++;
      if (*re == ')') open--;
      re++;
    } while (open);
    return re;
  }
  return re + 1;
}

static int match_class(const char *re, char c) {
  int negate = re[1] == '^', found = 0;
  for (re += 1 + negate; *re != ']'; re++) {
    if (re[1] == '-' && re[2] != ']') {
      found |= re[0] <= c && c <= re[2];
      re += 2;
    } else {
      found |= *re == c;
    }
  }
  return found != negate;
}

static int match_one(const char *re, char c) {
  switch (*re) {
    case '.': return c != 0;
    case '[': return c != 0 && match_class(re, c);
    case '\\': return c == re[1];
    default: return c == *re;
  }
}

/* The next top-level '|' in [re, end), or end. */
static const char *bar(const char *re, const char *end) {
  while (re < end && *re != '|') re = atom_end(re);
  return re < end ? re : end;
}

/* A group: each alternative followed by what comes after the group; `least`/`most` repetitions. */
static int match_group(const char *re, const char *inner_end, const char *rest, const char *re_end,
                       const char *s, int least, int most, const char **stop, int depth) {
  if (depth > 40) return 0;
  if (most > 0) {
    for (const char *alt = re; alt <= inner_end;) {
      const char *alt_end = bar(alt, inner_end);
      const char *reached = s;
      if (match_here(alt, alt_end, s, &reached, depth + 1) && reached != s &&
          match_group(re, inner_end, rest, re_end, reached, least - 1, most - 1, stop, depth + 1)) {
        return 1;
      }
      alt = alt_end + 1;
    }
  }
  return least <= 0 && match_here(rest, re_end, s, stop, depth + 1);
}

static int match_here(const char *re, const char *re_end, const char *s, const char **stop,
                      int depth) {
  if (re >= re_end) {
    *stop = s;
    return 1;
  }
  if (*re == '^') return s == subject_start && match_here(re + 1, re_end, s, stop, depth);
  if (*re == '$') return *s == 0 && match_here(re + 1, re_end, s, stop, depth);
  const char *end = atom_end(re), *rest = end;
  int least = 1, most = 1;
  if (rest < re_end) {
    if (*rest == '*') least = 0, most = 1000, rest++;
    else if (*rest == '+') most = 1000, rest++;
    else if (*rest == '?') least = 0, rest++;
  }
  if (*re == '(') {
    return match_group(re + 1, end - 1, rest, re_end, s, least, most, stop, depth);
  }
  int n = 0;
  while (n < most && match_one(re, s[n])) n++;
  for (; n >= least; n--) {
    if (match_here(rest, re_end, s + n, stop, depth)) return 1;
  }
  return 0;
}

/* Leftmost match: its start and length, or -1. */
static int search(const char *re, const char *s, int *length) {
  const char *re_end = re, *stop;
  while (*re_end) re_end++;
  subject_start = s;
  for (const char *at = s;; at++) {
    for (const char *alt = re; alt <= re_end;) {
      const char *alt_end = bar(alt, re_end);
      if (match_here(alt, alt_end, at, &stop, 0)) {
        *length = (int)(stop - at);
        return (int)(at - s);
      }
      alt = alt_end + 1;
    }
    if (!*at) return -1;
  }
}

static const struct {
  const char *re, *subject;
} cases[] = {
    {"abc", "xxabcxx"},
    {"^abc$", "abc"},
    {"^abc$", "abcd"},
    {"a*b", "caaab"},
    {"a+b", "cb ab"},
    {"colou?r", "the color of a colour"},
    {"[0-9]+\\.[0-9]+", "pi is 3.14159, e is 2.718"},
    {"[^ ]+@[a-z]+\\.(com|org|net)", "write to first.last@example.org today"},
    {"(ab|cd)+e", "xxabcdabe"},
    {"(a|b)*c", "ababababac"},
    {"(ab)?cd", "abcd"},
    {"x|yy|zzz", "a zzz b"},
    {"h.llo", "say hello"},
    {"^(GET|POST) /[a-z/]* HTTP", "POST /a/b/c HTTP/1.1"},
    {"(a*)*b", "aaaaaaaaaaac"},
    {"0x[0-9a-f]+$", "at 0xdeadbeef"},
};

int run(unsigned repeat) {
  uint32_t sum = 0;
  for (unsigned round = 0; round < repeat; round++) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
      int length = 0, at = search(cases[i].re, cases[i].subject, &length);
      sum = sum * 31 + (uint32_t)(at * 64 + length);
      if (round) continue;
      put_string(cases[i].re);
      put_string(" ~ ");
      put_string(cases[i].subject);
      put_string(" -> ");
      put_signed(at);
      if (at >= 0) put_char('+'), put_signed(length);
      put_char('\n');
    }
  }
  put_field("checksum", sum);
  return 0;
}
