/* The platform on the host: stdio and an exit status. */
#include <stdio.h>

#include "platform.h"

void put_char(char c) { putchar(c); }

int main(void) { return run(REPEAT); }
