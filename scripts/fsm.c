/* fsm.c - prints the connection state machine, out of the library's own table, as SVG (docs/fsm.svg). */
#include "lens/states.h"

int main(void) {
    states_svg(stdout, TERN_EN, true);
    return fflush(stdout) == 0 ? 0 : 1;
}
