/* Writes its own flash and the EEPROM, from flash and from RAM.

   result: 0 steps done, 1 first error of FLASH_SR, 2 loops that ran in RAM while a page was erased, 3 the same
   for a word programmed, 4 TIM2 ticks of 16 cycles that code in flash stood still for an EEPROM word, 5 FLASH_SR
   after a write to the locked EEPROM, 6 FLASH_PECR in the end, 7 ticks that a handler in RAM served during an
   erase, 8 ticks that came to it during as long an erase for which code in flash waited, 9 loops
   that ran beside the handler. */
#include "chip.h"

#define PAGE 0x08003f80u
#define EEPROM 0x08080000u
#define ERRORS 0x32f00u

/* Stores a word and waits for the memory, toggling the mark: from RAM, so that it goes on. */
static uint32_t RAM_FUNCTION store_from_ram(volatile uint32_t *where, uint32_t value)
{
    uint32_t loops = 0;
    *where = value;
    while (FLASH->SR & 1) {
        loops += 1;
        GPIOA->BSRR = BIT(4);
        GPIOA->BRR = BIT(4);
    }
    return loops;
}

/* The vector table while ticks are counted, and the handler that serves them: both in RAM. */
static uint32_t ram_vectors[48] __attribute__((aligned(256)));
static volatile uint32_t ticks;

static void RAM_FUNCTION tick(void) { ticks += 1; }

/* Erases the page once more, by code in RAM or in flash, with a tick every 210 cycles. */
static uint32_t erase_ticking(int from_ram)
{
    ticks = 0;
    SYST_RVR = 209;
    SYST_CVR = 0;
    SYST_CSR = 7;
    if (from_ram)
        result[9] = store_from_ram((volatile uint32_t *)PAGE, 0);
    else
        *(volatile uint32_t *)PAGE = 0;
    while (FLASH->SR & 1) {
    }
    SYST_CSR = 0;
    return ticks;
}

static void unlock_eeprom(void)
{
    if (FLASH->PECR & 1) {
        FLASH->PEKEYR = 0x89abcdef;
        FLASH->PEKEYR = 0x02030405;
    }
}

static void unlock_flash(void)
{
    unlock_eeprom();
    if (FLASH->PECR & 2) {
        FLASH->PRGKEYR = 0x8c9daebf;
        FLASH->PRGKEYR = 0x13141516;
    }
}

static void settle(void)
{
    while (FLASH->SR & 1) {
    }
    if (!result[1])
        result[1] = FLASH->SR & ERRORS;
    FLASH->SR = ERRORS | 2;
}

int main(void)
{
    for (uint32_t n = 0; n < 10; n++)
        result[n] = 0;
    start_pins();
    SET_BIT(RCC->APB1ENR, TIM2EN);
    TIM2->PSC = 15;
    TIM2->ARR = 0xffff;
    TIM2->EGR = 1;
    TIM2->CR1 = 1;

    /* Locked: refused, and said so. */
    *(volatile uint32_t *)(EEPROM + 0x100) = 1;
    result[5] = FLASH->SR;
    FLASH->SR = ERRORS;

    unlock_flash();
    SET_BIT(FLASH->PECR, BIT(9) | BIT(3));
    result[2] = store_from_ram((volatile uint32_t *)PAGE, 0);
    settle();
    for (uint32_t n = 0; n < 48; n++)
        ram_vectors[n] = ((volatile uint32_t *)0x08000000)[n];
    ram_vectors[15] = (uint32_t)tick;
    SCB_VTOR = (uint32_t)ram_vectors;
    result[7] = erase_ticking(1);
    settle();
    result[8] = erase_ticking(0);
    settle();
    SCB_VTOR = 0x08000000;
    CLEAR_BIT(FLASH->PECR, BIT(9) | BIT(3));
    result[0] = 1;

    result[3] = store_from_ram((volatile uint32_t *)PAGE, 0xdeadbeef);
    settle();
    *(volatile uint32_t *)(PAGE + 0x7c) = 0x01020304;
    settle();
    result[0] = 2;

    /* The EEPROM takes all widths, and writes bytes into what is there. */
    uint16_t before = (uint16_t)TIM2->CNT;
    *(volatile uint32_t *)EEPROM = 0x11223344;
    settle();
    result[4] = (uint16_t)((uint16_t)TIM2->CNT - before);
    *(volatile uint8_t *)(EEPROM + 1) = 0xaa;
    settle();
    *(volatile uint16_t *)(EEPROM + 6) = 0xbeef;
    settle();
    *(volatile uint32_t *)(EEPROM + 8) = 0x55555555;
    settle();
    *(volatile uint32_t *)(EEPROM + 8) = 0;
    settle();
    result[0] = 3;

    SET_BIT(FLASH->PECR, 1);
    /* The page has become code's neighbour: read it back as data. */
    if (*(volatile uint32_t *)PAGE == 0xdeadbeef && *(volatile uint32_t *)(PAGE + 0x7c) == 0x01020304)
        result[0] = 4;
    result[6] = FLASH->PECR;
    rest();
}
