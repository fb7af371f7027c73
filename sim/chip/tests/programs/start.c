/* Vector table and start-up: sets up RAM as C expects it, runs the C library's constructors, calls main. */
#include "chip.h"

extern uint32_t _data_load, _data, _data_end, _bss, _bss_end, _stack_top;
extern void __libc_init_array(void);
extern int main(void);

volatile uint32_t result[32] __attribute__((section(".result")));

void _init(void) {}
void _fini(void) {}

void __attribute__((noreturn)) Reset_Handler(void)
{
    uint32_t *from = &_data_load;
    for (uint32_t *to = &_data; to < &_data_end;)
        *to++ = *from++;
    for (uint32_t *to = &_bss; to < &_bss_end;)
        *to++ = 0;
    __libc_init_array();
    main();
    rest();
}

/* Any handler that a program does not have: stays there, for a debugger to see. */
void Default_Handler(void)
{
    for (;;)
        __asm__ volatile("" ::: "memory");
}

#define WEAK __attribute__((weak, alias("Default_Handler")))
WEAK void NMI_Handler(void);
WEAK void HardFault_Handler(void);
WEAK void SVC_Handler(void);
WEAK void PendSV_Handler(void);
WEAK void SysTick_Handler(void);
WEAK void RTC_IRQHandler(void);
WEAK void EXTI0_1_IRQHandler(void);
WEAK void EXTI2_3_IRQHandler(void);
WEAK void EXTI4_15_IRQHandler(void);
WEAK void LPTIM1_IRQHandler(void);
WEAK void TIM2_IRQHandler(void);
WEAK void TIM21_IRQHandler(void);

typedef void (*vector)(void);

const vector vectors[48] __attribute__((section(".vectors"), used)) = {
    (vector)&_stack_top,
    Reset_Handler,
    NMI_Handler,
    HardFault_Handler,
    [11] = SVC_Handler,
    [14] = PendSV_Handler,
    [15] = SysTick_Handler,
    [16 + RTC_IRQn] = RTC_IRQHandler,
    [16 + EXTI0_1_IRQn] = EXTI0_1_IRQHandler,
    [16 + EXTI2_3_IRQn] = EXTI2_3_IRQHandler,
    [16 + EXTI4_15_IRQn] = EXTI4_15_IRQHandler,
    [16 + LPTIM1_IRQn] = LPTIM1_IRQHandler,
    [16 + TIM2_IRQn] = TIM2_IRQHandler,
    [16 + TIM21_IRQn] = TIM21_IRQHandler,
};
