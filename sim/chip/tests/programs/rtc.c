/* The real-time clock's wake-up timer gets the chip out of Stop, ten times; the mark changes each time. */
#include "chip.h"

void RTC_IRQHandler(void)
{
    RTC->ISR = ~(BIT(10) | BIT(7)) | (RTC->ISR & BIT(7));
    EXTI->PR = BIT(20);
    result[0] += 1;
    GPIOA->ODR ^= BIT(4);
}

int main(void)
{
    result[0] = 0;
    start_pins();
    SET_BIT(RCC->APB1ENR, PWREN);
    SET_BIT(PWR_CR, BIT(8));
    SET_BIT(RCC->CSR, BIT(0));
    while (!(RCC->CSR & BIT(1))) {
    }
    MODIFY_REG(RCC->CSR, 3u << 16, 2u << 16);
    SET_BIT(RCC->CSR, BIT(18));

    RTC->WPR = 0xca;
    RTC->WPR = 0x53;
    CLEAR_BIT(RTC->CR, BIT(10));
    while (!(RTC->ISR & BIT(2))) {
    }
    RTC->WUTR = 2311;
    CLEAR_BIT(RTC->CR, 7);
    SET_BIT(RTC->CR, BIT(14));
    SET_BIT(RTC->CR, BIT(10));
    RTC->WPR = 0xff;

    SET_BIT(EXTI->IMR, BIT(20));
    SET_BIT(EXTI->RTSR, BIT(20));
    NVIC_ISER = BIT(RTC_IRQn);
    SET_BIT(PWR_CR, BIT(0));
    SET_BIT(SCB_SCR, SCR_SLEEPDEEP);
    while (result[0] < 10)
        wfi();
    rest();
}
