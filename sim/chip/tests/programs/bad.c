/* Programs that go wrong, one for each value of CASE. Where it goes wrong is the label `wrong`. */
#include "chip.h"

#if CASE == 1 /* jumps to where nothing is */
#define WRONG "ldr r0, =0x30000001\nwrong: bx r0\n.pool"
#elif CASE == 2 /* reads where nothing is */
#define WRONG "ldr r0, =0x30000000\nwrong: ldr r1, [r0]\n.pool"
#elif CASE == 3 /* reads a word at an odd address */
#define WRONG "ldr r0, =0x20000001\nwrong: ldr r1, [r0]\n.pool"
#elif CASE == 4 /* an instruction that the core does not have */
#define WRONG "wrong: .short 0xde00"
#elif CASE == 5 /* a function pointer without the Thumb bit */
#define WRONG "ldr r0, =main\nmovs r1, #1\nbics r0, r1\nwrong: bx r0\n.pool"
#elif CASE == 6 /* loops for ever */
#define WRONG "wrong: b wrong"
#elif CASE == 7 /* runs the stack out of RAM */
#define WRONG "wrong: push {r0-r7}\nb wrong"
#elif CASE == 8 /* faults in the handler of a fault: lockup */
#define WRONG "ldr r0, =0x30000000\nwrong: ldr r1, [r0]\n.pool"
#define HANDLER "ldr r0, =0x30000000\nworse: ldr r1, [r0]\nb worse\n.pool"
#elif CASE == 9 /* sleeps with everything masked and nothing to wake it */
#define WRONG "cpsid i\nwrong: wfi\nb wrong"
#endif

__asm__(".syntax unified\n.text\n.thumb\n.thumb_func\n.global go_wrong\ngo_wrong:\n.global wrong\n" WRONG "\n");

#ifdef HANDLER
__asm__(".text\n.thumb\n.thumb_func\n.global HardFault_Handler\nHardFault_Handler:\n.global worse\n" HANDLER "\n");
#else
void HardFault_Handler(void)
{
    result[0] = 0xfa017;
    for (;;) {
    }
}
#endif

void go_wrong(void);

int main(void)
{
    result[0] = 0;
    start_pins();
    go_wrong();
}
