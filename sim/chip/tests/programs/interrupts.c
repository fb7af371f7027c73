/* Interrupts of all priorities, nested and chained.

   First a sequence made by hand, written down in `result` from word 8 as one byte per entry (capital) and
   return (small letter); then all timers at once for a second, counted in words 0..4: TIM2, TIM21, LPTIM1,
   EXTI, SysTick. Word 5: PSP in use (0), 6: done, 7: deepest nesting seen. */
#include "chip.h"

static volatile uint32_t at, depth, counting, again;

static void note(char what)
{
    volatile uint8_t *log = (volatile uint8_t *)&result[8];
    log[at++] = (uint8_t)what;
}

static void enter(uint32_t who)
{
    depth += 1;
    if (depth > result[7])
        result[7] = depth;
    if (counting)
        result[who] += 1;
}

/* Priority 3. Asks for everything more urgent, one after the other, and for SysTick, which is not. */
void TIM2_IRQHandler(void)
{
    TIM2->SR = ~1u;
    enter(0);
    if (!counting) {
        note('T');
        SCB_ICSR = BIT(26);
        NVIC_ISPR = BIT(TIM21_IRQn);
        __asm__ volatile("dsb\n\tisb");
        note('t');
    }
    depth -= 1;
}

/* Priority 2. */
void TIM21_IRQHandler(void)
{
    TIM21->SR = ~1u;
    enter(1);
    if (!counting) {
        note('M');
        NVIC_ISPR = BIT(LPTIM1_IRQn);
        __asm__ volatile("dsb\n\tisb");
        note('m');
    }
    depth -= 1;
}

/* Priority 1. Masked, a more urgent one waits until the mask goes. */
void LPTIM1_IRQHandler(void)
{
    LPTIM1->ICR = 0x7f;
    enter(2);
    if (!counting) {
        note('L');
        disable_irq();
        EXTI->SWIER = BIT(1);
        __asm__ volatile("dsb\n\tisb");
        note('-');
        enable_irq();
        __asm__ volatile("isb");
        note('l');
    }
    depth -= 1;
}

/* Priority 0. */
void EXTI0_1_IRQHandler(void)
{
    enter(3);
    EXTI->PR = BIT(0) | BIT(1);
    if (!counting) {
        note('E');
        if (!again)
            NVIC_ISPR = BIT(TIM2_IRQn);
        again = 1;
        note('e');
    }
    depth -= 1;
}

/* Priority 3, as TIM2, but of the lower exception number: goes first. */
void SysTick_Handler(void)
{
    enter(4);
    if (!counting)
        note('S');
    depth -= 1;
}

void PendSV_Handler(void) { note('P'); }
void SVC_Handler(void) { note('V'); }

int main(void)
{
    for (uint32_t n = 0; n < 32; n++)
        result[n] = 0;
    start_pins();
    SET_BIT(RCC->APB1ENR, TIM2EN | LPTIM1EN);
    SET_BIT(RCC->APB2ENR, TIM21EN | SYSCFGEN);
    set_priority(TIM2_IRQn, 3);
    set_priority(TIM21_IRQn, 2);
    set_priority(LPTIM1_IRQn, 1);
    set_priority(EXTI0_1_IRQn, 0);
    SCB_SHPR3 = 0xc0c00000;
    CLEAR_BIT(GPIOA->MODER, 3);
    SET_BIT(EXTI->IMR, BIT(0) | BIT(1));
    SET_BIT(EXTI->FTSR, BIT(0));
    NVIC_ISER = BIT(TIM2_IRQn) | BIT(TIM21_IRQn) | BIT(LPTIM1_IRQn) | BIT(EXTI0_1_IRQn);

    /* By hand. TIM2 and PendSV pend together while masked: PendSV has the lower number. */
    disable_irq();
    SCB_ICSR = BIT(28);
    NVIC_ISPR = BIT(TIM2_IRQn);
    note('<');
    enable_irq();
    __asm__ volatile("isb");
    note('>');
    __asm__ volatile("svc 0");
    note('.');

    /* All at once. TIM2 at 100 Hz, TIM21 at 1000 Hz, SysTick at 1000 Hz of the MSI; LPTIM1 at 100 Hz of the LSI;
       EXTI from outside. */
    disable_irq();
    SET_BIT(RCC->CSR, 1);
    while (!(RCC->CSR & 2)) {
    }
    MODIFY_REG(RCC->CCIPR, 3u << 18, 1u << 18);
    LPTIM1->IER = 2;
    LPTIM1->CR = 1;
    LPTIM1->ARR = 369;
    TIM2->PSC = 0;
    TIM2->ARR = 20971;
    TIM2->EGR = 1;
    TIM2->SR = 0;
    TIM2->DIER = 1;
    TIM21->PSC = 0;
    TIM21->ARR = 2096;
    TIM21->EGR = 1;
    TIM21->SR = 0;
    TIM21->DIER = 1;
    SYST_RVR = 2096;
    SYST_CVR = 0;
    NVIC_ICPR = 0xffffffff;
    counting = 1;
    result[7] = 0;
    MARK_HIGH();
    SYST_CSR = 7;
    LPTIM1->CR = 5;
    TIM2->CR1 = 1;
    TIM21->CR1 = 1;
    enable_irq();
    /* Sleeps; SysTick's thousandth ends it. */
    while (result[4] < 1000)
        wfi();
    MARK_LOW();
    disable_irq();
    __asm__ volatile("mrs %0, control" : "=r"(result[5]));
    result[6] = 1;
    rest();
}
