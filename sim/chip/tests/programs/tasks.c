/* A small scheduler, as operating systems for this core have it: two tasks on the process stack, switched by PendSV
   at every tick and whenever one yields by SVC; the idle time slept away by WFE and SLEEPONEXIT.

   result: 0, 1 rounds of either task, 2 errors in what they compute, 3 switches, 4 CONTROL in a task, 5 yields,
   6 wake-ups by SEV, 7 rounds under SLEEPONEXIT. */
#include "chip.h"

#define STACK 64

static uint32_t stacks[2][STACK] __attribute__((aligned(8)));
/* The third is what ran before the first switch, and is never resumed. */
static uint32_t *stack_pointers[3];
static uint32_t current = 2;

/* What a task's registers must keep across switches: eight of them, all live. */
static uint32_t mix(uint32_t seed)
{
    uint32_t a = seed, b = a * 3, c = a ^ 0x55555555, d = a + 7, e = ~a, f = a << 3, g = a >> 5, h = a * a;
    for (uint32_t n = 0; n < 200; n++) {
        __asm__ volatile("" : "+r"(a));
        a += b ^ n;
        b = (b << 5 | b >> 27) + c;
        c ^= d + a;
        d = (d << 7 | d >> 25) ^ e;
        e += f;
        f ^= g + b;
        g = (g << 11 | g >> 21) + h;
        h ^= a + c;
    }
    return a ^ b ^ c ^ d ^ e ^ f ^ g ^ h;
}

static uint32_t expected[2];

static void __attribute__((noreturn)) task(uint32_t which)
{
    uint32_t control;
    __asm__ volatile("mrs %0, control" : "=r"(control));
    result[4] |= control;
    for (;;) {
        if (mix(which + 1) != expected[which])
            result[2] += 1;
        result[which] += 1;
        if (which == 0 && result[0] % 16 == 0)
            __asm__ volatile("svc 0");
        if (which == 0)
            __asm__ volatile("sev");
        if (which == 1 && result[1] % 4 == 0) {
            __asm__ volatile("wfe");
            result[6] += 1;
        }
    }
}

static void prepare(uint32_t which)
{
    uint32_t *top = &stacks[which][STACK];
    *--top = 0x01000000;
    *--top = (uint32_t)task & ~1u;
    for (uint32_t n = 0; n < 5; n++)
        *--top = 0xfffffffd;
    *--top = which;
    stack_pointers[which] = top - 8;
}

void SysTick_Handler(void)
{
    SCB_ICSR = BIT(28);
    if (result[3] >= 1000) {
        /* Enough: what follows runs by interrupts alone. */
        result[7] += 1;
        SCB_ICSR = BIT(27);
    }
}

void SVC_Handler(void)
{
    result[5] += 1;
    SCB_ICSR = BIT(28);
}

static uint32_t *__attribute__((used)) schedule(uint32_t *from)
{
    stack_pointers[current] = from;
    result[3] += 1;
    current = current == 0;
    if (result[3] == 1000) {
        MARK_HIGH();
        SET_BIT(SCB_SCR, BIT(1));
    }
    return stack_pointers[current];
}

/* Eight registers on the task's stack, the other task's eight from its stack. */
void __attribute__((naked)) PendSV_Handler(void)
{
    __asm__(".syntax unified\n"
            "mrs r0, psp\n"
            "subs r0, #32\n"
            "mov r1, r0\n"
            "stmia r1!, {r4-r7}\n"
            "mov r4, r8\n mov r5, r9\n mov r6, r10\n mov r7, r11\n"
            "stmia r1!, {r4-r7}\n"
            "push {r3, lr}\n"
            "bl schedule\n"
            "adds r0, #16\n"
            "ldmia r0!, {r4-r7}\n"
            "mov r8, r4\n mov r9, r5\n mov r10, r6\n mov r11, r7\n"
            "msr psp, r0\n"
            "subs r0, #32\n"
            "ldmia r0!, {r4-r7}\n"
            "pop {r3, pc}\n");
}

int main(void)
{
    for (uint32_t n = 0; n < 8; n++)
        result[n] = 0;
    start_pins();
    for (uint32_t n = 0; n < 2; n++) {
        expected[n] = mix(n + 1);
        prepare(n);
    }
    SCB_SHPR3 = 0x40c00000;
    SYST_RVR = 2096;
    SYST_CVR = 0;
    /* Thread mode goes on on the process stack, below what is prepared there. */
    uint32_t *below = stack_pointers[1] - 24;
    __asm__ volatile("msr psp, %0\n\tmovs r0, #2\n\tmsr control, r0\n\tisb" ::"r"(below) : "r0", "memory");
    SYST_CSR = 7;
    __asm__ volatile("1: b 1b");
    return 0;
}
