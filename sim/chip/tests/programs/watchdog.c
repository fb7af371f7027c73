/* The independent watchdog, and how a program tells causes of resets apart.

   RAM outlives resets. result: 0 magic while the story runs, 1 boots, 2.. RCC_CSR as found at each boot.
   Boot 1: feeds the watchdog for 200 ms, then no more. Boot 2: resets itself by software. Boot 3: starts the
   watchdog, sleeps in Stop, which does not hold it. Boot 4: done. */
#include "chip.h"

#define MAGIC 0x600dcafeu

static void start_watchdog(void)
{
    IWDG->KR = 0xcccc;
    IWDG->KR = 0x5555;
    IWDG->PR = 3;
    IWDG->RLR = 1155;
    while (IWDG->SR) {
    }
    IWDG->KR = 0xaaaa;
}

static void wait_ms(uint32_t ms)
{
    SYST_RVR = 2096;
    SYST_CVR = 0;
    SYST_CSR = 5;
    while (ms)
        if (SYST_CSR & BIT(16))
            ms -= 1;
}

int main(void)
{
    if (result[0] != MAGIC) {
        result[0] = MAGIC;
        result[1] = 0;
    }
    uint32_t boot = result[1]++;
    result[2 + boot] = RCC->CSR;
    SET_BIT(RCC->CSR, BIT(23));
    CLEAR_BIT(RCC->CSR, BIT(23));
    result[8 + boot] = RCC->CSR;
    start_pins();
    switch (boot) {
    case 0:
        start_watchdog();
        for (uint32_t n = 0; n < 20; n++) {
            wait_ms(10);
            IWDG->KR = 0xaaaa;
        }
        MARK_HIGH();
        for (;;) {
        }
    case 1:
        SCB_AIRCR = 0x05fa0004;
        for (;;) {
        }
    case 2:
        start_watchdog();
        SET_BIT(SCB_SCR, SCR_SLEEPDEEP);
        MARK_HIGH();
        for (;;)
            wfi();
    default:
        MARK_HIGH();
        rest();
    }
}
